/**
 * `npm run demo [-- --report FILE] [-- --pictures FOLDER]`: plays the story in three real windows on throw-away
 * profiles, with a throw-away Prosody. Everything stays on this computer and is removed at the end, but the pictures.
 */
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Prosody, prosodyMissing, startProsody } from '../test/support/prosody.ts';
import { installDebianPackages } from './debian-packages.ts';
import { openWindows } from './demo/open-windows.ts';
import { Person } from './demo/person.ts';
import { playStory, type Step } from './demo/story.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const { values } = parseArgs({
  options: { report: { type: 'string' }, pictures: { type: 'string', default: join(root, 'demo-output') } },
});

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function printStep(step: Step): void {
  const mark = step.ok ? 'ok  ' : 'FAIL';
  say(`${mark}  ${step.name}  ·  ${step.route ?? '–'}  ·  ${(step.ms / 1000).toFixed(1)} s`);
  if (step.problem !== undefined) say(`      ${step.problem}`);
}

async function openServer(folder: string): Promise<{ prosody: Prosody; words: string[] }> {
  const prosody = await startProsody({
    domain: 'bothy.test',
    users: { alice: 'lamp in the window', bob: 'kettle on the stove' },
  });
  const authority = join(folder, 'authority.pem');
  await writeFile(authority, prosody.ca);
  const words = ['--xmpp-host', prosody.address, '--xmpp-port', String(prosody.port), '--xmpp-ca', authority];
  return { prosody, words };
}

async function play(): Promise<readonly Step[]> {
  const pictures = resolve(values.pictures);
  await rm(pictures, { recursive: true, force: true });
  await mkdir(pictures, { recursive: true });
  const folder = await mkdtemp(join(tmpdir(), 'bothy-demo-'));
  const windows = await openWindows(folder, say);
  const noServer = prosodyMissing();
  if (noServer !== null) say(`${noServer}: playing the part that needs no server.`);
  const server = noServer === null ? await openServer(folder) : null;
  const people: Person[] = [];
  const steps: Step[] = [];
  try {
    const words = ['--nearby', 'loopback', ...(server?.words ?? [])];
    const open = async (name: string): Promise<Person> => {
      const person = new Person(name, await windows.open(name, words), pictures);
      people.push(person);
      return person;
    };
    say(`Three windows in ${windows.kind}, profiles in ${folder}`);
    const [alice, bob, carol] = [await open('Alice'), await open('Bob'), await open('Carol')];
    await playStory({
      alice,
      bob,
      carol,
      server: server?.prosody ?? null,
      folder,
      report: (step) => {
        steps.push(step);
        printStep(step);
      },
    });
  } finally {
    await Promise.all(people.map((person) => person.close()));
    await server?.prosody.stop();
    await windows.close();
    await rm(folder, { recursive: true, force: true });
  }
  say(`Pictures: ${pictures}`);
  return steps;
}

installDebianPackages();
const built = spawnSync('electron-vite', ['build', '--logLevel', 'warn'], {
  cwd: root,
  stdio: 'inherit',
  shell: process.platform === 'win32',
});
if (built.status !== 0) process.exit(1);
const steps = await play();
if (values.report !== undefined) await writeFile(values.report, `${JSON.stringify({ steps }, null, 2)}\n`);
const failed = steps.filter((step) => !step.ok).length;
say(failed === 0 ? `All ${steps.length} steps ok` : `${failed} of ${steps.length} steps failed`);
process.exit(failed === 0 ? 0 : 1);
