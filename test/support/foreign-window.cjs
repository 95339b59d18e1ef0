// Given to Electron with --require: opens a window that has our preload script but is not the window of the app, as a
// page would that found a way to open one. Not reachable in the product: nothing there opens a second window.
const { app, BrowserWindow } = require('electron');
const { join } = require('node:path');

app.on('browser-window-created', (_event, created) => {
  if (BrowserWindow.getAllWindows().length > 1) return;
  created.webContents.once('did-finish-load', () => {
    const foreign = new BrowserWindow({
      show: false,
      webPreferences: {
        preload: join(__dirname, '..', '..', 'out', 'preload', 'preload.cjs'),
        sandbox: true,
        contextIsolation: true,
      },
    });
    foreign.loadURL('bothy://app/?foreign');
  });
});
