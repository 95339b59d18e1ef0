/**
 * Invitation links: `xmpp:<XID>?bothy-invite;secret=<base64url of 32 bytes>;expires=<Unix seconds>` (an XMPP URI by
 * RFC 5122 with a query type of ours). A pure codec; the same text goes into the QR code.
 */
import { fail, ok, type Result } from '../../shared/errors.ts';
import type { Xid } from '../../shared/model.ts';
import { fromBase64Url, toBase64Url } from './bytes.ts';
import { parseXid } from './xid.ts';

export const INVITATION_SECRET_BYTES = 32;
/** How long an invitation may be valid at most; a link that claims more is refused. */
export const INVITATION_MAX_MS = 31 * 86_400_000;

/** Not expired; nor made while the clock was ahead, which would keep it open for years. */
export function isOpen(expiresAt: number, now: number): boolean {
  return expiresAt > now && expiresAt <= now + 2 * INVITATION_MAX_MS;
}

export interface InvitationLink {
  readonly inviter: Xid;
  /** 32 bytes. */
  readonly secret: Uint8Array;
  /** Unix ms, whole seconds. */
  readonly expiresAt: number;
}

/** `secret` must have 32 bytes; the expiry is cut to whole seconds. */
export function formatInvitation(invitation: InvitationLink): string {
  if (invitation.secret.length !== INVITATION_SECRET_BYTES) throw new RangeError('an invitation secret has 32 bytes');
  const expires = Math.floor(invitation.expiresAt / 1000);
  return `xmpp:${invitation.inviter}?bothy-invite;secret=${toBase64Url(invitation.secret)};expires=${expires}`;
}

/** Strict: exactly what `formatInvitation` writes, but for white space around it. Fails with `invitation.*`. */
export function parseInvitation(link: string, ownXid: Xid | null, now: number): Result<InvitationLink> {
  const parts = /^xmpp:([^?]{1,100})\?bothy-invite;secret=([A-Za-z0-9_-]{43});expires=([1-9][0-9]{0,11})$/.exec(
    link.trim(),
  );
  const inviter = parseXid(parts?.[1] ?? '');
  const secret = fromBase64Url(parts?.[2] ?? '');
  if (inviter === null || secret?.length !== INVITATION_SECRET_BYTES) {
    return fail(
      'invitation.malformed',
      'This is not a Bothy invitation, or part of it is missing.',
      'Ask for the link again and copy all of it.',
    );
  }
  if (inviter === ownXid) {
    return fail('invitation.own', 'This is your own invitation.', 'Send it to the person you want to invite.');
  }
  const expiresAt = Number(parts?.[3]) * 1000;
  if (expiresAt <= now) {
    return fail(
      'invitation.expired',
      'This invitation has expired.',
      'Ask for a new one; if it is new, look whether the clock of this computer is right.',
    );
  }
  if (expiresAt > now + 2 * INVITATION_MAX_MS) {
    return fail(
      'invitation.malformed',
      'This invitation claims to be valid for longer than invitations can be.',
      'Ask for a new one, or look whether the clock of this computer is right.',
    );
  }
  return ok({ inviter, secret, expiresAt });
}
