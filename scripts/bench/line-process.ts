/** A child process that speaks JSON, one object a line: the same harness for Bothy and for every baseline beside it. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export type Line = Readonly<Record<string, unknown>>;

export interface LineProcess {
  readonly pid: number;
  send(line: Line): void;
  /** Called with every line, before those who wait for one. */
  onLine(listener: (line: Line) => void): void;
  /** The first line, from now on, for which `test` holds. */
  waitFor(test: (line: Line) => boolean, timeoutMs?: number): Promise<Line>;
  /** Sends a JSON-RPC 2.0 request and resolves with its result; rejects with the error's message. */
  call(method: string, params: Line): Promise<unknown>;
  readonly exited: Promise<void>;
  kill(signal?: NodeJS.Signals): void;
  /** Everything the process wrote to standard error, for a failure's sake. */
  readonly errors: () => string;
}

export function startLineProcess(
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): LineProcess {
  const child: ChildProcessWithoutNullStreams = spawn(command, args, { env: { ...process.env, ...environment } });
  const waiting = new Set<{ test: (line: Line) => boolean; resolve: (line: Line) => void }>();
  const listeners: ((line: Line) => void)[] = [];
  let errors = '';
  let lastId = 0;
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-20_000);
  });
  child.stdin.on('error', () => undefined);
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as Line;
    for (const listener of listeners) listener(line);
    for (const entry of [...waiting])
      if (entry.test(line)) {
        waiting.delete(entry);
        entry.resolve(line);
      }
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));

  function waitFor(test: (line: Line) => boolean, timeoutMs = 60_000): Promise<Line> {
    return new Promise((resolve, reject) => {
      const entry = {
        test,
        resolve: (line: Line) => {
          clearTimeout(timer);
          resolve(line);
        },
      };
      const timer = setTimeout(() => {
        waiting.delete(entry);
        reject(new Error(`no such line within ${timeoutMs} ms from ${args.join(' ')}\n${errors}`));
      }, timeoutMs);
      waiting.add(entry);
    });
  }
  function send(line: Line): void {
    child.stdin.write(`${JSON.stringify(line)}\n`);
  }
  return {
    pid: child.pid ?? -1,
    send,
    onLine: (listener) => listeners.push(listener),
    waitFor,
    async call(method, params) {
      lastId += 1;
      const id = lastId;
      const answer = waitFor((line) => line['id'] === id);
      send({ jsonrpc: '2.0', id, method, params });
      const line = await answer;
      if (line['error'] !== undefined) throw new Error(`${method}: ${JSON.stringify(line['error'])}`);
      return line['result'];
    },
    exited,
    kill: (signal = 'SIGKILL') => child.kill(signal),
    errors: () => errors,
  };
}
