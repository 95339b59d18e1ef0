/** Puts the XMPP transport together: an account's features on a stream of its own. */

import { createXmppStream } from './stream.ts';
import type { XmppTransport, XmppTransportOptions } from './types.ts';
import { type StreamFactory, XmppAccount } from './xmpp-account.ts';

/**
 * One account, not connected before `start`. Expected failures are told as status and results (`account.*`,
 * `transport.*`, `stanza.*`); nothing throws. `makeStream` is replaced in tests only.
 */
export function createXmppTransport(
  options: XmppTransportOptions,
  makeStream: StreamFactory = createXmppStream,
): XmppTransport {
  return new XmppAccount(options, makeStream);
}
