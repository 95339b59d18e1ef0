/**
 * Two Bothys that are contacts tell each other who they are nearby: XID, name and current direct addresses, inside the
 * envelope. Other clients ignore the element. The XID is proved by a signature over the sending device's identity and
 * the reader's address, so that nobody introduces themselves as somebody else (docs/decisions/0044).
 */
import xml, { type Element } from '@xmpp/xml';
import type { Xid } from '../../../shared/model.ts';
import type { ContactRecord } from '../../storage/records.ts';
import { type MessagingContext, selfOf } from '../context.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';

const namespace = 'urn:bothy:introduction:0';
const maxAddresses = 16;
const maxAddressLength = 200;

export interface Introduction {
  readonly xid: Xid;
  readonly name: string;
  /** The sender knows our XID already. */
  readonly knowsUs: boolean;
  /** Multiaddresses, as hints only: whoever answers there must still be recognised. */
  readonly addresses: readonly string[];
}

/** What the XID signs: length-prefixed, so that no two different statements are the same bytes. */
function statement(identityKey: Uint8Array, reader: string): Uint8Array {
  const parts = [Buffer.from('bothy introduction in an envelope 1'), identityKey, Buffer.from(reader)];
  const bytes: number[] = [];
  for (const part of parts) bytes.push(part.length >> 8, part.length & 255, ...part);
  return Uint8Array.from(bytes);
}

/** `reader`: the address the envelope is for. */
export function introductionElement(context: MessagingContext, contact: ContactRecord, reader: string): Element {
  const self = selfOf(context);
  const signature = context.proofs.sign(statement(self.identityKey, reader));
  return xml(
    'introduction',
    {
      xmlns: namespace,
      xid: self.xid,
      name: self.name,
      proof: encodeBase64(signature),
      knows: contact.xid ? 'true' : 'false',
    },
    ...context.addresses
      .own()
      .slice(0, maxAddresses)
      .map((address) => xml('address', {}, address)),
  );
}

export function isIntroduction(element: Element): boolean {
  return element.is('introduction', namespace);
}

/** `reader`: the address of ours the envelope was for; `identityKey`: the device it was decrypted from. */
export function introductionIn(
  context: MessagingContext,
  content: readonly Element[],
  identityKey: Uint8Array,
  reader: string,
): Introduction | null {
  const element = content.find(isIntroduction);
  const attributes: Record<string, unknown> = element?.attrs ?? {};
  const { xid, name, proof } = attributes;
  if (!element || typeof xid !== 'string' || typeof proof !== 'string') return null;
  const signature = decodeBase64(proof, 64);
  if (!signature || !context.proofs.verify(xid, statement(identityKey, reader), signature)) return null;
  const addresses: string[] = [];
  for (const child of element.getChildren('address', namespace).slice(0, maxAddresses)) {
    const text = child.getText();
    if (text !== '' && text.length <= maxAddressLength) addresses.push(text);
  }
  return {
    xid: xid as Xid,
    name: typeof name === 'string' ? plainName(name) : '',
    knowsUs: attributes['knows'] === 'true',
    addresses,
  };
}

/** Control, format (also direction overrides) and line-breaking characters have no place in a name someone else chose. */
function plainName(name: string): string {
  const plain = name.normalize('NFC').replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '');
  return [...plain.trim()].slice(0, 64).join('');
}
