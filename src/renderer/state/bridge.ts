/** Where the window finds the application: the host puts one `Bridge` on the page before the scripts run. */
import type { Bridge } from '../../shared/bridge/contract.ts';

declare global {
  interface Window {
    readonly bothy?: Bridge;
  }
}

export function findBridge(): Bridge | null {
  return window.bothy ?? null;
}
