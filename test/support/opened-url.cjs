/**
 * Loaded by Electron before the app: opens links as macOS does, by the event, one before Electron is ready and one when
 * the window is there.
 */
const { app } = require('electron');

const takeLock = app.requestSingleInstanceLock.bind(app);
const opened = (link) => app.emit('open-url', { preventDefault() {} }, link);

app.requestSingleInstanceLock = (...given) => {
  if (app.isReady()) throw new Error('Too late: Electron is ready');
  opened('xmpp:early@example.org?join');
  return takeLock(...given);
};
app.on('browser-window-created', (_event, window) => {
  window.webContents.once('did-finish-load', () => opened('xmpp:example.org'));
});
