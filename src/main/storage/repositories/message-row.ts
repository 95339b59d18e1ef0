/** A row of the message table as the message a person sees. */
import type { AppError } from '../../../shared/errors.ts';
import { type ContactId, type ConversationId, deviceRef, type Message, type MessageId } from '../../../shared/model.ts';
import { integer, integerOrNull, oneOf, oneOfOrNull, text, textOrNull } from '../columns.ts';
import type { Row } from '../connection.ts';
import { MalformedRow } from '../storage-fault.ts';

export function messageOf(row: Row): Message {
  const owner = textOrNull(row, 'sender_owner') as ContactId | 'self' | null;
  const deviceId = integerOrNull(row, 'sender_device_id');
  return {
    id: text(row, 'id') as MessageId,
    conversationId: text(row, 'conversation_id') as ConversationId,
    direction: oneOf(row, 'direction', ['in', 'out']),
    kind: oneOf(row, 'kind', ['text', 'undecryptable', 'gap', 'new-device', 'route-change', 'info']),
    body: text(row, 'body'),
    sentAt: integer(row, 'sent_at'),
    receivedAt: integer(row, 'received_at'),
    sortAt: integer(row, 'sort_at'),
    sequence: integer(row, 'sequence'),
    senderDevice: owner === null || deviceId === null ? null : deviceRef(owner, deviceId),
    encryption: oneOf(row, 'encryption', ['omemo2', 'omemo-legacy', 'none', 'pending']),
    route: oneOfOrNull(row, 'route', ['direct', 'server', 'both']),
    state: oneOf(row, 'state', ['queued', 'sending', 'on-server', 'on-device', 'read', 'failed']),
    failure: failureOf(textOrNull(row, 'failure')),
  };
}

/** The stored JSON of an `AppError`; its code is not checked against today's list, which may be shorter. */
function failureOf(json: string | null): AppError | null {
  if (json === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new MalformedRow('failure');
  }
  if (
    typeof value !== 'object' ||
    value === null ||
    !('code' in value && typeof value.code === 'string') ||
    !('what' in value && typeof value.what === 'string') ||
    !('action' in value && typeof value.action === 'string') ||
    ('detail' in value && typeof value.detail !== 'string')
  )
    throw new MalformedRow('failure');
  return value as AppError;
}
