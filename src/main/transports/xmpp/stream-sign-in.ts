/** From a domain to a bound, encrypted, authenticated session: RFC 6120 §9.1 in order, with XEP-0386 and XEP-0198. */
import { randomUUID } from 'node:crypto';
import { xml } from '@xmpp/client';
import type { Element } from '@xmpp/xml';
import { type Jid, parseJid } from '../../../shared/jid.ts';
import { authenticate } from './stream-authentication.ts';
import type { StreamConnection } from './stream-connection.ts';
import { done, failed, faults, type Step } from './stream-faults.ts';
import { NS_CLIENT, NS_STREAM } from './stream-parser.ts';
import type { StreamState } from './stream-state.ts';

export const NS_SM = 'urn:xmpp:sm:3';
const NS_BIND = 'urn:ietf:params:xml:ns:xmpp-bind';
const NS_BIND2 = 'urn:xmpp:bind:0';
const NS_SESSION = 'urn:ietf:params:xml:ns:xmpp-session';
const NS_TLS = 'urn:ietf:params:xml:ns:xmpp-tls';

export interface SignInOptions {
  readonly jid: Jid;
  readonly password: string;
  readonly state: StreamState;
  /** The session to take up again (XEP-0198 §5), if there is one. */
  readonly resume: { readonly id: string; readonly handled: number; readonly fullJid: string } | null;
  readonly now: number;
  /** Called as soon as the server has proved itself, also if something fails later. */
  readonly onState: (state: StreamState) => void;
}

export interface SignedIn {
  readonly fullJid: string;
  readonly features: Element;
  readonly resumed: boolean;
  /** `h` of `<resumed/>` or `<failed/>`: how much of the old session the server has; null where it does not say. */
  readonly oldHandled: string | null;
  /** The new session's stream management; null: none (or resumed). */
  readonly management: { readonly id: string | null; readonly maxSeconds: number | null } | null;
  /** Stanzas that came before stream management counted. */
  readonly early: readonly Element[];
}

export async function signIn(connection: StreamConnection, options: SignInOptions): Promise<Step<SignedIn>> {
  const opened = await connection.openStream();
  if (!opened.ok) return opened;
  let features = await receiveFeatures(connection);
  if (!features.ok) return features;
  if (!connection.isSecure()) {
    // Only a server that offers it; without TLS not one more byte is said.
    if (features.value.getChild('starttls', NS_TLS) === undefined) return failed(faults.noTls('no STARTTLS offered'));
    const secured = await connection.startTls();
    if (!secured.ok) return secured;
    features = await receiveFeatures(connection);
    if (!features.ok) return features;
  }
  connection.signingIn = true;
  const authenticated = await authenticate(connection, features.value, {
    username: options.jid.local ?? '',
    password: options.password,
    state: options.state,
    inline: (offered) => inlineRequests(offered, options),
    now: options.now,
  });
  if (!authenticated.ok) return authenticated;
  connection.authenticated = true;
  options.onState(authenticated.value.state);
  const early: Element[] = [];
  if (authenticated.value.profile === 'sasl2') {
    return await afterSasl2(connection, authenticated.value.success, options, early);
  }
  const restarted = await connection.restartStream();
  if (!restarted.ok) return restarted;
  const fresh = await receiveFeatures(connection);
  return fresh.ok ? await establish(connection, fresh.value, options, early, null) : fresh;
}

async function receiveFeatures(connection: StreamConnection): Promise<Step<Element>> {
  const features = await connection.receive();
  if (!features.ok || features.value.is('features', NS_STREAM)) return features;
  return failed(faults.protocol('no stream features'));
}

/** Binding and resumption within SASL2 save round trips; the server prefers the resumption (XEP-0386 §4). */
function inlineRequests(offered: Element | undefined, options: SignInOptions): readonly Element[] {
  const requests: Element[] = [];
  const bind = offered?.getChild('bind', NS_BIND2);
  if (options.resume !== null && offered?.getChild('sm', NS_SM) !== undefined)
    requests.push(resumeElement(options.resume));
  if (bind !== undefined) {
    const inner = bind.getChild('inline')?.getChildren('feature') ?? [];
    const managed = inner.some((feature) => feature.attrs['var'] === NS_SM);
    requests.push(xml('bind', { xmlns: NS_BIND2 }, xml('tag', {}, 'Bothy'), ...(managed ? [enableElement()] : [])));
  }
  return requests;
}

async function afterSasl2(
  connection: StreamConnection,
  success: Element,
  options: SignInOptions,
  early: Element[],
): Promise<Step<SignedIn>> {
  const refused = success.getChild('failed', NS_SM);
  const resumed = success.getChild('resumed', NS_SM);
  const bound = success.getChild('bound', NS_BIND2);
  if (resumed !== undefined && options.resume !== null) {
    return takenUp(resumed, options.resume, success);
  }
  if (bound !== undefined) {
    const identity = success.getChildText('authorization-identifier');
    const jid = boundJid(identity, options.jid);
    if (!jid.ok) return jid;
    const enabled = bound.getChild('enabled', NS_SM);
    const management = enabled === undefined ? null : managementOf(enabled);
    // Features of the new session follow on their own (XEP-0388 §2.6.1) and are taken when they come.
    const features = success;
    return done({ fullJid: jid.value, features, resumed: false, oldHandled: handledOf(refused), management, early });
  }
  const features = await connection.receiveThe((element) => element.is('features', NS_STREAM), early);
  if (!features.ok) return features;
  return await establish(connection, features.value, options, early, refused ?? null);
}

/** RFC 6120 §7 and XEP-0198 on a stream that is authenticated but not bound. */
async function establish(
  connection: StreamConnection,
  features: Element,
  options: SignInOptions,
  early: Element[],
  alreadyRefused: Element | null,
): Promise<Step<SignedIn>> {
  const managed = features.getChild('sm', NS_SM) !== undefined;
  let refused = alreadyRefused;
  if (managed && options.resume !== null && refused === null) {
    const sent = await connection.transmit(resumeElement(options.resume));
    if (!sent.ok) return sent;
    const answer = await connection.receiveThe((element) => element.getNS() === NS_SM, early);
    if (!answer.ok) return answer;
    if (answer.value.is('resumed', NS_SM)) return takenUp(answer.value, options.resume, features);
    refused = answer.value;
  }
  const bound = await bind(connection, features, options, early);
  if (!bound.ok) return bound;
  let management: SignedIn['management'] = null;
  if (managed) {
    const sent = await connection.transmit(enableElement());
    if (!sent.ok) return sent;
    const answer = await connection.receiveThe((element) => element.getNS() === NS_SM, early);
    if (!answer.ok) return answer;
    if (answer.value.is('enabled', NS_SM)) management = managementOf(answer.value);
  }
  const oldHandled = handledOf(refused);
  return done({ fullJid: bound.value, features, resumed: false, oldHandled, management, early });
}

async function bind(
  connection: StreamConnection,
  features: Element,
  options: SignInOptions,
  early: Element[],
): Promise<Step<string>> {
  if (features.getChild('bind', NS_BIND) === undefined) return failed(faults.protocol('no resource binding'));
  // The same resource each time: a session of ours the server has not yet missed is replaced, not doubled.
  const resource = `Bothy.${options.state.agent.slice(0, 8)}`;
  const answer = await roundTrip(connection, xml('bind', { xmlns: NS_BIND }, xml('resource', {}, resource)), early);
  if (!answer.ok) return answer;
  const jid = boundJid(answer.value.getChild('bind', NS_BIND)?.getChildText('jid'), options.jid);
  if (!jid.ok) return jid;
  // RFC 3921 §3: servers that still want it say so; it has been optional since RFC 6121.
  const session = features.getChild('session', NS_SESSION);
  if (session !== undefined && session.getChild('optional') === undefined) {
    const begun = await roundTrip(connection, xml('session', { xmlns: NS_SESSION }), early);
    if (!begun.ok) return begun;
  }
  return jid;
}

async function roundTrip(connection: StreamConnection, payload: Element, early: Element[]): Promise<Step<Element>> {
  const id = randomUUID();
  const sent = await connection.transmit(xml('iq', { type: 'set', id }, payload));
  if (!sent.ok) return sent;
  const answer = await connection.receiveThe(
    (element) => element.is('iq', NS_CLIENT) && element.attrs['id'] === id,
    early,
  );
  if (!answer.ok || answer.value.attrs['type'] === 'result') return answer;
  return failed(faults.protocol(`${payload.getName()} refused`));
}

function boundJid(text: string | null | undefined, account: Jid): Step<string> {
  const jid = parseJid(text ?? '');
  if (jid.ok && jid.value.bare === account.bare && jid.value.resource !== null) return done(jid.value.full);
  return failed(faults.protocol('bound to another address', 'never'));
}

function takenUp(element: Element, resume: { readonly fullJid: string }, features: Element): Step<SignedIn> {
  // Without a count it is malformed, which ends the session where counts are judged.
  const oldHandled = handledOf(element) ?? '';
  return done({ fullJid: resume.fullJid, features, resumed: true, oldHandled, management: null, early: [] });
}

function resumeElement(resume: { readonly id: string; readonly handled: number }): Element {
  return xml('resume', { xmlns: NS_SM, previd: resume.id, h: String(resume.handled) });
}

function enableElement(): Element {
  return xml('enable', { xmlns: NS_SM, resume: 'true' });
}

function managementOf(enabled: Element): NonNullable<SignedIn['management']> {
  const { id, resume, max } = enabled.attrs as Record<string, string | undefined>;
  const resumable = (resume === 'true' || resume === '1') && id !== undefined && id.length <= 4_000;
  const maxSeconds = max !== undefined && /^\d{1,9}$/.test(max) ? Number(max) : null;
  return { id: resumable ? id : null, maxSeconds };
}

function handledOf(element: Element | null | undefined): string | null {
  const handled: unknown = element?.attrs['h'];
  return typeof handled === 'string' ? handled : null;
}
