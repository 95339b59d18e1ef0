/** Errors that nobody caught. By itself Node would print them whole, with whatever text is in them. */
import process from 'node:process';
import { traceOf } from '../../shared/error-trace.ts';
import type { Logger } from '../app/ports.ts';

/** `end`: what to do then; the program goes on where there is nothing. */
export function logUnexpected(logger: Logger, end: () => void = () => {}): void {
  const log = (error: unknown): void => {
    logger.log('error', 'unexpected', { reason: traceOf(error) });
    end();
  };
  process.on('uncaughtException', log);
  process.on('unhandledRejection', log);
}
