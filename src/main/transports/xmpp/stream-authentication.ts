/** Signing in on an encrypted stream: SASL2 (XEP-0388) where offered, else SASL (RFC 6120 §6). One attempt, ever. */
import { xml } from '@xmpp/client';
import type { Element } from '@xmpp/xml';
import { type ChannelBindings, channelBindings } from './stream-channel-binding.ts';
import type { StreamConnection } from './stream-connection.ts';
import { fastMechanism, HashedToken, tokenUsable } from './stream-fast.ts';
import { done, failed, faultOfSaslFailure, faults, type Step } from './stream-faults.ts';
import { type Choice, chooseMechanism, type Offer, strongest } from './stream-mechanism.ts';
import { ScramClient } from './stream-scram.ts';
import type { StreamState } from './stream-state.ts';

const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const NS_SASL2 = 'urn:xmpp:sasl:2';
const NS_CHANNEL_BINDING = 'urn:xmpp:sasl-cb:0';
const NS_FAST = 'urn:xmpp:fast:0';

export interface AuthenticationOptions {
  readonly username: string;
  readonly password: string;
  readonly state: StreamState;
  /** What else to ask for with SASL2, e.g. `<bind/>` and `<resume/>`, given the `<inline/>` element. */
  readonly inline: (offered: Element | undefined) => readonly Element[];
  readonly now: number;
}

export interface Authenticated {
  readonly profile: 'sasl1' | 'sasl2';
  /** The `<success/>` element. */
  readonly success: Element;
  readonly state: StreamState;
}

export async function authenticate(
  connection: StreamConnection,
  features: Element,
  options: AuthenticationOptions,
): Promise<Step<Authenticated>> {
  const socket = connection.streamSocket?.tls;
  if (!connection.isSecure() || !socket) return failed(faults.noTls('sign-in without TLS'));
  const tls = channelBindings(socket);
  const offer = offerOf(features);
  const choice = chooseMechanism(offer, tls, options.state.pinned);
  if (!choice.ok) return choice;
  if (offer.profile === 'sasl1') return await withPassword(connection, offer, choice.value, options, []);

  const inline = features.getChild('authentication', NS_SASL2)?.getChild('inline');
  const fastOffered = childTexts(inline?.getChild('fast', NS_FAST), 'mechanism');
  const mechanism = fastMechanism(fastOffered, tls, choice.value.mechanism.endsWith('-PLUS'));
  const extra = options.inline(inline);
  const { fast } = options.state;
  let current = options;
  if (fast !== null && tokenUsable(fast, mechanism, options.now)) {
    const quick = await withToken(connection, tls, options, extra);
    if (!quick.ok || quick.value !== null) return quick as Step<Authenticated>;
    // XEP-0484 §5.1: a refused token is thrown away, and the password is used on the same stream.
    current = { ...options, state: { ...options.state, fast: null } };
  }
  const request = mechanism === null ? [] : [xml('request-token', { xmlns: NS_FAST, mechanism })];
  return await withPassword(connection, offer, choice.value, current, [...extra, ...request]);
}

function offerOf(features: Element): Offer {
  const sasl2 = features.getChild('authentication', NS_SASL2);
  const bindings = features.getChild('sasl-channel-binding', NS_CHANNEL_BINDING);
  return {
    profile: sasl2 === undefined ? 'sasl1' : 'sasl2',
    mechanisms: childTexts(sasl2 ?? features.getChild('mechanisms', NS_SASL), 'mechanism'),
    bindings: bindings?.getChildren('channel-binding').map((child) => String(child.attrs['type'] ?? '')) ?? null,
  };
}

function childTexts(element: Element | undefined, name: string): readonly string[] {
  return element?.getChildren(name).map((child) => child.text().trim()) ?? [];
}

async function withPassword(
  connection: StreamConnection,
  offer: Offer,
  choice: Choice,
  options: AuthenticationOptions,
  extra: readonly Element[],
): Promise<Step<Authenticated>> {
  const { username, password, state } = options;
  const scram = new ScramClient({ ...choice.scram, username, password });
  const first = Buffer.from(scram.first());
  const sasl2 = offer.profile === 'sasl2';
  const namespace = sasl2 ? NS_SASL2 : NS_SASL;
  const begun = await connection.transmit(
    sasl2
      ? authenticateElement(choice.mechanism, first, state.agent, extra)
      : xml('auth', { xmlns: NS_SASL, mechanism: choice.mechanism }, first.toString('base64')),
  );
  if (!begun.ok) return begun;

  for (let rounds = 0; rounds < 3; rounds += 1) {
    const answer = await connection.receive();
    if (!answer.ok) return answer;
    const element = answer.value;
    if (element.is('failure', namespace)) return failed(faultOfSaslFailure(failureCondition(element)));
    if (element.is('success', namespace)) {
      const data = sasl2 ? element.getChildText('additional-data') : element.text();
      if (!scram.verified) {
        const proof = scram.verify(fromBase64(data ?? '').toString('utf8'));
        if (!proof.ok) return proof;
      }
      const saved = savedToken(element, state.fast, extra, options.now);
      return done({
        profile: offer.profile,
        success: element,
        state: { ...state, pinned: strongest(state.pinned, choice.mechanism), fast: saved },
      });
    }
    if (!element.is('challenge', namespace)) return failed(unexpected(element));
    const challenge = fromBase64(element.text()).toString('utf8');
    // The first challenge asks for the proof; a second one may carry the server's (RFC 6120 §6.3.10).
    const reply = rounds === 0 ? await scram.final(challenge) : scram.verify(challenge);
    if (!reply.ok) {
      await connection.transmit(xml('abort', { xmlns: namespace }));
      return reply;
    }
    const text = reply.value === undefined ? '' : Buffer.from(reply.value).toString('base64');
    const sent = await connection.transmit(xml('response', { xmlns: namespace }, text));
    if (!sent.ok) return sent;
  }
  return failed(faults.protocol('sign-in goes in circles', 'never'));
}

/** Null: the server does not take the token. */
async function withToken(
  connection: StreamConnection,
  tls: ChannelBindings,
  options: AuthenticationOptions,
  extra: readonly Element[],
): Promise<Step<Authenticated | null>> {
  const { state, username } = options;
  if (state.fast === null) return done(null);
  const fast = { ...state.fast, count: state.fast.count + 1 };
  const hashed = new HashedToken(fast, tls);
  const begun = await connection.transmit(
    authenticateElement(fast.mechanism, hashed.first(username), state.agent, [
      ...extra,
      xml('fast', { xmlns: NS_FAST, count: String(fast.count) }),
    ]),
  );
  if (!begun.ok) return begun;
  const answer = await connection.receive();
  if (!answer.ok) return answer;
  const element = answer.value;
  if (element.is('failure', NS_SASL2)) {
    const fault = faultOfSaslFailure(failureCondition(element));
    return fault.error.code === 'account.wrong-password' ? done(null) : failed(fault);
  }
  if (!element.is('success', NS_SASL2)) return failed(unexpected(element));
  const proof = hashed.verify(fromBase64(element.getChildText('additional-data') ?? ''));
  if (!proof.ok) return proof;
  const saved = savedToken(element, fast, [xml('request-token', { mechanism: fast.mechanism })], options.now);
  return done({ profile: 'sasl2', success: element, state: { ...state, fast: saved } });
}

function authenticateElement(mechanism: string, first: Buffer, agent: string, extra: readonly Element[]): Element {
  return xml(
    'authenticate',
    { xmlns: NS_SASL2, mechanism },
    xml('initial-response', {}, first.toString('base64')),
    xml('user-agent', { id: agent }, xml('software', {}, 'Bothy')),
    ...extra,
  );
}

/** The new token in `<success/>`, or the one we had. */
function savedToken(
  success: Element,
  old: StreamState['fast'],
  requested: readonly Element[],
  now: number,
): StreamState['fast'] {
  const element = success.getChild('token', NS_FAST);
  const mechanism = requested.find((child) => child.getName() === 'request-token')?.attrs['mechanism'];
  const token = element?.attrs['token'];
  const expiry = Date.parse(String(element?.attrs['expiry']));
  if (typeof token !== 'string' || token.length > 4_096 || !(expiry > now)) return old;
  return mechanism === undefined ? old : { mechanism, token, expiry, count: 0 };
}

function failureCondition(failure: Element): string {
  const condition = failure.getChildElements().find((child) => child.getNS() === NS_SASL && child.getName() !== 'text');
  return condition?.getName() ?? 'not-authorized';
}

function unexpected(element: Element) {
  // `<continue/>` (XEP-0388 §2.6.2) wants a second factor, which Bothy cannot give.
  return faults.protocol(element.is('continue', NS_SASL2) ? 'second factor wanted' : 'unexpected answer', 'never');
}

function fromBase64(text: string): Buffer {
  const trimmed = text.trim();
  return trimmed === '=' ? Buffer.alloc(0) : Buffer.from(trimmed, 'base64');
}
