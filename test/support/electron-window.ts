/** Bothy in a real Electron, or in a package made of it: started on a profile, driven over a pipe, closed. */
import { type ChildProcess, spawn } from 'node:child_process';
import process from 'node:process';
import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { testElectron } from '../../scripts/test-electron.ts';
import { DevtoolsPipe } from '../../src/main/hosts/chromium/devtools-pipe.ts';
import { WindowDriver } from './window-driver.ts';

export const projectFolder = fileURLToPath(new URL('../../', import.meta.url));

/** Path of an Electron to test with: ELECTRON_OVERRIDE_DIST_PATH, or the test Electron. Throws with a reason. */
export async function electronExecutable(): Promise<string> {
  const override = process.env['ELECTRON_OVERRIDE_DIST_PATH'];
  return `${override === undefined || override === '' ? await testElectron() : override}/electron`;
}

export interface ElectronWindowOptions {
  readonly executable: string;
  /** What Electron runs; null for a packaged app, which knows. */
  readonly application: string | null;
  readonly profileDirectory: string;
  readonly environment: NodeJS.ProcessEnv;
  /** More words for the app's command line, and words for Electron that stand before the application. */
  readonly words?: readonly string[];
  readonly electronWords?: readonly string[];
}

const targetSchema = v.object({
  targetInfos: v.array(v.object({ targetId: v.string(), type: v.string(), url: v.string() })),
});

export class ElectronWindow {
  readonly pipe: DevtoolsPipe;
  readonly #child: ChildProcess;
  /** Exit code, or null after a signal. */
  readonly exited: Promise<number | null>;
  readonly log: string[] = [];
  /** Of Electron's first process; all others descend from it. */
  readonly pid: number;

  constructor(options: ElectronWindowOptions) {
    const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
    const words = [
      ...(options.electronWords ?? []),
      ...(options.application === null ? [] : [options.application]),
      ...asRoot,
      '--disable-gpu',
      '--remote-debugging-pipe',
      '--profile',
      options.profileDirectory,
      ...(options.words ?? []),
    ];
    this.#child = spawn(options.executable, words, {
      cwd: projectFolder,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
      env: options.environment,
    });
    this.pid = this.#child.pid ?? -1;
    this.exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('exit', (code) => resolve(code));
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => this.log.push(chunk.toString()));
    }
    const [, , , toBrowser, fromBrowser] = this.#child.stdio;
    if (!(toBrowser instanceof Writable) || !(fromBrowser instanceof Readable)) throw new Error('No pipe to Electron');
    this.pipe = new DevtoolsPipe(toBrowser, fromBrowser);
  }

  /** The page whose address begins so, once it is there. */
  async page(url = 'bothy://app/'): Promise<WindowDriver> {
    const targetId = await this.#target(url);
    const { sessionId } = v.parse(
      v.object({ sessionId: v.string() }),
      await this.pipe.send('Target.attachToTarget', { targetId, flatten: true }),
    );
    const driver = new WindowDriver((method, params) => this.pipe.send(method, params, sessionId));
    // A target is told of before its document is there to be asked anything.
    await driver.until(`location.href.startsWith(${JSON.stringify(url)}) && document.readyState === 'complete'`);
    return driver;
  }

  async targets(): Promise<readonly { readonly type: string; readonly url: string }[]> {
    return v.parse(targetSchema, await this.pipe.send('Target.getTargets')).targetInfos;
  }

  async #target(url: string): Promise<string> {
    const found = Promise.withResolvers<string>();
    const look = (info: { type: string; url: string; targetId: string }): void => {
      if (info.type === 'page' && info.url.startsWith(url)) found.resolve(info.targetId);
    };
    const stop = this.pipe.listen((method, params) => {
      if (method !== 'Target.targetCreated' && method !== 'Target.targetInfoChanged') return;
      look(v.parse(v.object({ targetInfo: targetSchema.entries.targetInfos.item }), params).targetInfo);
    });
    void this.pipe.ended.then(() => found.reject(new Error(`Electron ended: ${this.log.join('').slice(-2000)}`)));
    await this.pipe.send('Target.setDiscoverTargets', { discover: true });
    try {
      return await found.promise;
    } finally {
      stop();
    }
  }

  /** Asks the app to quit, as the system would, and waits for its end. */
  async quit(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 15_000);
    const code = await this.exited;
    clearTimeout(late);
    return code;
  }
}
