/** Why a connection failed: what the person is told, and whether trying again by itself may help or do harm. */
import { type AppError, appError, type ErrorCode } from '../../../shared/errors.ts';

export interface Fault {
  readonly error: AppError;
  /**
   * `soon`: after the usual backoff. `later`: the server asked for patience, skip the short waits.
   * `never`: only the person can help; another attempt could lock the account or expose the password.
   */
  readonly retry: 'soon' | 'later' | 'never';
  /** Where the server sends us instead (RFC 6120 §4.9.3.19), `host` or `host:port`. */
  readonly seeOther?: string;
}

export type Step<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: Fault };

export function done(): Step<void>;
export function done<T>(value: T): Step<T>;
export function done<T>(value?: T): Step<T | undefined> {
  return { ok: true, value };
}

export function failed(fault: Fault): { readonly ok: false; readonly fault: Fault } {
  return { ok: false, fault };
}

function fault(retry: Fault['retry'], code: ErrorCode, what: string, action: string, detail?: string): Fault {
  return { retry, error: appError(code, what, action, detail) };
}

export const faults = {
  unreachable: (detail: string) =>
    fault(
      'soon',
      'account.unreachable',
      'The server of your account cannot be reached.',
      'Check your internet connection, or try again later.',
      detail,
    ),
  unknownHost: (domain: string) =>
    fault(
      'soon',
      'account.unknown-host',
      `There is no server for ${domain}.`,
      'Check the part of your address after the @ sign, and your internet connection.',
    ),
  noService: (domain: string) =>
    fault(
      'later',
      'account.unknown-host',
      `${domain} says that it offers no accounts of this kind.`,
      'Check the part of your address after the @ sign.',
    ),
  noTls: (detail: string) =>
    fault(
      'later',
      'account.no-tls',
      'The server offers no encrypted connection, so nothing was sent to it.',
      'Ask whoever runs the server to turn on TLS, or use an account somewhere else.',
      detail,
    ),
  badCertificate: (reason: string, detail: string) =>
    fault(
      'later',
      'account.bad-certificate',
      `The server could not prove that it is the right one: ${reason}.`,
      'Do not sign in on this network if you do not trust it; otherwise tell whoever runs the server.',
      detail,
    ),
  wrongPassword: (detail: string) =>
    fault(
      'never',
      'account.wrong-password',
      'The server did not accept the address and password.',
      'Enter the password again.',
      detail,
    ),
  accountDisabled: () =>
    fault(
      'never',
      'account.disabled',
      'The server says that this account is disabled.',
      'Ask whoever runs the server why.',
      'account-disabled',
    ),
  noSafeLogin: (detail: string) =>
    fault(
      'never',
      'account.no-safe-login',
      'The server offers no way to sign in that keeps your password secret from it, so the password was not sent.',
      'Ask whoever runs the server to turn on SCRAM-SHA-256, or use an account somewhere else.',
      detail,
    ),
  weakerThanBefore: (detail: string) =>
    fault(
      'never',
      'account.server-untrusted',
      'The server now only offers a weaker way to sign in than before, which is also what an attacker would do.',
      'If whoever runs the server confirms the change, remove the account here and add it again.',
      detail,
    ),
  serverUntrusted: (detail: string) =>
    fault(
      'never',
      'account.server-untrusted',
      'The server could not prove that it knows your account, so somebody may be pretending to be it.',
      'Do not enter your password on this network; tell whoever runs the server.',
      detail,
    ),
  replaced: () =>
    fault(
      'never',
      'account.replaced',
      'Another program signed in to your account in the place of this one.',
      'Close the other one, then connect again.',
      'conflict',
    ),
  temporary: (detail: string) =>
    fault(
      'later',
      'account.unreachable',
      'The server cannot let anybody sign in right now.',
      'Try again later.',
      detail,
    ),
  protocol: (detail: string, retry: Fault['retry'] = 'later') =>
    fault(
      retry,
      'account.protocol',
      'The server said something that makes no sense.',
      'If this goes on, tell whoever runs the server.',
      detail,
    ),
  stopped: () => fault('never', 'transport.stopped', 'The connection was closed.', ''),
  seeOther: (host: string): Fault => ({
    ...faults.unreachable('see-other-host'),
    seeOther: host,
  }),
};

/** OpenSSL and BoringSSL verification results, in words a person knows. */
const certificateReasons: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet (is the clock of this computer right?)',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate belongs to another name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed, nobody vouches for it',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from an authority this computer does not know',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate comes from an authority this computer does not know',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate comes from an authority this computer does not know',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate comes from an authority this computer does not know',
  CERT_REVOKED: 'its certificate was withdrawn',
  CERT_SIGNATURE_FAILURE: 'its certificate is forged or damaged',
  INVALID_PURPOSE: 'its certificate is not meant for servers',
  CERT_UNTRUSTED: 'its certificate is not trusted',
  CERT_REJECTED: 'its certificate was rejected',
  HOSTNAME_MISMATCH: 'its certificate belongs to another name',
};

/** What an error of node:net, node:tls or node:dns means. */
export function faultOfSocketError(error: NodeJS.ErrnoException, domain: string, duringTls: boolean): Fault {
  const code = error.code ?? '';
  const reason = certificateReasons[code];
  if (reason !== undefined) return faults.badCertificate(reason, code);
  if (code === 'ENOTFOUND' || code === 'ENODATA') return faults.unknownHost(domain);
  if (duringTls && (code.startsWith('ERR_SSL') || code === 'EPROTO')) return faults.noTls(code);
  return faults.unreachable(code || error.name);
}

/** What a stream error (RFC 6120 §4.9.3) means for us. */
export function faultOfStreamError(condition: string, seeOther: string | null, domain: string): Fault {
  switch (condition) {
    case 'conflict':
      return faults.replaced();
    case 'see-other-host':
      return seeOther ? faults.seeOther(seeOther) : faults.protocol('see-other-host without a host');
    case 'host-unknown':
    case 'host-gone':
      return { ...faults.unknownHost(domain), retry: 'later' };
    case 'not-authorized':
      return faults.protocol(condition, 'never');
    case 'connection-timeout':
    case 'remote-connection-failed':
    case 'reset':
    case 'system-shutdown':
      return faults.unreachable(condition);
    case 'internal-server-error':
    case 'policy-violation':
    case 'resource-constraint':
      return { ...faults.unreachable(condition), retry: 'later' };
    default:
      return faults.protocol(/^[a-z-]{1,40}$/.test(condition) ? condition : 'undefined-condition');
  }
}

/** What a SASL failure (RFC 6120 §6.5) means for us. */
export function faultOfSaslFailure(condition: string): Fault {
  switch (condition) {
    case 'account-disabled':
      return faults.accountDisabled();
    case 'temporary-auth-failure':
      return faults.temporary(condition);
    case 'invalid-mechanism':
    case 'mechanism-too-weak':
    case 'encryption-required':
      return faults.noSafeLogin(condition);
    case 'aborted':
    case 'incorrect-encoding':
    case 'malformed-request':
      return faults.protocol(condition, 'never');
    default:
      // not-authorized, credentials-expired, invalid-authzid: the person must look at what they entered
      return faults.wrongPassword(/^[a-z-]{1,40}$/.test(condition) ? condition : 'not-authorized');
  }
}
