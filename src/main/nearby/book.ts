/** What recognition must know about the person and whom they know: implemented over the store by the application. */
import type { Address, ContactId, Xid } from '../../shared/model.ts';
import type { DeviceIdentity } from '../e2ee/types.ts';

/** The `contactId` of a link to another device of one's own. */
export const SELF_CONTACT = 'self' as ContactId;

export interface NearbySelf {
  /** Ed25519 seed of the XID, 32 bytes. */
  readonly xidSeed: Uint8Array;
  readonly xid: Xid;
  /** Display name, told to a person met through an invitation. */
  readonly name: string;
  readonly device: DeviceIdentity;
  /** Every own address (XID, JID): accepted as `from` on links to own devices. */
  readonly addresses: readonly Address[];
}

export interface NearbyContact {
  readonly contactId: ContactId;
  readonly xid: Xid;
  /** Every address we know the contact by, the XID included. */
  readonly addresses: readonly Address[];
}

export interface NearbyInvitation {
  /** 32 bytes. */
  readonly secret: Uint8Array;
  /** Unix ms. */
  readonly expiresAt: number;
  /** Made here (`out`) or accepted here (`in`). */
  readonly direction: 'out' | 'in';
  /** Who invited: our own XID for `out`. */
  readonly inviter: Xid;
}

/** A person met through an invitation, their XID proven by a signature over this very link. */
export interface Introduction {
  readonly xid: Xid;
  /** As they call themselves: at most 64 characters, no control characters; may be empty. */
  readonly name: string;
  readonly device: DeviceIdentity;
  readonly invitationSecret: Uint8Array;
}

export interface NearbyBook {
  self(): NearbySelf;
  /** Contacts whose XID is known. */
  contacts(): readonly NearbyContact[];
  /** Open invitations of both directions; expired ones are ignored. */
  invitations(): readonly NearbyInvitation[];
  /**
   * Durably makes (or finds) the contact and uses the invitation up, in one transaction; null when the invitation is no
   * longer open. The inviter's side is called first; the other only after the inviter has stored them.
   */
  onIntroduced(introduction: Introduction): Promise<NearbyContact | null>;
}
