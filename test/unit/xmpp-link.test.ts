import { describe, expect, it } from 'vitest';
import { OpenedLinks, targetOf } from '../../src/main/app/opened-links.ts';
import { formatInvitation } from '../../src/main/nearby/invitation.ts';
import type { ConversationId, OpenedLink, Xid } from '../../src/shared/model.ts';
import { xmppLink } from '../../src/shared/xmpp-link.ts';
import { parseXmppUri, valueIn } from '../../src/shared/xmpp-uri.ts';

const key = 'ab'.repeat(32);
const now = Date.UTC(2026, 10, 27);
const xid = `00${'a1'.repeat(32)}@id.internal` as Xid;
const invitation = formatInvitation({ inviter: xid, secret: new Uint8Array(32).fill(7), expiresAt: now + 60_000 });

describe('an xmpp: URI', () => {
  // RFC 5122 §2.8, XEP-0147 §3, and what is written in the wild.
  it.each([
    ['xmpp:node@example.com', 'node@example.com', null],
    ['xmpp:node@example.com/some-resource', 'node@example.com/some-resource', null],
    ['xmpp://guest@example.com/support@example.com?message', 'support@example.com', 'message'],
    ['xmpp://support@example.com?message', 'support@example.com', 'message'],
    ['XMPP:node@example.com?Message;subject=Hello%20World', 'node@example.com', 'message'],
    [
      'xmpp:nasty!%23$%25()*+,-.;=%3F%5B%5C%5D%5E_%60%7B%7C%7D~node@example.com',
      'nasty!#$%()*+,-.;=?[\\]^_`{|}~node@example.com',
      null,
    ],
    ['xmpp:ji%C5%99i@%C4%8Dechy.example/v%20Praze', 'jiři@čechy.example/v Praze', null],
    ['xmpp:jiři@čechy.example', 'jiři@čechy.example', null],
    ['  xmpp:a@b.example?roster#there \n', 'a@b.example', 'roster'],
    ['xmpp:a@b.example?name=x;roster', 'a@b.example', null],
  ])('%s', (text, address, action) => {
    expect(parseXmppUri(text)).toMatchObject({ address, action });
  });

  it.each([
    ['another scheme', 'https://example.org/?xmpp:a@b'],
    ['an address alone', 'juliet@example.net'],
    ['no address', 'xmpp:'],
    ['nothing but a question', 'xmpp:?message'],
    ['nothing but an authority', 'xmpp://'],
    ['broken percent-encoding', 'xmpp:%E0%A4%A?x'],
    ['white space', 'xmpp:a@b.example?message;body=two words'],
    ['a line break', 'xmpp:a@b.example\n--profile=/tmp'],
    ['a control character', 'xmpp:a@b.example?message;body=\u0000'],
    ['half a character', 'xmpp:a@b.example?message;body=\ud83d'],
    ['too much', `xmpp:a@b.example?message;body=${'x'.repeat(8000)}`],
    ['far too much', ' '.repeat(20_000)],
  ])('is none: %s', (_why, text) => {
    expect(parseXmppUri(text)).toBeNull();
    expect(xmppLink(text)).toBeNull();
  });

  it('keeps what can be decoded of its pairs', () => {
    const uri = parseXmppUri('xmpp:a@b.example?message;body=%zz&body=a%3Bb%3Dc;x');
    expect(uri?.pairs.map(({ value }) => value)).toEqual(['', null, 'a;b=c', '']);
    expect(uri && valueIn(uri, 'body')).toBe('a;b=c');
    expect(uri && valueIn(uri, 'subject')).toBeNull();
  });
});

describe('a link is for', () => {
  it.each([
    [`xmpp:juliet@example.net?omemo-sid-11=${key}`, 'juliet@example.net'],
    [`  XMPP:juliet@example.net?omemo-sid-11=${key};omemo-sid-12=${key}\n`, 'juliet@example.net'],
    [`xmpp:juliet@example.net?message;omemo-sid-11=${key}`, 'juliet@example.net'],
    [`xmpp:o%27brien@example.net?omemo-sid-11=${key}`, "o'brien@example.net"],
    [`xmpp:${xid}?omemo-sid-7=${key}`, xid],
    [`xmpp:juliet@example.net?trust-message;encryption=urn:xmpp:omemo:2;trust=${key}`, 'juliet@example.net'],
  ])('verifying: %s', (text, address) => {
    expect(xmppLink(text)).toEqual({ kind: 'trust', link: text.trim(), address });
  });

  it.each([
    ['xmpp:juliet@example.net', null, ''],
    ['xmpp:juliet@example.net?message', null, ''],
    ['xmpp:juliet@example.net?message;subject=S;body=Here%27s%20a%20test%20message', null, "Here's a test message"],
    ['xmpp:juliet@example.net?message;body=one%0D%0Atwo%09%E2%80%AE%00three', null, 'one\ntwo\tthree'],
    ['xmpp:juliet@example.net?roster;name=Juliet%0A%20Capulet;group=Friends', 'Juliet Capulet', ''],
    [`xmpp:juliet@example.net?roster;name=${'%F0%9F%94%A5'.repeat(150)}`, '🔥'.repeat(100), ''],
    ['xmpp:juliet@example.net?subscribe', null, ''],
    ['xmpp:juliet@example.net?roster;body=no', null, ''],
    // What is not known, and what would take something away, is ignored.
    ['xmpp:juliet@example.net?remove', null, ''],
    ['xmpp:juliet@example.net?unsubscribe', null, ''],
    ['xmpp:juliet@example.net?vcard;body=no;name=no', null, ''],
  ])('somebody: %s', (text, name, body) => {
    expect(xmppLink(text)).toEqual({ kind: 'person', address: 'juliet@example.net', name, body });
  });

  it('an invitation, or a group', () => {
    expect(xmppLink(invitation)).toEqual({ kind: 'invitation', link: invitation });
    expect(xmppLink('xmpp:room@muc.example.net?join;password=x')?.kind).toBe('group');
  });
});

describe('a link that was opened', () => {
  it('has its address in the normal form', () => {
    expect(targetOf('xmpp:JULIET%40Example.NET/balcony?message;body=Hi', now)).toEqual({
      kind: 'person',
      address: 'juliet@example.net',
      name: null,
      body: 'Hi',
    });
    const link = `xmpp:JULIET@example.net?omemo-sid-11=${key}`;
    expect(targetOf(link, now)).toEqual({ kind: 'trust', link, address: 'juliet@example.net' });
    expect(targetOf(invitation, now)).toEqual({ kind: 'invitation', link: invitation });
  });

  it.each([
    ['link.malformed', 'rm -rf'],
    ['link.malformed', 'xmpp:two@at@signs.example'],
    ['link.malformed', 'xmpp:example.org'],
    ['link.group', 'xmpp:room@muc.example.net?join'],
    ['trust.malformed', 'xmpp:juliet@example.net?omemo-sid-11=12'],
    ['invitation.malformed', 'xmpp:juliet@example.net?bothy-invite;secret=x'],
    ['invitation.expired', formatInvitation({ inviter: xid, secret: new Uint8Array(32), expiresAt: now })],
  ])('is refused at once: %s', (code, link) => {
    const target = targetOf(link, now);
    expect(target.kind === 'refused' && target.error.code).toBe(code);
  });
});

describe('links that wait', () => {
  function links(): { opened: OpenedLinks; told: (readonly OpenedLink[])[] } {
    const told: (readonly OpenedLink[])[] = [];
    return { opened: new OpenedLinks({ now: () => now }, (all) => told.push(all)), told };
  }
  const addresses = (all: readonly OpenedLink[]) =>
    all.map(({ target }) => (target.kind === 'person' ? target.address.split('@')[0] : target.kind));

  it('are told of as a whole, in their order, until each is taken', () => {
    const { opened, told } = links();
    opened.open('xmpp:a@example.net', 'outside');
    opened.open('xmpp:b@example.net', 'c1' as ConversationId);
    expect(told.map(addresses)).toEqual([['a'], ['a', 'b']]);
    expect(opened.waiting().map(({ from }) => from)).toEqual(['outside', 'c1']);
    opened.take(opened.waiting()[0]?.id ?? '');
    opened.take('no such link');
    expect(told.slice(2).map(addresses)).toEqual([['b']]);
  });

  it('are few, and each but once', () => {
    const { opened } = links();
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'b']) opened.open(`xmpp:${name}@example.net`, 'outside');
    expect(addresses(opened.waiting())).toEqual(['c', 'd', 'e', 'f', 'b']);
  });
});
