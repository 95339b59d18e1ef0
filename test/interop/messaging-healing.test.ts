/** Sessions that heal, between real processes over a real Prosody and over direct links: old copies of a real profile. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createStorageCrypto } from '../../src/main/app/storage-crypto.ts';
import { keyFileVault } from '../../src/main/hosts/stdio/key-file-vault.ts';
import { openProfile } from '../../src/main/storage/open-profile.ts';
import type { Message } from '../../src/shared/model.ts';
import { longEnough } from '../support/bounded-wait.ts';
import type { Headless } from '../support/headless.ts';
import { linked, type Pair, type PairOptions, type Person, startPair } from '../support/headless-pair.ts';
import { prosodyMissing } from '../support/prosody.ts';

let pair: Pair | null = null;
let folder = '';
afterEach(async () => {
  await pair?.close();
  pair = null;
  if (folder !== '') rmSync(folder, { recursive: true, force: true });
}, 60_000);

async function open(options: PairOptions): Promise<Pair> {
  folder = mkdtempSync(join(tmpdir(), 'bothy-copies-'));
  pair = await startPair(options);
  return pair;
}

async function say(from: Person, to: Person, body: string): Promise<Message> {
  const sent = await from.process.send(from.conversation, body);
  await to.process.shown(to.conversation, body);
  return from.process.reaches(sent.id, from.conversation, ['on-device', 'read']);
}

async function bodies(person: Person, ...kinds: Message['kind'][]): Promise<string[]> {
  const history = await person.process.history(person.conversation);
  return history.filter((message) => kinds.includes(message.kind)).map((message) => message.body);
}

/** Now or later. */
async function told(process: Headless, id: string): Promise<void> {
  const later = process.when(`the notice ${id}`, (event) =>
    event.type === 'status' && event.status.notices.some((notice) => notice.id === id) ? true : null,
  );
  later.catch(() => {});
  if ((await process.get('app.status', {})).notices.some((notice) => notice.id === id)) return;
  await later;
}

function folderOf(who: Person): string {
  if (who.profile === undefined) throw new Error('no profile of its own');
  return who.profile;
}

/** The program is closed, the old files are put back, and it starts again. */
async function putBack(who: Person, copy: string, environment: Readonly<Record<string, string>> = {}): Promise<void> {
  await who.process.stop();
  rmSync(folderOf(who), { recursive: true });
  cpSync(copy, folderOf(who), { recursive: true });
  who.process = who.start(environment);
}

async function copyOf(who: Person): Promise<string> {
  const copy = join(folder, 'copy');
  await who.process.stop();
  cpSync(folderOf(who), copy, { recursive: true });
  who.process = who.start();
  return copy;
}

describe('an old copy of a profile that is put back', () => {
  test.for([
    ['on the same computer', true],
    ['on another computer', false],
  ] as const)(
    '%s, with a server: it is noticed, and both sides have everything in the end',
    {
      timeout: longEnough,
    },
    async ([, same], context) => {
      const missing = prosodyMissing();
      if (missing) context.skip(missing);
      const { anna, ben } = await open({ server: true, nearby: false });
      await say(anna, ben, 'one');
      await say(ben, anna, 'two');
      const copy = await copyOf(ben);
      await say(ben, anna, 'three');
      await say(anna, ben, 'four');
      await say(ben, anna, 'five');
      await say(anna, ben, 'six');
      await putBack(ben, copy, same ? {} : { XDG_STATE_HOME: join(folder, 'elsewhere') });
      await told(ben.process, 'rolled-back');
      await ben.process.shown(ben.conversation, 'four');
      await ben.process.shown(ben.conversation, 'six');
      await say(ben, anna, 'seven');
      await say(anna, ben, 'eight');
      expect((await bodies(anna, 'text')).sort()).toEqual(
        ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'].sort(),
      );
      // What this device said after the copy was made is on the other side only.
      expect((await bodies(ben, 'text')).sort()).toEqual(['one', 'two', 'four', 'six', 'seven', 'eight'].sort());
      expect(await bodies(anna, 'undecryptable', 'gap')).toEqual([]);
      expect(await bodies(ben, 'undecryptable')).toEqual([]);
      // Said once: dismissed, it does not come back.
      await ben.process.get('app.dismissNotice', { id: 'rolled-back' });
      await ben.process.stop();
      ben.process = ben.start(same ? {} : { XDG_STATE_HOME: join(folder, 'elsewhere') });
      await say(anna, ben, 'nine');
      expect((await ben.process.get('app.status', {})).notices).toEqual([]);
    },
  );

  test('without any server: it is noticed before anything is said', { timeout: longEnough }, async () => {
    const { anna, ben } = await open({ server: false, nearby: true });
    await say(anna, ben, 'one');
    await say(ben, anna, 'two');
    const copy = await copyOf(ben);
    await Promise.all([linked(anna.process), linked(ben.process)]);
    await say(ben, anna, 'three');
    await say(anna, ben, 'four');
    await putBack(ben, copy);
    await told(ben.process, 'rolled-back');
    await say(ben, anna, 'five');
    await say(anna, ben, 'six');
    expect(await bodies(anna, 'text')).toEqual(['one', 'two', 'three', 'four', 'five', 'six']);
    expect(await bodies(ben, 'text')).toEqual(['one', 'two', 'five', 'six']);
    expect(await bodies(anna, 'undecryptable')).toEqual([]);
    expect(await bodies(ben, 'undecryptable')).toEqual([]);
  });

  test('an ordinary restart, or a kill, is no alarm', { timeout: longEnough }, async () => {
    const { anna, ben } = await open({ server: false, nearby: true });
    await say(anna, ben, 'one');
    await say(ben, anna, 'two');
    for (const number of ['three', 'four', 'five']) {
      await ben.process.kill();
      ben.process = ben.start();
      await linked(ben.process);
      await say(ben, anna, number);
    }
    expect((await ben.process.get('app.status', {})).notices).toEqual([]);
    expect(await bodies(anna, 'text')).toEqual(['one', 'two', 'three', 'four', 'five']);
  });
});

/** Opens the profile of a program that is closed, and forgets every session in it, as a damaged database would. */
async function loseSessions(who: Person): Promise<void> {
  const opened = await openProfile({
    directory: folderOf(who),
    vault: keyFileVault(join(folderOf(who), '..', 'key')),
    passphrase: null,
    crypto: await createStorageCrypto(),
  });
  if (!opened.ok) throw new Error(opened.error.code);
  opened.value.store.sessions.clear();
  opened.value.store.close();
}

describe('a session that one side lost', () => {
  test.for([
    ['through the server', true],
    ['over a direct link', false],
  ] as const)(
    '%s: what could not be read is there in the end, once and in its place',
    {
      timeout: longEnough,
    },
    async ([, server], context) => {
      const missing = server ? prosodyMissing() : null;
      if (missing) context.skip(missing);
      const { anna, ben } = await open({ server, nearby: !server });
      await say(anna, ben, 'one');
      await say(ben, anna, 'two');
      await ben.process.stop();
      await loseSessions(ben);
      const sent = server ? await anna.process.send(anna.conversation, 'three') : null;
      ben.process = ben.start();
      if (!server) await Promise.all([linked(anna.process), linked(ben.process)]);
      const { id } = sent ?? (await anna.process.send(anna.conversation, 'three'));
      await anna.process.reaches(id, anna.conversation, ['on-device', 'read']);
      await say(ben, anna, 'four');
      await say(anna, ben, 'five');
      for (const person of [anna, ben]) {
        expect(await bodies(person, 'text')).toEqual(['one', 'two', 'three', 'four', 'five']);
        expect(await bodies(person, 'undecryptable', 'gap')).toEqual([]);
      }
      expect(await bodies(ben, 'info')).toEqual(['The secure connection with a device of Anna was renewed.']);
    },
  );
});
