/** What can be said on the command line. */
import { resolve } from 'node:path';

/** `--profile DIR` or `--profile=DIR`, as an absolute path; null when it is not given. */
export function profileArgument(argv: readonly string[]): string | null {
  for (const [index, word] of argv.entries()) {
    if (word.startsWith('--profile=')) return resolve(word.slice('--profile='.length));
    const next = argv[index + 1];
    if (word === '--profile' && next !== undefined) return resolve(next);
  }
  return null;
}
