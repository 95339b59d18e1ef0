/** The envelope of a command on its way from a window to the application, checked before anything looks inside. */
import type { CommandArguments, CommandName } from '../../../shared/bridge/contract.ts';
import { fail, type Result } from '../../../shared/errors.ts';
import type { App } from '../../app/create-app.ts';

/** Longer than the longest command name by far. */
const longestCommand = 64;
/** A message of the longest length allowed, with room; more than that is no command of ours. */
export const longestRequest = 1024 * 1024;

/** Shape only: the application validates names and arguments against the contract's schemas. */
export async function callFromWindow(app: App, command: unknown, args: unknown): Promise<Result<unknown>> {
  if (typeof command !== 'string' || command.length > longestCommand || !isPlainObject(args)) {
    return fail('request.malformed', 'The window asked for something that is not understood.');
  }
  return app.call(command as CommandName, args as unknown as CommandArguments<CommandName>);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
