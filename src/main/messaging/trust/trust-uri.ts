/**
 * `xmpp:` links (RFC 5122) that name the keys of somebody's devices, also the content of the codes that people show each
 * other: `xmpp:ADDRESS?omemo-sid-ID=FINGERPRINT;…`, as most clients write them, and trust message URIs (XEP-0434 §9.1),
 * the only ones that Kaidan reads. Ours are both at once. Whoever follows one has it from the person themselves; that is
 * what makes it worth anything.
 */
import { fail, ok, type Result } from '../../../shared/errors.ts';
import { parseJid } from '../../../shared/jid.ts';
import type { Address, DeviceId } from '../../../shared/model.ts';
import { parseXmppUri, type XmppUriPair } from '../../../shared/xmpp-uri.ts';
import { omemoNamespace } from '../envelope/omemo-stanza.ts';

/** More than one person has devices, and than fits into a picture. */
const maxKeys = 100;
const sid = /^omemo-sid-([1-9][0-9]{0,9})$/;

export interface NamedKey {
  /** Null in trust message URIs. */
  readonly deviceId: DeviceId | null;
  /** 32 bytes: the Curve25519 form (fingerprint); in trust message URIs the Ed25519 key itself, or maybe that. */
  readonly keyId: Uint8Array;
}

export interface TrustCode {
  readonly address: Address;
  readonly trusted: readonly NamedKey[];
  readonly distrusted: readonly NamedKey[];
}

/**
 * `here`: the identity key (Ed25519, 32 bytes) of the device that shows the code. It alone is named as a trust message
 * names keys: others hear of the rest in trust messages, and Conversations reads nothing where a name comes twice.
 */
export function trustUri(
  address: Address,
  devices: readonly { deviceId: DeviceId; fingerprint: string }[],
  here: Uint8Array | null = null,
): string {
  const [local = '', domain = ''] = address.split('@');
  const said = here ? ['trust-message', `encryption=${omemoNamespace}`, `trust=${hexOf(here)}`] : [];
  const keys = devices.map((device) => `omemo-sid-${device.deviceId}=${device.fingerprint}`);
  return `xmpp:${encodeURIComponent(local)}@${encodeURIComponent(domain)}?${[...said, ...keys].join(';')}`;
}

/** `trust.malformed`: not a link with keys. Unknown parameters are ignored, known ones must be whole. */
export function readTrustUri(text: string): Result<TrustCode> {
  const uri = parseXmppUri(text);
  const jid = uri === null ? null : parseJid(uri.address);
  if (!uri || !jid?.ok || jid.value.local === null || jid.value.resource !== null) return notACode();
  const address = jid.value.bare as Address;
  const { pairs } = uri;
  const named = fingerprints(pairs);
  const said = pairs[0]?.name === 'trust-message' ? keysOfTrustMessage(pairs) : nothing;
  if (!named || !said) return notACode();
  const trusted = [...named, ...said.trusted];
  const count = trusted.length + said.distrusted.length;
  return count === 0 || count > maxKeys ? notACode() : ok({ address, trusted, distrusted: said.distrusted });
}

type Keys = Omit<TrustCode, 'address'>;

const nothing: Keys = { trusted: [], distrusted: [] };

function fingerprints(pairs: readonly XmppUriPair[]): NamedKey[] | null {
  const trusted = new Map<DeviceId, NamedKey>();
  for (const { name, value } of pairs) {
    if (!name.startsWith('omemo-sid-')) continue;
    const deviceId = Number(sid.exec(name)?.[1] ?? 0);
    const keyId = keyOf(value);
    if (deviceId < 1 || deviceId > 0x7fffffff || !keyId) return null;
    const before = trusted.get(deviceId);
    if (before && !before.keyId.every((byte, index) => byte === keyId[index])) return null;
    trusted.set(deviceId, { deviceId, keyId });
  }
  return [...trusted.values()];
}

/** XEP-0434 §9.1: the encryption first, then the keys. */
function keysOfTrustMessage([, encryption, ...pairs]: readonly XmppUriPair[]): Keys | null {
  if (encryption?.name !== 'encryption' || encryption.value !== omemoNamespace) return null;
  const trusted: NamedKey[] = [];
  const distrusted: NamedKey[] = [];
  for (const { name, value } of pairs) {
    if (name !== 'trust' && name !== 'distrust') continue;
    const keyId = keyOf(value);
    if (!keyId) return null;
    (name === 'trust' ? trusted : distrusted).push({ deviceId: null, keyId });
  }
  return { trusted, distrusted };
}

/** 64 hex digits of either case; some clients write the type byte of libsignal before them. */
function keyOf(text: string | null): Uint8Array | null {
  const hex = /^(?:05)?([0-9a-f]{64})$/i.exec(text ?? '')?.[1];
  return hex ? new Uint8Array(Buffer.from(hex, 'hex')) : null;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function notACode(): Result<never> {
  return fail(
    'trust.malformed',
    "This is not a code with the keys of somebody's devices.",
    'Ask them to show the code of their devices again.',
  );
}
