/** Drives `direct-peer-process.ts` in a child process and waits for what it says. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export type PeerLine = Readonly<Record<string, unknown>>;

export interface RemotePeer {
  /** Everything said so far. */
  readonly lines: PeerLine[];
  say(order: PeerLine): void;
  /** The first line, said already (from `after` on) or later, for which the test holds. */
  heard(test: (line: PeerLine) => boolean, after?: number): Promise<PeerLine>;
  connected(...names: string[]): Promise<PeerLine>;
  stop(): Promise<void>;
}

export const peerProgram = fileURLToPath(new URL('./direct-peer-process.ts', import.meta.url));

export function followPeer(child: ChildProcessWithoutNullStreams): RemotePeer {
  const lines: PeerLine[] = [];
  const waiting = new Set<() => void>();
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  createInterface({ input: child.stdout }).on('line', (text) => {
    lines.push(JSON.parse(text) as PeerLine);
    for (const check of [...waiting]) check();
  });
  const heard = (test: (line: PeerLine) => boolean, after = 0): Promise<PeerLine> =>
    new Promise((resolve, reject) => {
      void ended.then(() => reject(new Error(`the peer ended: ${errors}`)));
      const check = (): void => {
        const found = lines.slice(after).find(test);
        if (found === undefined) return;
        waiting.delete(check);
        resolve(found);
      };
      waiting.add(check);
      check();
    });
  return {
    lines,
    say: (order) => void child.stdin.write(`${JSON.stringify(order)}\n`),
    heard,
    connected: (...names) =>
      heard(
        (line) => line['event'] === 'connected' && names.every((name) => (line['contacts'] as string[]).includes(name)),
      ),
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}
