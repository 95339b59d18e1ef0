/**
 * How far the ratchets of a profile have moved, kept outside its folder: an old copy of the folder that was put back is
 * then known to be old. Small files that need not survive everything: a missing one says nothing.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { makePrivateDirectory } from './files.ts';

/** A folder that cannot be read or written is as if there were none: nothing here throws. */
export interface StepMarker {
  /** Null: nothing is known. */
  read(profile: string): number | null;
  write(profile: string, steps: number): void;
  close(): void;
}

const digits = 16;
const form = /^[0-9]{16}\n$/;

/** `directory` is made if it does not exist. `profile` is a name of hexadecimal digits. */
export function openStepMarker(directory: string): StepMarker {
  const files = new Map<string, number>();
  const fileOf = (profile: string): number => {
    if (!/^[0-9a-f]+$/.test(profile)) throw new RangeError('not a name of a marker');
    const open = files.get(profile);
    if (open !== undefined) return open;
    makePrivateDirectory(directory);
    const path = join(directory, `profile-${profile}`);
    const file = existing(path) ?? openSync(path, 'w+', 0o600);
    files.set(profile, file);
    return file;
  };
  return {
    read(profile) {
      const text = Buffer.alloc(digits + 1);
      const length = attempt(() => readSync(fileOf(profile), text, 0, text.length, 0)) ?? 0;
      const read = text.toString('latin1', 0, length);
      return form.test(read) ? Number(read) : null;
    },
    // Over what is there, in one write: a crash leaves the old number or the new one. Not forced to the disk: a number
    // that a power cut takes back is too low, which alarms nobody.
    write(profile, steps) {
      attempt(() => writeSync(fileOf(profile), `${String(steps).padStart(digits, '0')}\n`, 0, 'latin1'));
    },
    close() {
      for (const file of files.values()) attempt(() => closeSync(file));
      files.clear();
    },
  };
}

function existing(path: string): number | null {
  return attempt(() => openSync(path, 'r+'));
}

/** Null: the file system refused. */
function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return null;
    throw error;
  }
}
