/** Names of the IPC channels between preload and main. */
export const callChannel = 'bothy:call';
export const eventsChannel = 'bothy:events';
export const networkChannel = 'bothy:network';
export const cameraChannel = 'bothy:camera';
