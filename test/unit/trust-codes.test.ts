/** Codes and links with the keys of somebody's devices: reading them strictly, and what comparing one does. */
import { afterEach, describe, expect, test } from 'vitest';
import { selfOf } from '../../src/main/messaging/context.ts';
import { readTrustUri, trustUri } from '../../src/main/messaging/trust/trust-uri.ts';
import { type Address, deviceRef, type Xid } from '../../src/shared/model.ts';
import { addByJid } from '../support/memory-server.ts';
import { type MessagingPerson, makeContacts, until } from '../support/messaging-person.ts';
import {
  allVerified,
  annaJid,
  benJid,
  carlJid,
  codeOf,
  compare,
  scan,
  TrustPeople,
  trustIn,
} from '../support/trust-people.ts';

let people = new TrustPeople();
afterEach(() => {
  people.close();
  people = new TrustPeople();
});

const one = '0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef';
const other = 'fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210';
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function read(uri: string) {
  const code = readTrustUri(uri);
  if (!code.ok) return code.error.code;
  const keys = (list: typeof code.value.trusted) => list.map(({ deviceId, keyId }) => [deviceId, hex(keyId)]);
  return [code.value.address, keys(code.value.trusted), keys(code.value.distrusted)];
}

describe('reading', () => {
  const both = [
    benJid,
    [
      [1, one.toLowerCase()],
      [2147483647, other],
    ],
    [],
  ];

  test.each([
    ['as most clients write it', `xmpp:${benJid}?omemo-sid-1=${one};omemo-sid-2147483647=${other}`],
    ['upper case and ampersands', `XMPP:${benJid}?omemo-sid-1=${one.toUpperCase()}&OMEMO-SID-2147483647=${other}`],
    ['with the type byte of libsignal', `xmpp:${benJid}?omemo-sid-1=05${one};omemo-sid-2147483647=05${other}`],
    ['percent-encoded', `xmpp:ben%40bothy.test?omemo%2Dsid-1=${one};omemo-sid-2147483647=${other}`],
    [
      'among other things',
      `xmpp:${benJid}?name=Ben;otr-fingerprint=12;omemo-sid-1=${one};omemo-sid-2147483647=${other}#x`,
    ],
    ['twice the same', `xmpp:BEN@bothy.test?omemo-sid-1=${one};omemo-sid-1=${one};omemo-sid-2147483647=${other}`],
    ['with blanks around', `  xmpp:${benJid}?omemo-sid-1=${one};omemo-sid-2147483647=${other}\n`],
  ])('%s', (_, uri) => {
    expect(read(uri)).toEqual(both);
  });

  test('trust message URIs (XEP-0434)', () => {
    const uri = `xmpp:${benJid}?trust-message;encryption=urn:xmpp:omemo:2;trust=${one};distrust=${other}`;
    expect(read(uri)).toEqual([benJid, [[null, one.toLowerCase()]], [[null, other]]]);
    expect(read(uri.replace('omemo:2', 'omemo:1'))).toBe('trust.malformed');
    expect(read(uri.replace('encryption=urn:xmpp:omemo:2;', ''))).toBe('trust.malformed');
    expect(read(uri.replace(other, other.slice(1)))).toBe('trust.malformed');
    const key = [null, one.toLowerCase()];
    expect(read(`${uri};omemo-sid-7=${other}`)).toEqual([benJid, [[7, other], key], [[null, other]]]);
    expect(read(`${uri};omemo-sid-7=12`)).toBe('trust.malformed');
    expect(read(`xmpp:${benJid}?trust-message;encryption=urn:xmpp:omemo:1;omemo-sid-7=${other}`)).toBe(
      'trust.malformed',
    );
  });

  test.each([
    ['no link', 'hello'],
    ['another kind of link', `https://${benJid}?omemo-sid-1=${one}`],
    ['no keys', `xmpp:${benJid}?message;body=x`],
    ['no question', `xmpp:${benJid}`],
    ['no address', `xmpp:?omemo-sid-1=${one}`],
    ['a server', `xmpp:bothy.test?omemo-sid-1=${one}`],
    ['one client of somebody', `xmpp:${benJid}/phone?omemo-sid-1=${one}`],
    ['device 0', `xmpp:${benJid}?omemo-sid-0=${one}`],
    ['a device id that is none', `xmpp:${benJid}?omemo-sid-2147483648=${one}`],
    ['a device id with letters', `xmpp:${benJid}?omemo-sid-1a=${one}`],
    ['a short key', `xmpp:${benJid}?omemo-sid-1=${one.slice(2)}`],
    ['a long key', `xmpp:${benJid}?omemo-sid-1=${one}00`],
    ['another type byte', `xmpp:${benJid}?omemo-sid-1=06${one}`],
    ['no hexadecimal', `xmpp:${benJid}?omemo-sid-1=${one.replace('0', 'g')}`],
    ['two keys of one device', `xmpp:${benJid}?omemo-sid-1=${one};omemo-sid-1=${other}`],
    ['one bad key among good ones', `xmpp:${benJid}?omemo-sid-1=${one};omemo-sid-2=12`],
    ['broken percent-encoding', `xmpp:%4?omemo-sid-1=${one}`],
    ['too much', `xmpp:${benJid}?${`omemo-sid-1=${one};`.repeat(110)}`],
    [
      'more devices than anybody has',
      `xmpp:${benJid}?trust-message;encryption=urn:xmpp:omemo:2;${`trust=${one};`.repeat(101)}`,
    ],
  ])('not %s', (_, uri) => {
    expect(read(uri)).toBe('trust.malformed');
  });

  test('what we write', () => {
    const strange = 'a%b?c;d@bothy.test' as Address;
    const uri = trustUri(strange, [{ deviceId: 7, fingerprint: other }]);
    expect(uri).toBe(`xmpp:a%25b%3Fc%3Bd@bothy.test?omemo-sid-7=${other}`);
    expect(read(uri)).toEqual([strange, [[7, other]], []]);
    const key = new Uint8Array(Buffer.from(one, 'hex'));
    const withKey = trustUri(benJid, [{ deviceId: 7, fingerprint: other }], key);
    const said = `trust-message;encryption=urn:xmpp:omemo:2;trust=${one.toLowerCase()}`;
    expect(withKey).toBe(`xmpp:${benJid}?${said};omemo-sid-7=${other}`);
    expect(read(withKey)).toEqual([
      benJid,
      [
        [7, other],
        [null, one.toLowerCase()],
      ],
      [],
    ]);
  });
});

describe('comparing', () => {
  const check = async (
    who: MessagingPerson,
    uri: string,
    of: Parameters<MessagingPerson['codes']['check']>[1] = null,
  ) => {
    const checked = await who.codes.check(uri, of);
    return checked.ok ? checked.value : checked.error.code;
  };

  test('verifies the devices with these keys, which need not have said anything before', async () => {
    const [a1, b1, b2] = [await people.device(annaJid), await people.device(benJid), await people.device(benJid)];
    const owner = a1.contactOf(b1);
    expect(await scan(a1, codeOf(b1, b2))).toEqual({
      owner,
      name: 'Ben',
      verified: [deviceRef(owner, b1.deviceId), deviceRef(owner, b2.deviceId)],
      mismatched: [],
      expected: 0,
    });
    expect([trustIn(a1, b1), trustIn(a1, b2)]).toEqual(['verified', 'verified']);
    // Only the one that was compared, where the code has no more.
    expect((await scan(b2, codeOf(a1))).verified).toEqual([deviceRef(b2.contactOf(a1), a1.deviceId)]);
  });

  test('a key under another device id, and in the Ed25519 form', async () => {
    const [a1, b1] = [await people.device(annaJid), await people.device(benJid)];
    const key = hex(selfOf(b1.context).identityKey);
    const uri = `xmpp:${benJid}?trust-message;encryption=urn:xmpp:omemo:2;trust=${key}`;
    expect((await scan(a1, uri)).verified).toEqual([deviceRef(a1.contactOf(b1), b1.deviceId)]);
  });

  test('a device with another key than the code says is not trusted, until the person says otherwise', async () => {
    const [a1, b1] = [await people.device(annaJid), await people.device(benJid)];
    const owner = a1.contactOf(b1);
    const uri = trustUri(benJid, [{ deviceId: b1.deviceId, fingerprint: other }]);
    expect(await scan(a1, uri)).toMatchObject({
      verified: [],
      mismatched: [deviceRef(owner, b1.deviceId)],
      expected: 1,
    });
    expect(trustIn(a1, b1)).toBe('distrusted');
    const waiting = a1.say(b1, 'not for them');
    await until(() => a1.store.messages.get(waiting)?.failure?.code === 'encryption.not-let-in');
    expect((await scan(a1, codeOf(b1))).verified).toEqual([deviceRef(owner, b1.deviceId)]);
    await until(() => a1.store.messages.get(waiting)?.state === 'on-device');
    expect(a1.store.messages.get(waiting)?.failure).toBeNull();
  });

  test('keys not seen yet are waited for', async () => {
    const [a1, b1] = [await people.device(annaJid), await people.device(benJid)];
    const b2 = people.person('Ben');
    b2.store.accounts.put({ jid: benJid, password: 'x', state: '', archiveCursor: null });
    const code = codeOf(b1, b2);
    b2.store.accounts.remove();
    expect(await scan(a1, code)).toMatchObject({ expected: 1, mismatched: [] });
    addByJid(b2, annaJid, 'Anna');
    await people.server.signIn(b2, benJid);
    await until(() => trustIn(a1, b2) === 'verified');
    expect(a1.history(b1).map(({ body }) => body)).toEqual([
      'Ben uses a new device. It gets no messages until you let it in.',
      'A device of Ben is verified: it has the key of the code you compared.',
    ]);
  });

  test('keys not seen yet are one each, however they are named, and others are told of their Ed25519 form', async () => {
    const [a1, a2] = [await people.device(annaJid), await people.device(annaJid)];
    const b1 = await people.device(benJid);
    await compare(a1, a2);
    await allVerified([a1, a2]);
    const b2 = people.person('Ben');
    b2.store.accounts.put({ jid: benJid, password: 'x', state: '', archiveCursor: null });
    const code = codeOf(b2);
    expect(code).toMatch(/trust=[0-9a-f]{64};omemo-sid-/);
    expect((await scan(a1, code)).expected).toBe(1);
    const about = (who: MessagingPerson): string[] =>
      who.store.statements.about(benJid).map(({ keyId, trust }) => `${hex(keyId)} ${trust}`);
    await until(() => about(a2).length > 0);
    const key = `${hex(selfOf(b2.context).identityKey)} verified`;
    expect([about(a1), about(a2)]).toEqual([[key], [key]]);
    expect(trustIn(a1, b1)).toBe('blind');
  });

  test('somebody who is no contact yet: their address is named, and their devices are verified later', async () => {
    const [a1, b1] = [await people.device(annaJid, [carlJid]), await people.device(benJid)];
    const checked = await a1.codes.check(codeOf(b1), null);
    expect(checked).toMatchObject({ ok: false, error: { code: 'trust.not-a-contact', detail: benJid } });
    const id = addByJid(a1, benJid, 'Ben');
    await a1.directory.fetchList(id, benJid);
    await until(() => trustIn(a1, b1) === 'verified');
  });

  test('is refused, and changes nothing, when the code is somebody else’s', async () => {
    const [a1, a2] = [await people.device(annaJid), await people.device(annaJid)];
    const [ben, carl] = [await people.device(benJid), await people.device(carlJid)];
    await scan(a1, codeOf(carl));
    expect(await check(a1, codeOf(ben), a1.contactOf(carl))).toBe('trust.somebody-else');
    expect(await check(a1, codeOf(a2), a1.contactOf(carl))).toBe('trust.somebody-else');
    expect(await check(a1, codeOf(ben).replace('ben@', 'eve@'), a1.contactOf(ben))).toBe('trust.somebody-else');
    expect(await check(a1, codeOf(ben), crypto.randomUUID() as never)).toBe('contact.unknown');
    expect([trustIn(a1, ben), trustIn(a1, a2)]).not.toContain('verified');
    expect(a1.store.statements.countBy(null)).toBe(1);
  });

  test('our own code verifies our other devices; this one’s alone verifies nothing', async () => {
    const [a1, a2] = [await people.device(annaJid), await people.device(annaJid)];
    expect(await check(a1, codeOf(a1))).toBe('trust.this-device');
    expect(await scan(a1, codeOf(a1, a2))).toMatchObject({
      owner: 'self',
      name: 'Anna',
      verified: [deviceRef('self', a2.deviceId)],
      mismatched: [],
      expected: 0,
    });
  });

  test('somebody met nearby, by the code of their account: recognised by a key', async () => {
    const [anna, ben] = [people.person('Anna'), people.person('Ben')];
    makeContacts(anna, ben);
    anna.linkTo(ben);
    ben.linkTo(anna);
    anna.say(ben, 'Hello');
    await until(() => ben.history(anna).length > 0);
    const contact = anna.store.contacts.byAddress(selfOf(ben.context).xid as Xid);
    if (!contact) throw new Error('no contact');
    const keys = [
      { deviceId: ben.deviceId, fingerprint: ben.context.cipher.fingerprint(selfOf(ben.context).identityKey) },
    ];
    // A stranger's code has none of their keys.
    expect(await check(anna, trustUri(benJid, [{ deviceId: ben.deviceId, fingerprint: other }]), contact.id)).toBe(
      'trust.somebody-else',
    );
    expect(await check(anna, trustUri(benJid, keys), contact.id)).toMatchObject({ owner: contact.id, mismatched: [] });
    expect(trustIn(anna, ben)).toBe('verified');
  });
});

test('our own code names this device and those we verified', { timeout: 60_000 }, async () => {
  const [a1, a2] = [await people.device(annaJid), await people.device(annaJid)];
  const a3 = await people.device(annaJid);
  await compare(a1, a2);
  await allVerified([a1, a2]);
  expect(trustIn(a1, a3)).not.toBe('verified');
  expect(a1.codes.own()).toBe(codeOf(a1, a2));
  const alone = people.person('Dora');
  expect(alone.codes.own()).toBe(codeOf(alone));
  const key = hex(selfOf(alone.context).identityKey);
  expect(alone.codes.own()).toMatch(
    new RegExp(
      `^xmpp:00[0-9a-f]{64}@id\\.internal\\?trust-message;encryption=urn:xmpp:omemo:2;trust=${key};omemo-sid-[0-9]+=[0-9a-f]{64}$`,
    ),
  );
});
