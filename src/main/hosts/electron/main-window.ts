/** The window: sandboxed, isolated, without Node, and where the person left it. */
import { BrowserWindow, Menu, nativeTheme } from 'electron';
import { appUrl } from './app-scheme.ts';
import { textMenu } from './application-menu.ts';
import { keepWindowState, rememberedWindowState } from './window-state.ts';

/** The page's own background, so that nothing flashes before it is drawn. */
const background = { light: '#f7f5f2', dark: '#171513' };

export interface OpenedWindow {
  readonly window: BrowserWindow;
  /** Resolves when the page has all its files, or could not be loaded: serving them is the work of this process. */
  readonly loaded: Promise<void>;
}

export function openMainWindow(preloadFile: string, profileDirectory: string): OpenedWindow {
  const state = rememberedWindowState(profileDirectory);
  const window = new BrowserWindow({
    ...state.bounds,
    minWidth: 360,
    minHeight: 480,
    show: false,
    title: 'Bothy',
    autoHideMenuBar: true,
    backgroundColor: nativeTheme.shouldUseDarkColors ? background.dark : background.light,
    webPreferences: {
      preload: preloadFile,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      webviewTag: false,
      allowRunningInsecureContent: false,
      navigateOnDragDrop: false,
      safeDialogs: true,
      // The dictionaries would be fetched from a server.
      spellcheck: false,
      v8CacheOptions: 'bypassHeatCheck',
    },
  });
  if (state.maximized) window.maximize();
  keepWindowState(window, profileDirectory);
  window.webContents.on('context-menu', (_event, context) => {
    const items = textMenu(context);
    if (items.length > 0) Menu.buildFromTemplate(items).popup({ window });
  });
  window.once('ready-to-show', () => window.show());
  const loaded = new Promise<void>((resolve) => {
    window.webContents.once('dom-ready', () => resolve());
    window.once('closed', () => resolve());
    window.loadURL(appUrl).catch(() => resolve());
  });
  return { window, loaded };
}
