/** XMPP addresses (RFC 7622): parsing, and the one normal form in which two spellings of an address are equal. */
import { toASCII, toUnicode } from 'tr46';
import { fail, ok, type Result } from './errors.ts';
import type { BareJid } from './model.ts';
import { freeformString, identifierString } from './precis.ts';

export interface Jid {
  readonly local: string | null;
  /** U-labels, lower case, without a final dot; or an IP literal. */
  readonly domain: string;
  readonly resource: string | null;
  readonly bare: BareJid;
  /** `bare`, with `/resource` where there is one. */
  readonly full: string;
}

/** RFC 7622 §3.2–3.4: each part at most 1023 octets of UTF-8. */
const MAX_PART_BYTES = 1023;
/** UTF-16 units of a part before it is normalised, which makes it no shorter than a quarter: no work for more. */
const MAX_PART_WRITTEN = 4 * MAX_PART_BYTES;
/** RFC 7622 §3.3.1, beyond what PRECIS' IdentifierClass leaves out. */
const NOT_IN_LOCALPART = /["&'/:<>@]/;
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;
const IPV6 = /^\[[0-9a-f:]{2,39}(?:\.\d{1,3}){0,3}\]$/;

const idnaOptions = {
  checkBidi: true,
  checkHyphens: true,
  checkJoiners: true,
  useSTD3ASCIIRules: true,
  transitionalProcessing: false,
  ignoreInvalidPunycode: false,
};

/** Parses and normalises any JID (`local@domain/resource`, local and resource optional). */
export function parseJid(text: string): Result<Jid> {
  // RFC 7622 §3.1: first the resource is cut off at the first slash, then the localpart at the first at sign.
  const slash = text.indexOf('/');
  const beforeSlash = slash < 0 ? text : text.slice(0, slash);
  const at = beforeSlash.indexOf('@');
  const domain = normaliseDomain(beforeSlash.slice(at + 1));
  if (domain === null) return badJid('domain');
  const local = at < 0 ? null : normaliseLocal(beforeSlash.slice(0, at));
  if (at >= 0 && local === null) return badJid('localpart');
  const resource = slash < 0 ? null : normaliseResource(text.slice(slash + 1));
  if (slash >= 0 && resource === null) return badJid('resourcepart');
  const bare = (local === null ? domain : `${local}@${domain}`) as BareJid;
  return ok({ local, domain, resource, bare, full: resource === null ? bare : `${bare}/${resource}` });
}

/** The normalised bare form of any JID; a resource is dropped. Domain-only JIDs (services) are accepted. */
export function normaliseBareJid(text: string): Result<BareJid> {
  const jid = parseJid(text);
  return jid.ok ? ok(jid.value.bare) : jid;
}

/** What a person types as the address of somebody: surrounding blanks and `xmpp:` are ignored, `name@` is required. */
export function parseUserJid(text: string): Result<BareJid> {
  const jid = parseJid(text.trim().replace(/^xmpp:/i, ''));
  if (!jid.ok) return jid;
  return jid.value.local === null || jid.value.resource !== null ? badJid('form') : ok(jid.value.bare);
}

/** The domain as DNS and TLS want it (A-labels, RFC 5890); null if it has no such form. */
export function asciiDomain(domain: string): string | null {
  if (IPV4.test(domain) || IPV6.test(domain)) return domain;
  return toASCII(domain, { ...idnaOptions, verifyDNSLength: true }) || null;
}

function normaliseDomain(text: string): string | null {
  if (text.length > MAX_PART_WRITTEN) return null;
  const lower = text.toLowerCase();
  if (IPV4.test(lower) || IPV6.test(lower)) return lower;
  // RFC 7622 §3.2: a final dot is dropped before anything else.
  const withoutRoot = text.replace(/\.$/, '');
  if (withoutRoot === '' || asciiDomain(withoutRoot) === null) return null;
  const { domain, error } = toUnicode(withoutRoot, idnaOptions);
  return error || !fits(domain) ? null : domain;
}

function normaliseLocal(text: string): string | null {
  const local = text.length > MAX_PART_WRITTEN ? null : identifierString(text);
  return local === null || NOT_IN_LOCALPART.test(local) || !fits(local) ? null : local;
}

function normaliseResource(text: string): string | null {
  const resource = text.length > MAX_PART_WRITTEN ? null : freeformString(text);
  return resource === null || !fits(resource) ? null : resource;
}

function fits(part: string): boolean {
  let bytes = 0;
  for (const character of part) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes > 0 && bytes <= MAX_PART_BYTES;
}

function badJid(part: string): Result<never> {
  return fail(
    'account.bad-jid',
    'This is not a valid address.',
    'Check the spelling; an address looks like name@example.org.',
    `invalid ${part} (RFC 7622)`,
  );
}
