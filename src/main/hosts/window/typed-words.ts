/** What was typed on the command line, or the end of the process with the reason why it is not understood. */
import process from 'node:process';
import { readWindowOptions, type WindowOptions } from './window-options.ts';

export function windowOptionsOrExit(words: readonly string[]): WindowOptions {
  try {
    return readWindowOptions(words);
  } catch (error) {
    console.error(`Bothy: ${error instanceof Error ? error.message : 'the command line is not understood'}`);
    process.exit(2);
  }
}
