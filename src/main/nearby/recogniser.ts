/**
 * The recognition of contacts over a fresh link (docs/decisions/0021-tags.md). Sizes never differ: a nonce each way
 * (32 bytes), the dialer's tags, the listener's tags (4096 bytes each), and only after tags matched both ways a proof
 * each way (512 bytes). A stranger gets the same number of bytes as always and silence until a fixed time is over.
 */
import { type NearbyBook, type NearbyContact, SELF_CONTACT } from './book.ts';
import { toHex } from './bytes.ts';
import { type Candidate, type CandidateSource, createCandidateSource } from './candidates.ts';
import type { NearbyCrypto } from './crypto.ts';
import { makeProof, PROOF_BYTES, type Proof, type ProofContext, readProof } from './proof.ts';
import { type LinkTranscript, matches, NONCE_BYTES, TAG_COUNT, TAG_MESSAGE_BYTES, tagMessage } from './tags.ts';
import type { LinkChannel, LinkRecogniser, RecognisedPeer } from './types.ts';

/** How long a link may take to be recognised, and how long exactly one lasts that is not. */
export const RECOGNITION_MS = 5_000;

export interface RecogniserOptions {
  readonly crypto: NearbyCrypto;
  readonly book: NearbyBook;
  /** Unix ms. */
  readonly now: () => number;
  /** Resolves after so many ms, or at once when the signal aborts; replaced in tests. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export function createRecogniser(options: RecogniserOptions): LinkRecogniser {
  const { crypto, book } = options;
  const wait = options.wait ?? timer;
  const candidates = createCandidateSource(crypto, book, options.now);
  const beingUsed = new Set<string>();

  return {
    async recognise(channel: LinkChannel, signal: AbortSignal): Promise<RecognisedPeer | null> {
      const given = new AbortController();
      const late = new AbortController();
      const until = wait(RECOGNITION_MS, AbortSignal.any([signal, given.signal])).then(() => late.abort());
      const attempt = recogniseLink(
        crypto,
        book,
        candidates,
        beingUsed,
        channel,
        AbortSignal.any([signal, late.signal]),
      );
      const peer = await attempt.catch(() => null);
      if (peer !== null) given.abort();
      await until;
      return peer;
    },
  };
}

function timer(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timeout);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timeout = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}

async function recogniseLink(
  crypto: NearbyCrypto,
  book: NearbyBook,
  source: CandidateSource,
  beingUsed: Set<string>,
  channel: LinkChannel,
  signal: AbortSignal,
): Promise<RecognisedPeer | null> {
  const offered = channel.role === 'dialer' ? source.turn() : source.all();
  const ownNonce = crypto.randomBytes(NONCE_BYTES);
  await channel.write(ownNonce);
  const otherNonce = await channel.read(NONCE_BYTES, signal);
  const dials = channel.role === 'dialer';
  const transcript: LinkTranscript = {
    dialerNonce: dials ? ownNonce : otherNonce,
    listenerNonce: dials ? otherNonce : ownNonce,
    dialerPeerId: dials ? channel.localPeerId : channel.remotePeerId,
    listenerPeerId: dials ? channel.remotePeerId : channel.localPeerId,
  };

  let dialerTags: Uint8Array;
  let listenerTags: Uint8Array;
  let match: Match | null;
  if (dials) {
    const keys = offered.map((one) => one.sendKey);
    dialerTags = tagMessage(crypto, keys, 'dialer', transcript);
    await channel.write(dialerTags);
    listenerTags = await channel.read(TAG_MESSAGE_BYTES, signal);
    match = first(matching(crypto, offered, listenerTags, 'listener', transcript));
  } else {
    dialerTags = await channel.read(TAG_MESSAGE_BYTES, signal);
    const found = matching(crypto, offered, dialerTags, 'dialer', transcript).slice(0, TAG_COUNT);
    const keys = found.map((one) => one.candidate.sendKey);
    listenerTags = tagMessage(crypto, keys, 'listener', transcript);
    await channel.write(listenerTags);
    match = first(found);
  }
  if (match === null) return null;

  const exchange: Exchange = {
    crypto,
    book,
    channel,
    signal,
    sending: { role: channel.role, key: match.candidate.sendKey, transcript, dialerTags, listenerTags },
    receiving: { role: dials ? 'listener' : 'dialer', key: match.key, transcript, dialerTags, listenerTags },
  };
  const { who } = match.candidate;
  if (who.kind === 'contact') return await meetContact(exchange, who.contact);
  if (who.invitation.direction === 'in')
    return await meetInviter(exchange, who.invitation.secret, who.invitation.inviter);
  const name = toHex(who.invitation.secret);
  if (beingUsed.has(name)) return null;
  beingUsed.add(name);
  try {
    return await meetInvited(exchange, who.invitation.secret);
  } finally {
    beingUsed.delete(name);
  }
}

interface Match {
  /** The key that the other side's tag was made under. */
  readonly key: Uint8Array;
  readonly candidate: Candidate;
}

/** Candidates are filled up to TAG_COUNT, so that the time this takes does not tell how many there are. */
function matching(
  crypto: NearbyCrypto,
  candidates: readonly Candidate[],
  message: Uint8Array,
  role: 'dialer' | 'listener',
  transcript: LinkTranscript,
): Match[] {
  const expected: { key: Uint8Array; candidate: Candidate | null }[] = candidates.flatMap((candidate) =>
    candidate.acceptKeys.map((key) => ({ key, candidate })),
  );
  while (expected.length < 3 * TAG_COUNT) expected.push({ key: new Uint8Array(32), candidate: null });
  return matches(crypto, expected, message, role, transcript).flatMap(({ key, candidate }) =>
    candidate === null ? [] : [{ key, candidate }],
  );
}

function first(found: readonly Match[]): Match | null {
  return [...found].sort((left, right) => (left.candidate.order < right.candidate.order ? -1 : 1))[0] ?? null;
}

interface Exchange {
  readonly crypto: NearbyCrypto;
  readonly book: NearbyBook;
  readonly channel: LinkChannel;
  readonly signal: AbortSignal;
  readonly sending: ProofContext;
  readonly receiving: ProofContext;
}

async function sendProof(exchange: Exchange, introduce: boolean): Promise<void> {
  const self = exchange.book.self();
  const proof = makeProof(exchange.crypto, exchange.sending, self.device, introduce ? self : null);
  await exchange.channel.write(proof);
}

/** Null too for a proof that claims to be this very device. */
async function receiveProof(exchange: Exchange): Promise<Proof | null> {
  const bytes = await exchange.channel.read(PROOF_BYTES, exchange.signal);
  const proof = readProof(exchange.crypto, exchange.receiving, bytes);
  const own = exchange.book.self().device.identityKey;
  return proof === null || exchange.crypto.equal(proof.device.identityKey, own) ? null : proof;
}

async function meetContact(exchange: Exchange, contact: NearbyContact): Promise<RecognisedPeer | null> {
  await sendProof(exchange, false);
  const proof = await receiveProof(exchange);
  if (proof === null || proof.introduction !== null) return null;
  return recognised(contact, proof);
}

/** The accepter speaks first, and keeps the inviter only when the inviter has kept them. */
async function meetInviter(exchange: Exchange, secret: Uint8Array, inviter: string): Promise<RecognisedPeer | null> {
  await sendProof(exchange, true);
  const proof = await receiveProof(exchange);
  if (proof?.introduction?.xid !== inviter) return null;
  return await introduced(exchange, proof, secret);
}

async function meetInvited(exchange: Exchange, secret: Uint8Array): Promise<RecognisedPeer | null> {
  const proof = await receiveProof(exchange);
  if (proof === null) return null;
  const peer = await introduced(exchange, proof, secret);
  if (peer !== null) await sendProof(exchange, true);
  return peer;
}

async function introduced(exchange: Exchange, proof: Proof, secret: Uint8Array): Promise<RecognisedPeer | null> {
  if (proof.introduction === null || proof.introduction.xid === exchange.book.self().xid) return null;
  const { xid, name } = proof.introduction;
  const contact = await exchange.book.onIntroduced({ xid, name, device: proof.device, invitationSecret: secret });
  return contact === null || contact.contactId === SELF_CONTACT ? null : recognised(contact, proof);
}

function recognised(contact: NearbyContact, proof: Proof): RecognisedPeer {
  return { device: { contactId: contact.contactId, ...proof.device }, addresses: contact.addresses };
}
