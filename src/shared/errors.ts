/** Every expected failure in Bothy is one of these codes; anything thrown instead is a bug. */
export type ErrorCode =
  // the profile on disk
  | 'profile.wrong-passphrase'
  | 'profile.passphrase-needed'
  | 'profile.passphrase-too-short'
  | 'profile.newer-version'
  | 'profile.in-use'
  | 'profile.exists'
  | 'profile.not-ready'
  | 'profile.disk-full'
  | 'profile.unreadable'
  | 'profile.rolled-back'
  | 'clock.wrong'
  // the XMPP account
  | 'account.bad-jid'
  | 'account.wrong-password'
  | 'account.disabled'
  | 'account.unknown-host'
  | 'account.unreachable'
  | 'account.bad-certificate'
  | 'account.no-tls'
  | 'account.no-safe-login'
  | 'account.server-untrusted'
  | 'account.replaced'
  | 'account.protocol'
  | 'account.none'
  // the nearby network
  | 'nearby.unavailable'
  | 'nearby.no-network'
  // one stanza on its way
  | 'transport.unreachable'
  | 'transport.timeout'
  | 'transport.refused'
  | 'transport.too-large'
  | 'transport.malformed'
  | 'transport.stopped'
  | 'stanza.not-found'
  | 'stanza.forbidden'
  | 'stanza.error'
  // end-to-end encryption
  | 'encryption.no-devices'
  | 'encryption.no-usable-device'
  | 'encryption.not-let-in'
  | 'encryption.bad-bundle'
  | 'encryption.malformed'
  | 'encryption.not-for-us'
  | 'encryption.no-session'
  | 'encryption.forged'
  | 'encryption.replayed'
  | 'encryption.too-far-ahead'
  | 'encryption.unknown-prekey'
  | 'encryption.mismatch'
  | 'encryption.unreadable'
  | 'encryption.new-own-device'
  | 'encryption.removed-device-back'
  | 'encryption.own-device-judged'
  // what a person asked for
  | 'request.malformed'
  | 'request.unknown-command'
  | 'device.unknown'
  | 'device.is-this-one'
  | 'contact.unknown'
  | 'contact.is-self'
  | 'contact.exists'
  | 'conversation.unknown'
  | 'message.unknown'
  | 'message.already-sent'
  | 'message.empty'
  | 'message.too-long'
  | 'message.plain-not-allowed'
  | 'invitation.malformed'
  | 'invitation.expired'
  | 'invitation.own'
  // somebody's code: an `xmpp:` link with the fingerprints of their devices
  | 'trust.malformed'
  | 'trust.somebody-else'
  | 'trust.not-a-contact'
  | 'trust.this-device'
  | 'link.not-allowed'
  | 'link.malformed'
  | 'link.group'
  | 'link.not-claimed'
  | 'host.unsupported'
  | 'internal';

/**
 * An expected failure, as data. `what` and `action` are plain English for a person (no jargon, no codes, no secrets,
 * no message text); `detail` is for whoever opens the technical view or the log, under the same rule about secrets.
 */
export interface AppError {
  readonly code: ErrorCode;
  /** What happened, one sentence. */
  readonly what: string;
  /** What the person can do about it, one sentence; empty when nothing. */
  readonly action: string;
  readonly detail?: string;
}

export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: AppError };

export function ok(): Result<void>;
export function ok<T>(value: T): Result<T>;
export function ok<T>(value?: T): Result<T | undefined> {
  return { ok: true, value };
}

export function appError(code: ErrorCode, what: string, action = '', detail?: string): AppError {
  return detail === undefined ? { code, what, action } : { code, what, action, detail };
}

export function fail(
  code: ErrorCode,
  what: string,
  action = '',
  detail?: string,
): { readonly ok: false; readonly error: AppError } {
  return { ok: false, error: appError(code, what, action, detail) };
}
