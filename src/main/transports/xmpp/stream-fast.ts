/** Signing in with a token instead of the password (XEP-0484), by the HT mechanisms (draft-schmaus-kitten-sasl-ht). */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { BindingType, ChannelBindings } from './stream-channel-binding.ts';
import { done, failed, faults, type Step } from './stream-faults.ts';
import type { FastToken } from './stream-state.ts';

type HtMechanism = FastToken['mechanism'];

const bindingOf: Readonly<Record<HtMechanism, BindingType | null>> = {
  'HT-SHA-256-EXPR': 'tls-exporter',
  'HT-SHA-256-ENDP': 'tls-server-end-point',
  'HT-SHA-256-NONE': null,
};

/** Tokens that expire sooner than this are not worth trying. */
const MARGIN_MS = 60_000;

/**
 * The mechanism to ask a token for; null when none will do. Without channel binding somebody in the middle could use
 * what we say again, so that one is only for connections that have no binding anyway.
 */
export function fastMechanism(
  offered: readonly string[],
  tls: ChannelBindings,
  passwordWasBound: boolean,
): HtMechanism | null {
  const usable = (['HT-SHA-256-EXPR', 'HT-SHA-256-ENDP', 'HT-SHA-256-NONE'] as const).filter((mechanism) => {
    const type = bindingOf[mechanism];
    return offered.includes(mechanism) && (type === null ? !passwordWasBound : tls.available.has(type));
  });
  return usable[0] ?? null;
}

export function tokenUsable(token: FastToken, mechanism: HtMechanism | null, now: number): boolean {
  return token.mechanism === mechanism && token.expiry - MARGIN_MS > now;
}

export class HashedToken {
  readonly #token: FastToken;
  readonly #binding: Buffer;
  verified = false;

  constructor(token: FastToken, tls: ChannelBindings) {
    this.#token = token;
    const type = bindingOf[token.mechanism];
    this.#binding = (type === null ? undefined : tls.available.get(type)) ?? Buffer.alloc(0);
  }

  /** initiator-message: the user name, a zero byte, and the hashed token. */
  first(username: string): Buffer {
    return Buffer.concat([Buffer.from(`${username}\0`), this.#hash('Initiator')]);
  }

  /** responder-message: the server knows the token too. */
  verify(message: Buffer): Step<void> {
    const expected = this.#hash('Responder');
    if (message.length !== expected.length || !timingSafeEqual(message, expected)) {
      return failed(faults.serverUntrusted('the server does not know the token'));
    }
    this.verified = true;
    return done();
  }

  #hash(role: 'Initiator' | 'Responder'): Buffer {
    return createHmac('sha256', this.#token.token).update(role).update(this.#binding).digest();
  }
}
