/**
 * Trust messages (XEP-0434 0.6.0) as Automatic Trust Management uses them (XEP-0450 0.4.0): inside the envelope, one
 * device tells another which keys it trusts. A key is named by its 32 bytes: the Ed25519 identity key, as its bundle
 * shows it, when we write; its Curve25519 form too when we read (the XEPs leave open which one identifies an OMEMO key).
 */
import xml, { type Element } from '@xmpp/xml';
import { decodeBase64, encodeBase64 } from '../envelope/base64.ts';

const namespace = 'urn:xmpp:tm:1';
const usage = 'urn:xmpp:atm:1';
const encryption = 'urn:xmpp:omemo:2';
/** More than a person with hundreds of contacts has to say at once; who says more is not listened to. */
const maxOwners = 500;
const maxKeys = 2_000;

/** What is said of one person's keys. */
export interface KeyOwner {
  /** A bare address. */
  readonly jid: string;
  readonly trusted: readonly Uint8Array[];
  readonly distrusted: readonly Uint8Array[];
}

export function trustMessage(owners: readonly KeyOwner[]): Element {
  return xml(
    'trust-message',
    { xmlns: namespace, usage, encryption },
    ...owners.map((owner) =>
      xml(
        'key-owner',
        { jid: owner.jid },
        ...owner.trusted.map((key) => xml('trust', {}, encodeBase64(key))),
        ...owner.distrusted.map((key) => xml('distrust', {}, encodeBase64(key))),
      ),
    ),
  );
}

/** Null: there is none for us, or it is not as XEP-0434 §4 has it. */
export function trustMessageIn(content: readonly Element[]): readonly KeyOwner[] | null {
  const found = content.filter((element) => element.is('trust-message', namespace));
  const element = found[0];
  if (found.length !== 1 || element?.attrs['usage'] !== usage || element.attrs['encryption'] !== encryption)
    return null;
  const children = element.getChildren('key-owner', namespace);
  if (children.length === 0 || children.length > maxOwners) return null;
  const owners: KeyOwner[] = [];
  let count = 0;
  for (const child of children) {
    const jid: unknown = child.attrs['jid'];
    const trusted = keysIn(child, 'trust');
    const distrusted = keysIn(child, 'distrust');
    if (typeof jid !== 'string' || !trusted || !distrusted) return null;
    count += trusted.length + distrusted.length;
    if (trusted.length + distrusted.length === 0 || count > maxKeys) return null;
    owners.push({ jid, trusted, distrusted });
  }
  return owners;
}

function keysIn(owner: Element, name: 'trust' | 'distrust'): Uint8Array[] | null {
  const keys: Uint8Array[] = [];
  for (const element of owner.getChildren(name, namespace)) {
    const key = decodeBase64(element.getText(), 32);
    if (!key) return null;
    keys.push(key);
  }
  return keys;
}
