/** Where the window finds the application and the camera: the host puts them on the page before the scripts run. */
import type { CameraAccess } from '../../shared/bridge/camera-access.ts';
import type { Bridge } from '../../shared/bridge/contract.ts';

declare global {
  interface Window {
    readonly bothy?: Bridge;
    readonly bothyCamera?: CameraAccess;
  }
}

export function findBridge(): Bridge | null {
  return window.bothy ?? null;
}

/** Null where the host leaves the camera to the browser. */
export function findCamera(): CameraAccess | null {
  return window.bothyCamera ?? null;
}
