/**
 * All that a page may see of the application: `window.bothy`, the Bridge, and `window.bothyCamera`. Runs sandboxed,
 * before the page.
 */
import { contextBridge, ipcRenderer } from 'electron';
import type { CameraAccess } from '../../../shared/bridge/camera-access.ts';
import type { Bridge, BridgeEvent } from '../../../shared/bridge/contract.ts';
import { callChannel, cameraChannel, eventsChannel, networkChannel } from './channels.ts';

const listeners = new Set<(event: BridgeEvent) => void>();

const bridge: Bridge = {
  call: (command, args) => ipcRenderer.invoke(callChannel, command, args),
  subscribe(listener) {
    // A new function each time, so that the same listener may subscribe twice and leave once.
    const entry = (event: BridgeEvent): void => listener(event);
    listeners.add(entry);
    return () => {
      listeners.delete(entry);
    };
  },
};

const camera: CameraAccess = {
  // This world is not the page's own: what it says of the person's pressing something is the browser's word.
  open: async () => navigator.userActivation.isActive && (await ipcRenderer.invoke(cameraChannel, true)) === true,
  close: () => void ipcRenderer.invoke(cameraChannel, false),
};

ipcRenderer.on(eventsChannel, (_event, events: readonly BridgeEvent[]) => {
  for (const event of events) for (const listener of [...listeners]) listener(event);
});
globalThis.addEventListener('online', () => ipcRenderer.send(networkChannel));
contextBridge.exposeInMainWorld('bothy', bridge);
contextBridge.exposeInMainWorld('bothyCamera', camera);
