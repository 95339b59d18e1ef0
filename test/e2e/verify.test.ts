/** Two people in two real windows verify each other: each code leaves one window as a picture and enters the other. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Person } from '../../scripts/demo/person.ts';
import { writeCameraFile } from '../support/code-picture.ts';
import { type Display, noDisplayReason, startDisplay } from '../support/display.ts';
import { ElectronWindow, electronExecutable } from '../support/electron-window.ts';
import { freeUdpPort } from '../support/free-udp-port.ts';
import { buildOnce } from '../support/window-build.ts';
import { fakeDevices } from '../support/window-safety.ts';

let reason: string | null = noDisplayReason;
let executable = '';
const displays: Display[] = [];
const folder = mkdtempSync(join(tmpdir(), 'bothy-verify-'));

beforeAll(async () => {
  if (reason !== null) return;
  try {
    executable = await electronExecutable();
  } catch (error) {
    reason = `no Electron: ${error instanceof Error ? error.message : String(error)}`;
    return;
  }
  buildOnce();
});

afterAll(async () => {
  await Promise.all(displays.map((display) => display.stop()));
  rmSync(folder, { recursive: true, force: true });
});

/** Each on a screen of their own: a window that another one covers draws nothing. */
async function open(name: string, words: readonly string[], film: string | null = null): Promise<Person> {
  const display = await startDisplay();
  displays.push(display);
  const window = new ElectronWindow({
    executable,
    application: '.',
    profileDirectory: join(folder, name),
    environment: display.environment,
    words,
    electronWords: film === null ? [] : [fakeDevices, `--use-file-for-fake-video-capture=${film}`],
  });
  const driver = await window.page();
  const close = async (): Promise<void> => {
    expect(await window.quit()).toBe(0);
  };
  return new Person(name, { driver, close }, join(folder, 'pictures'));
}

test('two people verify each other, by pictures of their codes and with the camera', async (context) => {
  if (reason !== null) context.skip(reason);
  mkdirSync(join(folder, 'pictures'));
  const words = ['--nearby', 'loopback', '--mdns-port', String(await freeUdpPort())];
  // Written once the code that the camera is to see is known.
  const film = join(folder, 'film.y4m');
  const [ada, ben] = await Promise.all([open('Ada', words), open('Ben', words, film)]);
  await Promise.all([ada.introduceThemselves(), ben.introduceThemselves()]);
  await Promise.all([ada.justNearby(), ben.justNearby()]);
  await ben.acceptInvitation(await ada.makeInvitation('invitation'));
  await ada.openConversation('Ben');
  await ben.openConversation('Ada');
  await Promise.all([ada.chipSays('Direct · same network'), ben.chipSays('Direct · same network')]);
  await Promise.all([ada.lockSays('Encrypted'), ben.lockSays('Encrypted')]);

  const [codeOfAda, codeOfBen] = [join(folder, 'ada.png'), join(folder, 'ben.png')];
  await Promise.all([ada.openVerification(), ben.openVerification()]);
  await ada.pasteOwnCode();
  await ada.saveCode(codeOfAda);
  await ben.saveCode(codeOfBen);
  await ada.readCode('Ben', codeOfBen);
  await ada.lockSays('Verified');
  await ben.readCode('Ada', codeOfAda);
  await ben.lockSays('Verified');
  writeCameraFile(film, await ada.codeLink());
  await ben.openVerification();
  await ben.scanCode('Ada');

  await ada.write('Ben', 'It is really you.');
  await ben.sees('It is really you.');
  await Promise.all([ada.close(), ben.close()]);
});
