import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBase64Url, fromHex, toBase64Url, toHex } from '../../src/main/nearby/bytes.ts';
import { formatInvitation, INVITATION_MAX_MS, parseInvitation } from '../../src/main/nearby/invitation.ts';
import { dayKey, dayOf, invitationKey, pairKey } from '../../src/main/nearby/pair-key.ts';
import { parseXid, publicKeyOfXid, xidOfPublicKey, xidOfSeed } from '../../src/main/nearby/xid.ts';
import type { Xid } from '../../src/shared/model.ts';
import { crypto } from '../support/nearby-people.ts';

const seed = new Uint8Array(32).fill(7);
const xid = xidOfSeed(crypto, seed);
const now = Date.UTC(2026, 10, 23, 12);
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

function codeOf(link: string, own: Xid | null = null): string {
  const parsed = parseInvitation(link, own, now);
  return parsed.ok ? 'ok' : parsed.error.code;
}

describe('XIDs', () => {
  it('are the hex of the public key (RFC 8032 §7.1, test 1)', () => {
    const testSeed = fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60') ?? new Uint8Array();
    expect(xidOfSeed(crypto, testSeed)).toBe(
      '00d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a@id.internal',
    );
  });

  it('are parsed exactly', () => {
    expect(parseXid(xid)).toBe(xid);
    const hex = xid.slice(2, 66);
    for (const bad of [
      '',
      hex,
      `01${hex}@id.internal`,
      `00${hex.toUpperCase()}@id.internal`,
      `${xid}/x`,
      ` ${xid}`,
      `${xid}\n`,
      `00${hex.slice(1)}@id.internal`,
    ]) {
      expect(parseXid(bad)).toBe(bad === xid ? xid : null);
      expect(publicKeyOfXid(bad)).toBeNull();
    }
  });

  it('round-trip with any key', () => {
    fc.assert(
      fc.property(bytes32, (key) => {
        expect(publicKeyOfXid(xidOfPublicKey(key))).toEqual(key);
      }),
    );
  });
});

describe('hex and base64url', () => {
  it('round-trip, and have one spelling only', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (value) => {
        expect(fromHex(toHex(value))).toEqual(value);
        expect(fromBase64Url(toBase64Url(value))).toEqual(value);
        expect(toBase64Url(value)).toBe(Buffer.from(value).toString('base64url'));
      }),
    );
    for (const bad of ['A', 'AB', 'AA==', 'A+', 'AA\n']) expect(fromBase64Url(bad)).toBeNull();
    for (const bad of ['0', 'AB', '0g']) expect(fromHex(bad)).toBeNull();
  });
});

describe('pair keys', () => {
  it('are the same from both sides, and different for each pair and day', () => {
    fc.assert(
      fc.property(bytes32, bytes32, fc.integer({ min: 0, max: 100_000 }), (one, other, day) => {
        const [first, second] = [xidOfSeed(crypto, one), xidOfSeed(crypto, other)];
        const key = pairKey(crypto, one, first, second);
        expect(key).toEqual(pairKey(crypto, other, second, first));
        expect(key).not.toBeNull();
        if (key === null || first === second) return;
        expect(key).not.toEqual(pairKey(crypto, one, first, first));
        expect(dayKey(crypto, key, day)).not.toEqual(dayKey(crypto, key, day + 1));
      }),
      { numRuns: 50 },
    );
  });

  it('do not exist for an XID that is no usable key', () => {
    for (const key of [new Uint8Array(32), Uint8Array.of(1, ...new Uint8Array(31))]) {
      expect(pairKey(crypto, seed, xid, xidOfPublicKey(key))).toBeNull();
    }
  });

  it('change at midnight UTC', () => {
    expect(dayOf(now)).toBe(20_780);
    expect(dayOf(Date.UTC(2026, 10, 24) - 1)).toBe(20_780);
    expect(dayOf(Date.UTC(2026, 10, 24))).toBe(20_781);
  });

  it('of invitations depend on secret and inviter', () => {
    const other = xidOfSeed(crypto, new Uint8Array(32).fill(8));
    expect(invitationKey(crypto, seed, xid)).not.toEqual(invitationKey(crypto, seed, other));
    expect(invitationKey(crypto, seed, xid)).toEqual(invitationKey(crypto, seed, xid));
  });
});

describe('invitation links', () => {
  const expiresAt = now + 86_400_000;
  const link = formatInvitation({ inviter: xid, secret: seed, expiresAt });

  it('round-trip', () => {
    fc.assert(
      fc.property(bytes32, fc.integer({ min: 1, max: INVITATION_MAX_MS / 1000 }), (secret, seconds) => {
        const invitation = { inviter: xid, secret, expiresAt: now + seconds * 1000 };
        expect(parseInvitation(formatInvitation(invitation), null, now)).toEqual({ ok: true, value: invitation });
      }),
    );
  });

  it('may have white space around them', () => {
    expect(codeOf(`\n ${link} `)).toBe('ok');
  });

  it('are refused when expired, one’s own, or endless', () => {
    expect(codeOf(formatInvitation({ inviter: xid, secret: seed, expiresAt: now }))).toBe('invitation.expired');
    expect(codeOf(link, xid)).toBe('invitation.own');
    expect(codeOf(formatInvitation({ inviter: xid, secret: seed, expiresAt: now + 100 * 86_400_000 }))).toBe(
      'invitation.malformed',
    );
  });

  it('are refused when anything is changed or missing', () => {
    const broken = [
      '',
      'xmpp:',
      'https://example.org',
      link.slice(5),
      link.replace('bothy-invite', 'join'),
      `${link};x=1`,
    ];
    broken.push(link.replace('@id.internal', '@example.org'), link.replace('secret=', 'secret=A'), link.slice(0, -12));
    broken.push(link.replace('expires=', 'expires=-'), link.replace('expires=', 'expires=0'), link.toUpperCase());
    for (const bad of broken) expect(codeOf(bad), bad).toBe('invitation.malformed');
  });

  it('never make the parser throw', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(link.length), (text, at) => {
        codeOf(text);
        codeOf(link.slice(0, at) + text + link.slice(at));
      }),
    );
  });
});
