/**
 * What an incoming `<message/>` really is and whose word it is: carbons (XEP-0280), archive results (XEP-0313),
 * PEP events (XEP-0163), bounces, and forgeries of all of these, which are dropped.
 */
import type { Element } from '@xmpp/xml';
import { parseJid } from '../../../shared/jid.ts';
import type { BareJid } from '../../../shared/model.ts';
import type { Arrival } from '../transport.ts';
import { NS } from './namespaces.ts';

export interface OwnAccount {
  readonly bare: BareJid;
  readonly domain: string;
  /** Our server announced that it marks messages with their archive id (XEP-0359 §4, XEP-0313 §4.1.1). */
  readonly marksArchiveIds: boolean;
}

export type ReadMessage =
  | { readonly kind: 'drop'; readonly reason: string }
  | {
      readonly kind: 'archive-result';
      readonly queryId: string;
      readonly archiveId: string;
      readonly message: Taken | null;
    }
  | { readonly kind: 'message'; readonly message: Taken };

/** A message with its provenance settled. */
export interface Taken {
  readonly stanza: Element;
  readonly from: BareJid;
  readonly kind: Arrival['kind'];
  readonly archiveId: string | null;
  readonly delayedSince: number | null;
}

/** Reads a message as the stream delivered it. Foreign `<stanza-id/>` elements are removed from it. */
export function readMessage(stanza: Element, own: OwnAccount): ReadMessage {
  // RFC 6120 §8.1.2.1: without `from` it comes from our own account
  const rawFrom: unknown = stanza.attrs['from'];
  const from = parseJid(typeof rawFrom === 'string' ? rawFrom : own.bare);
  if (!from.ok) return drop('sender is no address');
  const byOwnAccount = from.value.full === own.bare;

  const result = stanza.getChild('result', NS.archive);
  if (result !== undefined)
    return byOwnAccount ? readArchiveResult(result, own) : drop('archive result from elsewhere');

  const carbon = stanza.getChild('received', NS.carbons) ?? stanza.getChild('sent', NS.carbons);
  // XEP-0280 §11: carbons from anybody but our own bare address are forged
  if (carbon !== undefined) return byOwnAccount ? readCarbon(carbon, own) : drop('carbon from elsewhere');

  return readPlain(stanza, 'live', own, delayOf(stanza, own));
}

function readArchiveResult(result: Element, own: OwnAccount): ReadMessage {
  const { id, queryid } = result.attrs as { id?: string; queryid?: string };
  const forwarded = forwardedMessage(result);
  if (id === undefined || queryid === undefined || forwarded === null) return drop('archive result without a message');
  const read = readPlain(forwarded.message, 'archive', own, forwarded.stamp);
  // one that cannot be read keeps its place: the page is complete only with it
  const message = read.kind === 'message' ? { ...read.message, archiveId: id } : null;
  return { kind: 'archive-result', queryId: queryid, archiveId: id, message };
}

function readCarbon(carbon: Element, own: OwnAccount): ReadMessage {
  const forwarded = forwardedMessage(carbon);
  if (forwarded === null) return drop('carbon without a message');
  const { message } = forwarded;
  const kind = carbon.getName() === 'sent' ? 'carbon-sent' : 'carbon-received';
  const delay = delayOf(message, own) ?? forwarded.stamp;
  const read = readPlain(message, kind, own, delay);
  if (read.kind !== 'message') return read;
  const to = bareOf(message.attrs['to']) ?? own.bare;
  // what another device of ours sent is from us; what it received is to us
  if (kind === 'carbon-sent' ? read.message.from !== own.bare : to !== own.bare) return drop('carbon of somebody else');
  return read;
}

function readPlain(stanza: Element, kind: Arrival['kind'], own: OwnAccount, delayedSince: number | null): ReadMessage {
  const rawFrom: unknown = stanza.attrs['from'];
  const from = parseJid(typeof rawFrom === 'string' ? rawFrom : own.bare);
  if (!from.ok) return drop('sender is no address');
  // a wrapper inside a wrapper is never looked into (XEP-0280 §11, XEP-0313 §8)
  if (
    stanza.getChild('result', NS.archive) ??
    stanza.getChild('received', NS.carbons) ??
    stanza.getChild('sent', NS.carbons)
  ) {
    return drop('nested wrapper');
  }
  // we are in no rooms
  if (stanza.attrs['type'] === 'groupchat') return drop('groupchat');
  // the PEP service of an account speaks from the bare address; one of its clients must not pass for it
  if (stanza.getChild('event', NS.pubsubEvent) !== undefined && from.value.resource !== null)
    return drop('PEP event from a client');
  const archiveId = takeArchiveId(stanza, own);
  return { kind: 'message', message: { stanza, from: from.value.bare, kind, archiveId, delayedSince } };
}

/**
 * Our own archive's id for the message (XEP-0359 §6: only `by` an entity that announces it), and removes every other
 * `<stanza-id/>`. Two ids by the same archive prove that it does not guard them.
 */
function takeArchiveId(stanza: Element, own: OwnAccount): string | null {
  const ids = stanza.getChildren('stanza-id', NS.stanzaId);
  const trusted = own.marksArchiveIds ? ids.filter((id) => id.attrs['by'] === own.bare) : [];
  const [only, ...more] = trusted;
  for (const id of ids) if (id !== only || more.length > 0) stanza.remove(id);
  const id: unknown = only?.attrs['id'];
  return more.length === 0 && typeof id === 'string' && id !== '' ? id : null;
}

/** XEP-0297: exactly one message, and when it was received. */
function forwardedMessage(wrapper: Element): { message: Element; stamp: number | null } | null {
  const forwarded = wrapper.getChild('forwarded', NS.forward);
  const [message, ...more] = forwarded?.getChildren('message', NS.client) ?? [];
  if (forwarded === undefined || message === undefined || more.length > 0) return null;
  return { message, stamp: readStamp(forwarded.getChild('delay', NS.delay)) };
}

/** XEP-0203, believed only from our own server: anybody can write one into a message. */
function delayOf(stanza: Element, own: OwnAccount): number | null {
  const delay = stanza.getChildren('delay', NS.delay).find((each) => {
    const from: unknown = each.attrs['from'];
    return from === own.domain || from === own.bare;
  });
  return readStamp(delay);
}

function readStamp(delay: Element | undefined): number | null {
  const time = Date.parse(String(delay?.attrs['stamp'] ?? ''));
  return Number.isNaN(time) ? null : time;
}

function bareOf(text: unknown): BareJid | null {
  const jid = typeof text === 'string' ? parseJid(text) : null;
  return jid?.ok ? jid.value.bare : null;
}

function drop(reason: string): ReadMessage {
  return { kind: 'drop', reason };
}
