/** What a person is told when the profile or its disk has a problem: through a real process, in words and codes. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, type TestContext, test } from 'vitest';
import type { ConversationId, MessageId } from '../../src/shared/model.ts';
import { Headless, type HeadlessOptions } from '../support/headless.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const processes: Headless[] = [];
afterEach(async () => {
  await Promise.all(processes.splice(0).map((process) => process.kill()));
});
function start(folder: string, options: Partial<HeadlessOptions> = {}): Headless {
  const process = new Headless({ folder, arguments: ['--nearby', 'off'], ...options });
  processes.push(process);
  return process;
}

/** Somebody who was invited and is not there: messages to them wait. */
async function writeToNobody(process: Headless): Promise<ConversationId> {
  const hex = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';
  const expires = Math.floor(Date.now() / 1000) + 3600;
  const link = `xmpp:00${hex}@id.internal?bothy-invite;secret=${'A'.repeat(42)}E;expires=${expires}`;
  const contact = await process.get('invitations.accept', { link });
  return (await process.get('conversations.openWith', { contactId: contact.id })).id;
}

/** A profile with some history, closed. */
async function writtenProfile(): Promise<{ folder: string; conversation: ConversationId }> {
  const folder = temporaryDirectory();
  const process = start(folder);
  await process.get('profile.create', { name: 'Ada' });
  const conversation = await writeToNobody(process);
  for (let n = 1; n <= 40; n += 1) await process.send(conversation, `message ${n} ${'words '.repeat(100)}`);
  expect(await process.stop()).toBe(0);
  return { folder, conversation };
}

describe('a damaged database', () => {
  test('is set aside and said; what could be read is there; dismissed, it is not said again', async () => {
    const { folder, conversation } = await writtenProfile();
    const path = join(folder, 'profile', 'bothy.db');
    const bytes = readFileSync(path);
    const page = 4096;
    // A page in the middle, where messages are.
    const middle = Math.floor(bytes.length / page / 2) * page;
    bytes.fill(0x5a, middle, middle + page);
    writeFileSync(path, bytes);

    let process = start(folder);
    const status = await process.get('app.status', {});
    expect(status.phase).toBe('ready');
    expect(status.self?.name).toBe('Ada');
    expect(status.notices).toHaveLength(1);
    const [notice] = status.notices;
    expect(notice).toMatchObject({ level: 'warning', error: { code: 'profile.unreadable' } });
    expect(notice?.error.what).toMatch(/^The stored history was damaged; .* \d+ messages and 1 contact\.$/);
    expect(notice?.error.action).not.toBe('');
    expect(readdirSync(join(folder, 'profile')).some((name) => notice?.error.detail?.includes(name))).toBe(true);
    await process.send(conversation, 'on we go');
    expect((await process.history(conversation)).at(-1)?.body).toBe('on we go');
    await process.stop();

    process = start(folder);
    expect((await process.get('app.status', {})).notices).toHaveLength(1);
    await process.get('app.dismissNotice', { id: notice?.id ?? '' });
    expect((await process.get('app.status', {})).notices).toEqual([]);
    await process.stop();
    process = start(folder);
    expect((await process.get('app.status', {})).notices).toEqual([]);
  });

  test('that is nothing but noise is set aside too, and first start comes again', async () => {
    const { folder } = await writtenProfile();
    const path = join(folder, 'profile', 'bothy.db');
    writeFileSync(path, Buffer.alloc(readFileSync(path).length, 0x5a));
    for (const suffix of ['-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
    const process = start(folder);
    const status = await process.get('app.status', {});
    expect(status.phase).toBe('first-start');
    expect(status.notices[0]?.error.action).toMatch(/tell your contacts/);
    await process.get('profile.create', { name: 'Ada again' });
    expect((await process.get('app.status', {})).self?.name).toBe('Ada again');
  });
});

describe('the key of a profile', () => {
  async function refused(process: Headless): Promise<{ code: string | undefined; what: string; action: string }> {
    const { phase, error } = await process.get('app.status', {});
    expect(phase).toBe('refused');
    expect((await process.call('profile.create', { name: 'Eve' })).ok).toBe(false);
    expect((await process.call('contacts.list', {})).ok).toBe(false);
    return { code: error?.code, what: error?.what ?? '', action: error?.action ?? '' };
  }

  test('sealed by a vault that does not know it any more is said, and nothing is touched', async () => {
    const { folder } = await writtenProfile();
    const database = readFileSync(join(folder, 'profile', 'bothy.db'));
    writeFileSync(join(folder, 'key'), 'f'.repeat(64));
    const process = start(folder);
    const error = await refused(process);
    expect(error.code).toMatch(/^profile\./);
    expect(error.what).toMatch(/^[A-Z].*\.$/);
    expect(error.action).not.toBe('');
    await process.stop();
    expect(readFileSync(join(folder, 'profile', 'bothy.db')).equals(database)).toBe(true);
  });

  test('that is gone or cut off is said', async () => {
    const { folder } = await writtenProfile();
    const files = readdirSync(join(folder, 'profile')).filter((name) => name.startsWith('key'));
    for (const name of files) truncateSync(join(folder, 'profile', name), 10);
    let process = start(folder);
    expect((await refused(process)).code).toBe('profile.unreadable');
    await process.stop();
    for (const name of files) rmSync(join(folder, 'profile', name));
    process = start(folder);
    const error = await refused(process);
    expect(error.code).toBe('profile.unreadable');
    expect(error.action).toMatch(/backup/);
  });
});

describe('a full disk', () => {
  /** Removes what it takes away when the test has ended, however it ended. */
  function smallDisk({ skip }: TestContext, megabytes: number): string {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) skip('mounting a small disk takes root on Linux');
    const directory = temporaryDirectory();
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', directory], { stdio: 'pipe' });
    } catch {
      skip('no file system can be mounted here');
    }
    onTestFinished(() => void execFileSync('umount', ['--lazy', directory]));
    return directory;
  }

  test('is said to whoever sends; what was sent before is there, and the same message goes when there is room', async (context) => {
    const disk = smallDisk(context, 8);
    mkdirSync(join(disk, 'person'));
    let process = start(join(disk, 'person'));
    await process.get('profile.create', { name: 'Ada' });
    const conversation = await writeToNobody(process);
    const ballast = join(disk, 'ballast');
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - 300_000)));
    const sent: string[] = [];
    let refusal: { readonly id: string; readonly body: string; readonly code: string } | null = null;
    for (let n = 1; refusal === null; n += 1) {
      const id = crypto.randomUUID();
      const body = `message ${n} ${'x'.repeat(8_000)}`;
      const route = { preference: 'automatic', direct: [], server: [] } as const;
      const result = await process.call('messages.send', {
        conversationId: conversation,
        id: id as MessageId,
        body,
        route,
      });
      if (result.ok) sent.push(body);
      else refusal = { id, body, code: result.error.code };
    }
    expect(refusal.code).toBe('profile.disk-full');
    expect(sent.length).toBeGreaterThan(0);
    const bodies = async () => (await process.history(conversation)).map((message) => message.body);
    expect(await bodies()).toEqual(sent);
    rmSync(ballast);
    await process.send(conversation, refusal.body, refusal.id);
    expect(await bodies()).toEqual([...sent, refusal.body]);
    await process.kill();
    process = start(join(disk, 'person'));
    expect(await bodies()).toEqual([...sent, refusal.body]);
    expect((await process.get('app.status', {})).notices).toEqual([]);
  });
});
