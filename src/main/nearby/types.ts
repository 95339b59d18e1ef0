/** Seam between the libp2p transport (which has links) and the recognition of contacts (which has keys). */

import type { Address } from '../../shared/model.ts';
import type { AuthenticatedDevice } from '../transports/transport.ts';

/** An ordered, encrypted byte channel to one libp2p peer, before anybody is known to be anybody. */
export interface LinkChannel {
  readonly role: 'dialer' | 'listener';
  readonly localPeerId: Uint8Array;
  readonly remotePeerId: Uint8Array;
  read(length: number, signal: AbortSignal): Promise<Uint8Array>;
  write(bytes: Uint8Array): Promise<void>;
}

/** Who a link turned out to be. */
export interface RecognisedPeer {
  readonly device: AuthenticatedDevice;
  /** Every address we know the contact by; stanzas from any of these are accepted on the link. */
  readonly addresses: readonly Address[];
}

/** Runs the recognition of contacts over a fresh link. Null: a stranger; nothing was told. */
export interface LinkRecogniser {
  recognise(channel: LinkChannel, signal: AbortSignal): Promise<RecognisedPeer | null>;
}
