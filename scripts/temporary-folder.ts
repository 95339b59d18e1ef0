/** Where a run of the tests keeps what is temporary. */
import { chmodSync, mkdtempSync, readFileSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

/** Bytes: far more than conversations and a packaged app were seen to take (23 MB), for whatever tests come. */
const roomNeeded = 1024 ** 3;

/**
 * A folder for everything temporary. Tests wait for thousands of writes to reach the disk, one after another; where the
 * system offers a file system in memory that programs may be started from, the speed of a disk does not come into it.
 */
export function temporaryFolder(): string {
  const memory = '/dev/shm';
  let parent = tmpdir();
  try {
    const mount = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .findLast((line) => line.split(' ')[1] === memory);
    const [, , type, flags = ''] = mount?.split(' ') ?? [];
    const { bavail, bsize } = statfsSync(memory);
    const fits = type === 'tmpfs' && !flags.split(',').includes('noexec') && bavail * bsize >= roomNeeded;
    if (fits && process.env['TMPDIR'] === undefined) parent = memory;
  } catch {
    // Not Linux.
  }
  const folder = mkdtempSync(join(parent, 'bothy-tests-'));
  // Servers under test may run as a user of their own; their folders in here say who may read them.
  chmodSync(folder, 0o711);
  return folder;
}
