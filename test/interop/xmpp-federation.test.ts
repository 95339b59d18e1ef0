import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FederatedPair, federationMissing, startFederatedPair } from '../support/federation.ts';

const run = promisify(execFile);
const missing = federationMissing();

describe('accounts on two federated servers', () => {
  let pair: FederatedPair | null = null;

  beforeAll(async () => {
    if (missing !== null) return;
    pair = await startFederatedPair({ one: { alice: 'correct horse' }, two: { bob: 'battery staple' } });
  });

  afterAll(() => pair?.stop());

  test('find their servers by DNS and talk as if they were on one', { timeout: 60_000 }, async (ctx) => {
    if (pair === null) return ctx.skip(missing ?? 'not started');
    const script = join(import.meta.dirname, '../support/federated-conversation.ts');
    const [command = '', ...prefix] = pair.clientCommand;
    const { stdout } = await run(command, [...prefix, process.execPath, script, pair.caPath], { timeout: 50_000 });
    const ids = Array.from({ length: 50 }, (_, index) => `m-${index}`);
    expect(JSON.parse(stdout)).toEqual({
      subscriptions: ['both', 'both'],
      published: true,
      event: expect.objectContaining({ from: 'alice@one.test', to: 'bob@two.test', kind: 'live' }),
      devices: true,
      sent: 50,
      received: ids,
      from: 'alice@one.test',
      bounces: [
        ['bounced', 'nobody@one.test', 'stanza.error'],
        ['lost', 'somebody@nowhere.test', 'stanza.not-found'],
      ],
    });
  });
});
