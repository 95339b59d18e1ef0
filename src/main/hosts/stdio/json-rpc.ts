/** JSON-RPC 2.0 over lines: one object a line, commands as methods, events as the notification `event`. */

import type { Bridge } from '../../../shared/bridge/contract.ts';
import { checkArguments, isCommandName } from '../../../shared/bridge/schemas.ts';
import type { AppError } from '../../../shared/errors.ts';

/** UTF-16 units of one line; far more than the longest message needs. */
export const maxLineLength = 4 * 1024 * 1024;

type Id = string | number | null;

/** Our own failures carry the AppError as `data`; the code tells only the kind (JSON-RPC 2.0 §5.1). */
const codes = { parse: -32700, request: -32600, method: -32601, params: -32602, internal: -32603, app: 1 } as const;

function answer(id: Id, result: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', id, result });
}

function refusal(id: Id, code: number, message: string, data?: AppError): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: data ? { code, message, data } : { code, message } });
}

export function eventLine(event: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', method: 'event', params: event });
}

/** The line that answers `line`; null for a notification, which is carried out and not answered. */
export async function answerLine(bridge: Bridge, line: string): Promise<string | null> {
  let request: unknown;
  try {
    request = JSON.parse(line);
  } catch {
    return refusal(null, codes.parse, 'Not JSON.');
  }
  if (typeof request !== 'object' || request === null || Array.isArray(request)) {
    return refusal(null, codes.request, 'Not a request object.');
  }
  const { jsonrpc, id = null, method, params = {} } = request as Record<string, unknown>;
  const validId: Id = typeof id === 'string' || typeof id === 'number' ? id : null;
  if (jsonrpc !== '2.0' || typeof method !== 'string') {
    return refusal(validId, codes.request, 'Not a JSON-RPC 2.0 request.');
  }
  const outcome = await carryOut(bridge, validId, method, params);
  return 'id' in request ? outcome : null;
}

async function carryOut(bridge: Bridge, id: Id, method: string, params: unknown): Promise<string> {
  if (!isCommandName(method)) return refusal(id, codes.method, 'There is no such method.');
  const checked = checkArguments(method, params);
  if (!checked.ok) return refusal(id, codes.params, checked.error.what, checked.error);
  const result = await bridge.call(method, checked.value);
  if (result.ok) return answer(id, result.value);
  const { error } = result;
  return refusal(id, error.code === 'internal' ? codes.internal : codes.app, error.what, error);
}
