import { describe, expect, it } from 'vitest';
import { asciiDomain, normaliseBareJid, parseJid, parseUserJid } from '../../src/shared/jid.ts';

const full = (text: string): string => {
  const jid = parseJid(text);
  return jid.ok ? jid.value.full : `refused: ${jid.error.detail ?? ''}`;
};

describe('RFC 7622 §3.5, valid addresses', () => {
  it.each([
    ['juliet@example.com', 'juliet@example.com'],
    ['juliet@example.com/foo', 'juliet@example.com/foo'],
    ['juliet@example.com/foo bar', 'juliet@example.com/foo bar'],
    ['juliet@example.com/foo@bar', 'juliet@example.com/foo@bar'],
    ['foo\\20bar@example.com', 'foo\\20bar@example.com'],
    ['fussball@example.com', 'fussball@example.com'],
    ['fu\u00DFball@example.com', 'fu\u00DFball@example.com'],
    ['\u03C0@example.com', '\u03C0@example.com'],
    ['\u03A3@example.com/foo', '\u03C3@example.com/foo'],
    ['\u03C3@example.com/foo', '\u03C3@example.com/foo'],
    ['\u03C2@example.com/foo', '\u03C2@example.com/foo'],
    ['king@example.com/\u265A', 'king@example.com/\u265A'],
    ['example.com', 'example.com'],
    ['example.com/foobar', 'example.com/foobar'],
    ['a.example.com/b@example.net', 'a.example.com/b@example.net'],
  ])('%s', (text, expected) => {
    expect(full(text)).toBe(expected);
  });
});

describe('RFC 7622 §3.5, invalid addresses', () => {
  it.each([
    ['"juliet"@example.com', 'localpart'],
    ['foo bar@example.com', 'localpart'],
    ['juliet@example.com/', 'resourcepart'],
    ['@example.com/', 'localpart'],
    ['henry\u2163@example.com', 'localpart'],
    ['\u265A@example.com', 'localpart'],
    ['juliet@', 'domain'],
    ['/foobar', 'domain'],
  ])('%s', (text, part) => {
    expect(full(text)).toBe(`refused: invalid ${part} (RFC 7622)`);
  });
});

describe('normal form', () => {
  it.each([
    ['JULIET@Example.COM', 'juliet@example.com'],
    ['juliet@example.com.', 'juliet@example.com'],
    ['\uFF2Auliet@example.com', 'juliet@example.com'],
    ['cafe\u0301@example.com', 'caf\u00E9@example.com'],
    ['x@B\u00DCCHER.example', 'x@b\u00FCcher.example'],
    ['x@xn--bcher-kva.example', 'x@b\u00FCcher.example'],
    ['x@stra\u00DFe.example', 'x@stra\u00DFe.example'],
    ['x@192.0.2.7', 'x@192.0.2.7'],
    ['x@[2001:DB8::7]', 'x@[2001:db8::7]'],
    ['00ab@id.internal', '00ab@id.internal'],
    ['l\u00B7l@example.com', 'l\u00B7l@example.com'],
    ['coll\u00B7lega@example.com', 'coll\u00B7lega@example.com'],
    ['col\u00B7ega@example.com', 'refused: invalid localpart (RFC 7622)'],
    ['\u05D0\u05D1@example.com', '\u05D0\u05D1@example.com'],
    ['\u05D0b@example.com', 'refused: invalid localpart (RFC 7622)'],
    ['a\u200Db@example.com', 'refused: invalid localpart (RFC 7622)'],
    ['a\u0000b@example.com', 'refused: invalid localpart (RFC 7622)'],
    ['\uD800@example.com', 'refused: invalid localpart (RFC 7622)'],
    ['x@exa mple.com', 'refused: invalid domain (RFC 7622)'],
    ['x@-example.com', 'refused: invalid domain (RFC 7622)'],
    ['x@example..com', 'refused: invalid domain (RFC 7622)'],
    ['x@example.com/\u00A0a', 'x@example.com/ a'],
  ])('%s', (text, expected) => {
    expect(full(text)).toBe(expected);
  });

  it('has a limit of 1023 octets for each part', () => {
    expect(full(`${'a'.repeat(1023)}@example.com`)).toBe(`${'a'.repeat(1023)}@example.com`);
    expect(full(`${'a'.repeat(1024)}@example.com`)).toContain('refused');
    expect(full(`a@example.com/${'\u00E9'.repeat(512)}`)).toContain('refused');
  });

  it('is the same when normalised again', () => {
    for (const text of ['\u03A3@EXAMPLE.com', '\uFF2A@b\u00FCcher.example', '\u0130@example.com']) {
      const once = full(text);
      expect(full(once)).toBe(once);
    }
  });

  it('drops the resource for the bare form, and wants a name in what a person types', () => {
    expect(normaliseBareJid('Juliet@example.com/x')).toEqual({ ok: true, value: 'juliet@example.com' });
    expect(parseUserJid('  xmpp:Juliet@example.com ')).toEqual({ ok: true, value: 'juliet@example.com' });
    expect(parseUserJid('example.com').ok).toBe(false);
    expect(parseUserJid('a@example.com/x').ok).toBe(false);
  });

  it('does no work for what is far too long', () => {
    const started = process.cpuUsage();
    for (const text of ['\u30FB'.repeat(20_000), '\u0660'.repeat(100_000), 'a.'.repeat(100_000)]) {
      expect(full(`${text}\u30A1@example.com`)).toBe('refused: invalid localpart (RFC 7622)');
      expect(full(`a@${text}`)).toBe('refused: invalid domain (RFC 7622)');
      expect(full(`example.com/${text}\u30A1`)).toBe('refused: invalid resourcepart (RFC 7622)');
    }
    // Some rules look at the whole string for each character: this took 5 seconds of the processor.
    expect(process.cpuUsage(started).user).toBeLessThan(1_000_000);
  });

  it('gives DNS and TLS the A-labels', () => {
    expect(asciiDomain('b\u00FCcher.example')).toBe('xn--bcher-kva.example');
    expect(asciiDomain('192.0.2.7')).toBe('192.0.2.7');
  });
});
