/** The system's register of apps for `xmpp:` links. Packages put Bothy among them; only the person puts it first. */
import process from 'node:process';
import { app as electron } from 'electron';
import type { LinkRegistry } from '../../app/ports.ts';

const scheme = 'xmpp';
/** Windows puts the link into a command line: nothing after this is a switch, whatever the link holds. */
const words = ['--'];

/** Null when this is no package: what would be registered is Electron, without the app. */
export function linkRegistry(): LinkRegistry | null {
  if (!electron.isPackaged) return null;
  return {
    isOurs: () => electron.isDefaultProtocolClient(scheme, process.execPath, words),
    claim: () => electron.setAsDefaultProtocolClient(scheme, process.execPath, words),
  };
}
