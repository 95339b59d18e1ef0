/**
 * Where this computer keeps what must not be part of a profile, nor come back with a backup of it: how far the ratchets
 * have moved (docs/decisions/0061). Nothing in it is secret, and losing it costs nothing but the knowledge.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';

export function stateDirectory(): string {
  // Caches are left out of backups there.
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'Bothy');
  if (process.platform === 'win32') return join(process.env['LOCALAPPDATA'] || homedir(), 'Bothy', 'State');
  return join(process.env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'bothy');
}
