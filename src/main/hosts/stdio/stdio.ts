/** The headless host: the whole application without a window, over JSON-RPC 2.0 on standard input and output. */
import { readFileSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { createApp } from '../../app/create-app.ts';
import type { Logger, LogLevel } from '../../app/ports.ts';
import { logLine } from '../log-line.ts';
import { stateDirectory } from '../state-directory.ts';
import { logUnexpected } from '../unexpected.ts';
import { answerLine, eventLine, maxLineLength } from './json-rpc.ts';
import { readOptions, type StdioOptions, usage } from './options.ts';

const order: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8'));
  const found = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : null;
  return typeof found === 'string' ? found : '0';
}

function options(): StdioOptions {
  try {
    return readOptions(process.argv.slice(2), process.env);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : 'bad arguments'}\n${usage}\n`);
    process.exit(2);
  }
}

async function main(): Promise<void> {
  const { profileDirectory, vault, logLevel, nearby, nearbyEnabled, xmppOverride, crashPoint } = options();
  const say = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  const logger: Logger = {
    log(level, event, fields) {
      if (order[level] < order[logLevel]) return;
      process.stderr.write(`${logLine('at', level, event, fields)}\n`);
    },
  };
  logUnexpected(logger, () => process.exit(1));
  const app = await createApp({
    profileDirectory,
    version: version(),
    nearby,
    nearbyEnabled,
    xmppOverride,
    stateDirectory: stateDirectory(),
    ports: {
      clock: { now: () => Date.now() },
      vault,
      notifier: { message: () => {} },
      logger,
      links: { open: async () => {} },
      crashPoint,
    },
  });
  app.subscribe((event) => say(eventLine(event)));

  const answering = new Set<Promise<void>>();
  let ending: Promise<void> | null = null;
  const end = (code: number): void => {
    ending ??= Promise.allSettled(answering)
      .then(() => app.close())
      .finally(() => process.exit(code));
  };
  process.once('SIGTERM', () => end(0));
  process.once('SIGINT', () => end(0));
  // Whoever read us is gone.
  process.stdout.on('error', () => end(0));

  const take = (line: string): void => {
    if (line.trim() === '' || ending) return;
    const answered = answerLine(app, line).then((answer) => {
      if (answer !== null) say(answer);
    });
    answering.add(answered);
    answered.finally(() => answering.delete(answered)).catch(() => end(1));
  };
  const decoder = new StringDecoder('utf8');
  let rest = '';
  process.stdin.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
    if (rest.length > maxLineLength) {
      process.stderr.write('a line is too long\n');
      end(1);
    }
  });
  process.stdin.on('end', () => {
    take(rest);
    end(0);
  });
}

await main();
