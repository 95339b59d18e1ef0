/** The menus: what every desktop expects of one (quit, edit, zoom), and nothing more. */
import process from 'node:process';
import { app, type ContextMenuParams, Menu, type MenuItemConstructorOptions } from 'electron';

export function applicationMenu(): Menu {
  const view: MenuItemConstructorOptions[] = [
    { role: 'resetZoom' },
    { role: 'zoomIn' },
    { role: 'zoomOut' },
    { type: 'separator' },
    { role: 'togglefullscreen' },
  ];
  if (!app.isPackaged) view.push({ role: 'toggleDevTools' });
  return Menu.buildFromTemplate([
    process.platform === 'darwin' ? { role: 'appMenu' } : { label: '&File', submenu: [{ role: 'quit' }] },
    { role: 'editMenu' },
    { label: '&View', submenu: view },
    { role: 'windowMenu' },
  ]);
}

/** What a right click on text offers. */
export function textMenu(context: ContextMenuParams): MenuItemConstructorOptions[] {
  if (context.isEditable) {
    return [
      { role: 'undo' },
      { role: 'redo' },
      { type: 'separator' },
      { role: 'cut' },
      { role: 'copy' },
      { role: 'paste' },
      { type: 'separator' },
      { role: 'selectAll' },
    ];
  }
  return context.selectionText.trim() === '' ? [] : [{ role: 'copy' }];
}
