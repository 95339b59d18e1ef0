import { describe, expect, it } from 'vitest';
import { serverEndPoint } from '../../src/main/transports/xmpp/stream-channel-binding.ts';
import { chooseMechanism } from '../../src/main/transports/xmpp/stream-mechanism.ts';
import { downgradeHash, ScramClient, type ScramOptions } from '../../src/main/transports/xmpp/stream-scram.ts';
import { DOMAIN, makeCertificates } from '../support/hostile-xmpp-server.ts';

const plain: Omit<ScramOptions, 'hash' | 'nonce'> = {
  username: 'user',
  password: 'pencil',
  binding: 'n',
  downgradeHash: '',
  needsDowngradeHash: false,
  tlsVersion: '0304',
};

describe('SCRAM, known answers', () => {
  it.each([
    {
      name: 'RFC 7677 §3 (SHA-256)',
      hash: 'sha256' as const,
      nonce: 'rOprNGfwEbeRWgbNEkqO',
      first: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
      final:
        'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
      signature: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    },
    {
      // No document has one for SHA-512: the values of RFC 7677 §3, computed with Python's hashlib
      name: 'SHA-512',
      hash: 'sha512' as const,
      nonce: 'rOprNGfwEbeRWgbNEkqO',
      first: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
      final:
        'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,' +
        'p=gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==',
      signature: 'v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw==',
    },
    {
      name: 'RFC 5802 §5 (SHA-1)',
      hash: 'sha1' as const,
      nonce: 'fyko+d2lbbFgONRv9qkxdawL',
      first: 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
      final: 'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
      signature: 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
    },
  ])('$name', async ({ hash, nonce, first, final, signature }) => {
    const scram = new ScramClient({ ...plain, hash, nonce });
    expect(scram.first()).toBe(`n,,n=user,r=${nonce}`);
    expect(await scram.final(first)).toEqual({ ok: true, value: final });
    expect(scram.verify(signature)).toEqual({ ok: true, value: undefined });
    expect(scram.verified).toBe(true);
    expect(scram.verify(`${signature.slice(0, -4)}AAA=`).ok).toBe(false);
  });

  it('prepares names and passwords (RFC 5802 §5.1, RFC 4013)', async () => {
    const named = new ScramClient({ ...plain, hash: 'sha256', username: 'a=b,c', nonce: 'n' });
    expect(named.first()).toBe('n,,n=a=3Db=2Cc,r=n');
    const challenge = 'r=nx,s=QSXCR+Q6sek8bf92,i=4096';
    const proofs = await Promise.all(
      // soft hyphen is mapped to nothing, the ligature to its letters, the no-break space to a space
      ['I\u00ADX ﬁ\u00A0x', 'IX fi x', 'ix fi x'].map((password) =>
        new ScramClient({ ...plain, hash: 'sha256', password, nonce: 'n' }).final(challenge),
      ),
    );
    expect(proofs[0]).toEqual(proofs[1]);
    expect(proofs[0]).not.toEqual(proofs[2]);
  });

  it('hashes what was advertised as in the example of XEP-0474', () => {
    const list = ['SCRAM-SHA-1', 'SCRAM-SHA-1-PLUS'];
    const sorted = downgradeHash('sha1', list, ['tls-server-end-point', 'tls-exporter']);
    // XEP-0515 §4.3 shows this attribute for exactly this offer
    expect(sorted).toBe('G6k/rBLDqgOhRRaCuuatSDFkJ08=');
    expect(downgradeHash('sha1', [...list].reverse(), ['tls-exporter', 'tls-server-end-point'])).toBe(sorted);
    expect(downgradeHash('sha1', list, null)).not.toBe(sorted);
  });
});

describe('choosing a mechanism', () => {
  const bound = { available: new Map([['tls-exporter' as const, Buffer.alloc(32)]]), tlsVersion: '0304' };
  const unbound = { available: new Map(), tlsVersion: '0304' };
  const choose = (mechanisms: string[], bindings: string[] | null, tls = bound, pinned: string | null = null) => {
    const choice = chooseMechanism({ profile: 'sasl1', mechanisms, bindings }, tls, pinned);
    if (!choice.ok) return choice.fault.error.code;
    const { binding } = choice.value.scram;
    return `${choice.value.mechanism} ${typeof binding === 'string' ? binding : binding.type}`;
  };

  it('prefers the better hash, then the binding', () => {
    expect(choose(['SCRAM-SHA-1', 'SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'], ['tls-exporter'])).toBe(
      'SCRAM-SHA-256-PLUS tls-exporter',
    );
    expect(choose(['SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256'], ['tls-exporter'])).toBe('SCRAM-SHA-256 n');
    expect(choose(['SCRAM-SHA-256'], null)).toBe('SCRAM-SHA-256 y');
    expect(choose(['SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'], ['tls-exporter'], unbound)).toBe('SCRAM-SHA-256 n');
    expect(choose(['SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'], null)).toBe('SCRAM-SHA-256 n');
    expect(choose(['SCRAM-SHA-256-PLUS'], ['tls-unique'])).toBe('account.no-safe-login');
    expect(choose(['SCRAM-SHA-1', 'SCRAM-SHA-512'], null)).toBe('SCRAM-SHA-512 y');
    expect(choose(['SCRAM-SHA-512', 'SCRAM-SHA-256'], null)).toBe('SCRAM-SHA-256 y');
    expect(choose(['SCRAM-SHA-512-PLUS', 'SCRAM-SHA-256'], ['tls-exporter'])).toBe('SCRAM-SHA-512-PLUS tls-exporter');
    expect(choose(['PLAIN', 'EXTERNAL', 'ANONYMOUS'], null)).toBe('account.no-safe-login');
  });

  it('takes nothing weaker than what was used before', () => {
    expect(choose(['SCRAM-SHA-256'], null, bound, 'SCRAM-SHA-256-PLUS')).toBe('account.server-untrusted');
    expect(choose(['SCRAM-SHA-1'], null, bound, 'SCRAM-SHA-256')).toBe('account.server-untrusted');
    expect(choose(['SCRAM-SHA-256'], null, bound, 'SCRAM-SHA-1')).toBe('SCRAM-SHA-256 y');
    expect(choose(['SCRAM-SHA-256'], null, bound, 'SCRAM-SHA-512')).toBe('SCRAM-SHA-256 y');
    expect(choose(['SCRAM-SHA-512'], null, bound, 'SCRAM-SHA-256')).toBe('SCRAM-SHA-512 y');
    expect(choose(['SCRAM-SHA-512'], null, bound, 'SCRAM-SHA-256-PLUS')).toBe('account.server-untrusted');
    expect(choose(['SCRAM-SHA-1-PLUS'], ['tls-exporter'], bound, 'SCRAM-SHA-512')).toBe('account.server-untrusted');
  });
});

it('tls-server-end-point hashes a certificate with the hash of its signature', async () => {
  const { good } = await makeCertificates();
  expect(good.certificate).toContain('CERTIFICATE');
  const der = Buffer.from(good.certificate.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const { createHash } = await import('node:crypto');
  expect(serverEndPoint(der)).toEqual(createHash('sha256').update(der).digest());
  expect(serverEndPoint(der.subarray(0, 20))).toBeNull();
  expect(serverEndPoint(Buffer.from(DOMAIN))).toBeNull();
});
