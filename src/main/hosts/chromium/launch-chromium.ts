/** Starts a Chromium of our own: fresh throw-away browser profile, no listening port, no network of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { Readable, Writable } from 'node:stream';
import { DevtoolsPipe } from './devtools-pipe.ts';

const folderPrefix = 'chromium-';
/** How long a browser that was asked to close may take before it is ended. */
const longestClose = 5000;

export interface LaunchOptions {
  readonly executable: string;
  /** The throw-away browser profile is made inside this folder (mode 0700). */
  readonly profileDirectory: string;
  readonly startUrl: string;
  readonly headless: boolean;
  /** Only ever for tests that run as root, where Chromium has no sandbox. */
  readonly withoutSandbox: boolean;
  /** More switches; given by tests. */
  readonly switches?: readonly string[];
}

export interface RunningChromium {
  readonly pipe: DevtoolsPipe;
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

export async function launchChromium(options: LaunchOptions): Promise<RunningChromium> {
  await mkdir(options.profileDirectory, { recursive: true, mode: 0o700 });
  await removeLeftovers(options.profileDirectory);
  const folder = await mkdtemp(join(options.profileDirectory, folderPrefix));
  const child = spawn(options.executable, [...switches(folder, options), `--app=${options.startUrl}`], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
  const [, , , toBrowser, fromBrowser] = child.stdio;
  if (!(toBrowser instanceof Writable) || !(fromBrowser instanceof Readable)) throw new Error('No pipe to Chromium');
  const pipe = new DevtoolsPipe(toBrowser, fromBrowser);
  const ended = ending(child).then(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return {
    pipe,
    ended,
    async close() {
      void pipe.send('Browser.close').catch(() => undefined);
      const late = setTimeout(() => child.kill('SIGKILL'), longestClose);
      await ended;
      clearTimeout(late);
    },
  };
}

function ending(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => resolve());
  });
}

function switches(folder: string, options: LaunchOptions): string[] {
  return [
    `--user-data-dir=${folder}`,
    '--remote-debugging-pipe',
    '--class=Bothy',
    '--window-size=1200,800',
    '--no-first-run',
    '--no-default-browser-check',
    '--disable-search-engine-choice-screen',
    '--disable-extensions',
    '--disable-sync',
    '--disable-default-apps',
    '--deny-permission-prompts',
    '--block-new-web-contents',
    // Nothing secret is kept in this throw-away profile, so the person is not asked for their keyring.
    '--password-store=basic',
    '--use-mock-keychain',
    '--host-resolver-rules=MAP * ~NOTFOUND',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-client-side-phishing-detection',
    '--disable-domain-reliability',
    '--disable-breakpad',
    '--disable-quic',
    '--dns-prefetch-disable',
    '--no-pings',
    '--force-webrtc-ip-handling-policy=disable_non_proxied_udp',
    '--disable-features=Translate,OptimizationHints,MediaRouter,AutofillServerCommunication',
    ...(options.headless ? ['--headless=new'] : []),
    ...(options.withoutSandbox ? ['--no-sandbox'] : []),
    ...(options.switches ?? []),
  ];
}

/** Browser profiles of runs that were killed. One that is in use belongs to another window of the same profile. */
async function removeLeftovers(profileDirectory: string): Promise<void> {
  for (const name of readdirSync(profileDirectory)) {
    const folder = join(profileDirectory, name);
    if (name.startsWith(folderPrefix) && !isInUse(folder)) await rm(folder, { recursive: true, force: true });
  }
}

/** Chromium's own lock is a link to `<host>-<process id>`. */
function isInUse(folder: string): boolean {
  try {
    const target = readlinkSync(join(folder, 'SingletonLock'));
    process.kill(Number(target.slice(target.lastIndexOf('-') + 1)), 0);
    return true;
  } catch {
    return false;
  }
}
