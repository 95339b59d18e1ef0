import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FakeXmppServer, OWN } from '../support/fake-xmpp-server.ts';
import { TestClient } from '../support/xmpp-client.ts';

type Action =
  | { readonly kind: 'messages'; readonly count: number }
  | { readonly kind: 'unarchived' }
  | { readonly kind: 'turns'; readonly count: number }
  | { readonly kind: 'disconnect' }
  | { readonly kind: 'connect'; readonly resumed: boolean }
  | { readonly kind: 'reject-next' }
  | { readonly kind: 'archive-breaks' }
  | { readonly kind: 'archive-mended' }
  | { readonly kind: 'wait' };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('messages' as const), count: fc.oneof(fc.nat(20), fc.nat(400)) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('unarchived' as const) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('turns' as const), count: fc.nat(6) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('disconnect' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('connect' as const), resumed: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reject-next' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('archive-breaks' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('archive-mended' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const) }) },
);

describe('catching up from the archive', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const turn = () => new Promise((resolve) => setImmediate(resolve));

  test('misses nothing, whatever happens in which order, and its cursor never passes a hole', {
    timeout: 120_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 30 }), fc.boolean(), async (actions, wholePages) => {
        const server = new FakeXmppServer();
        const client = new TestClient({
          jid: OWN,
          password: 'x',
          wholePages,
          makeStream: ({ credentials }) => server.connect(credentials.password),
        });
        const taken = new Set<string>();
        const holes: string[] = [];
        let rejectNext = false;
        client.onStanza = async ({ stanza, arrival }) => {
          await null;
          if (rejectNext) {
            rejectNext = false;
            throw new Error('the disk is full');
          }
          taken.add(String(stanza.attrs['id']));
          if (arrival.archiveId === null) return;
          // about to become the cursor: nothing before it may be missing
          const upTo = Number(arrival.archiveId.slice(1));
          holes.push(...server.archive.slice(0, upTo + 1).filter((id) => !taken.has(id)));
        };
        client.start();
        const stream = server.stream;
        if (stream === null) throw new Error('no stream');
        // a first session on an empty archive, so that all that follows must be taken
        stream.bind();
        await client.ready();
        let messages = 0;
        for (const step of actions) {
          const online = stream.status.state === 'online';
          if (step.kind === 'messages') for (let i = 0; i < step.count; i++) server.message(`m${messages++}`);
          else if (step.kind === 'unarchived') server.message(`u${messages++}`, { archived: false });
          else if (step.kind === 'turns') for (let i = 0; i < step.count; i++) await turn();
          else if (step.kind === 'disconnect' && online) stream.disconnect();
          else if (step.kind === 'connect' && !online) stream.bind(false);
          else if (step.kind === 'reject-next') rejectNext = true;
          else if (step.kind === 'archive-breaks') server.archiveFault = 'stanza.error';
          else if (step.kind === 'archive-mended') server.archiveFault = null;
          else if (step.kind === 'wait') await vi.advanceTimersByTimeAsync(10_000);
        }
        rejectNext = false;
        server.archiveFault = null;
        if (stream.status.state !== 'online') stream.bind(false);
        for (let rounds = 0; rounds < 400; rounds++) {
          if (server.archive.every((id) => taken.has(id)) && client.catchUps.at(-1) === null) break;
          await turn();
          await vi.advanceTimersByTimeAsync(10_000);
        }
        expect(server.archive.filter((id) => !taken.has(id))).toEqual([]);
        expect(holes).toEqual([]);
        await client.stop();
      }),
      { numRuns: 300 },
    );
  });
});
