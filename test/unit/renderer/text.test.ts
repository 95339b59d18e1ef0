import { describe, expect, it } from 'vitest';
import { findLinks } from '../../../src/renderer/features/chat/links.ts';
import { excerpt } from '../../../src/renderer/features/conversations/search.ts';
import { passphraseStrength } from '../../../src/renderer/features/onboarding/passphrase-strength.ts';
import { cleanLine, cleanText } from '../../../src/renderer/ui/clean-text.ts';

const links = (text: string) => findLinks(text).flatMap((part) => (part.url === null ? [] : [part.text]));

describe('links in a message', () => {
  it('leaves the sentence its full stops and brackets', () => {
    expect(links('See https://example.org/a. Or (http://example.net/b), or “https://example.com/c”!')).toEqual([
      'https://example.org/a',
      'http://example.net/b',
      'https://example.com/c',
    ]);
    expect(links('https://en.example.org/wiki/Bothy_(shelter)')).toEqual([
      'https://en.example.org/wiki/Bothy_(shelter)',
    ]);
  });

  it('may lead to people, too', () => {
    expect(links('Ask (xmpp:juliet@example.net) or xmpp:o%27brien@example.net?message;body=Hi%21.')).toEqual([
      'xmpp:juliet@example.net',
      'xmpp:o%27brien@example.net?message;body=Hi%21',
    ]);
    expect(links(`xmpp:juliet@example.net?body=${'a'.repeat(9000)} xmpp:%zz`)).toEqual([]);
  });

  it('loses and adds nothing', () => {
    for (const text of ['', 'plain', 'a https://x.example b', 'https://x.example', 'x https://y.example/?q=1#f, z']) {
      expect(
        findLinks(text)
          .map((part) => part.text)
          .join(''),
      ).toBe(text);
    }
  });

  it('knows no other schemes, and none that pretend to be elsewhere', () => {
    expect(links('javascript:alert(1) file:///etc/passwd data:text/html,x ftp://a.example xmpp: bothy://app')).toEqual(
      [],
    );
    expect(links('https://bank.example@evil.example/')).toEqual([]);
    expect(links('https:// https://. http://')).toEqual([]);
  });
});

describe('text from elsewhere', () => {
  it('loses what acts on the text around it and keeps what it says', () => {
    expect(cleanText('in\u202evoice\u2066.\u200f\u0007\u0000')).toBe('invoice.');
    expect(cleanText('a\r\nb\tc')).toBe('a\nb\tc');
    expect(cleanText('مرحبا 👩‍👧 नमस्ते')).toBe('مرحبا 👩‍👧 नमस्ते');
  });

  it('is one line where a name stands', () => {
    expect(cleanLine('  Ada\n\tNilsson ')).toBe('Ada Nilsson');
  });
});

describe('an excerpt of a found message', () => {
  it('begins a little before the match, at a word', () => {
    const body = `${'far away '.repeat(20)}the lighthouse keeper`;
    const shown = excerpt(body, 'lighthouse');
    expect(shown.startsWith('…')).toBe(true);
    expect(shown.indexOf('lighthouse')).toBeLessThan(30);
    expect(excerpt('short text', 'text')).toBe('short text');
  });
});

describe('guidance for a passphrase', () => {
  it('goes by length and variety', () => {
    expect(passphraseStrength('')).toBe('empty');
    expect(passphraseStrength('abc123')).toBe('short');
    expect(passphraseStrength('aaaaaaaaaaaaaaaaaaaaaaaa')).toBe('weak');
    expect(passphraseStrength('password1')).toBe('weak');
    expect(passphraseStrength('lamp river cloud')).toBe('fair');
    expect(passphraseStrength('correct horse battery staple')).toBe('strong');
  });
});
