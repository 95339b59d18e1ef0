/** What can go wrong between two linked devices, in words. */
import type { Element } from '@xmpp/xml';
import { type AppError, appError, fail, ok, type Result } from '../../../shared/errors.ts';
import { ackStatus } from './frame.ts';

export function acknowledged(status: number | undefined): Result<void> {
  if (status === ackStatus.taken) return ok();
  if (status === ackStatus.later) return { ok: false, error: late() };
  if (status === ackStatus.unreadable) {
    return fail('encryption.unreadable', 'The other device could not decrypt the message.', 'Send it again.');
  }
  return fail('transport.refused', 'The other device did not accept the message.');
}

export function lost(): AppError {
  return appError('transport.unreachable', 'The direct connection to this device is gone.');
}

export function late(): AppError {
  return appError('transport.timeout', 'The other device did not answer in time.');
}

export function stopped(): AppError {
  return appError('transport.stopped', 'Sending was stopped.');
}

export function tooLarge(): Result<never> {
  return fail('transport.too-large', 'The message is too large to be sent.', 'Send it in smaller parts.');
}

/** RFC 6120 §8.3.3: the conditions that mean something here. */
export function stanzaError(iq: Element): AppError {
  const conditions = iq.getChild('error')?.getChildElements() ?? [];
  const names = conditions.map((element) => element.getName());
  if (names.includes('item-not-found')) return appError('stanza.not-found', 'The other device has no such thing.');
  if (names.includes('forbidden') || names.includes('not-allowed')) {
    return appError('stanza.forbidden', 'The other device does not allow this.');
  }
  return appError('stanza.error', 'The other device could not answer.', '', names[0] ?? 'no condition');
}
