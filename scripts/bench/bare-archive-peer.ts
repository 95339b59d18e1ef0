/**
 * The baseline of catching up: a bare @xmpp/client that downloads the whole archive of its account, page after page, and
 * does nothing with it. Prints `{"messages", "milliseconds"}`: from the first question to the last answer.
 */
import { client, xml } from '@xmpp/client';

const [service, domain, username, password, pageSize = ''] = process.argv.slice(2);
if (!service || !domain || !username || !password || pageSize === '')
  throw new Error('usage: bare-archive-peer SERVICE DOMAIN USER PASSWORD PAGE-SIZE');

const ARCHIVE = 'urn:xmpp:mam:2';
const RESULT_SET = 'http://jabber.org/protocol/rsm';

const connection = client({ service, domain, username, password });
connection.on('error', (error: Error) => process.stderr.write(`${error.message}\n`));
let messages = 0;
connection.on('stanza', (stanza) => {
  if (stanza.is('message') && stanza.getChild('result', ARCHIVE)) messages += 1;
});

async function page(after: string | null): Promise<{ last: string | null; complete: boolean }> {
  const position = after === null ? [] : [xml('after', {}, after)];
  const set = xml('set', { xmlns: RESULT_SET }, xml('max', {}, pageSize), ...position);
  const answer = await connection.iqCaller.request(
    xml('iq', { type: 'set' }, xml('query', { xmlns: ARCHIVE, queryid: 'bench' }, set)),
    60_000,
  );
  const fin = answer.getChild('fin', ARCHIVE);
  return {
    last: fin?.getChild('set', RESULT_SET)?.getChildText('last') || null,
    complete: fin?.attrs['complete'] === 'true',
  };
}

connection.on('online', async () => {
  const start = performance.now();
  let last: string | null = null;
  for (;;) {
    const answer = await page(last);
    last = answer.last;
    if (answer.complete || last === null) break;
  }
  const milliseconds = performance.now() - start;
  process.stdout.write(`${JSON.stringify({ messages, milliseconds })}\n`);
  await connection.stop();
  process.exit(0);
});
await connection.start();
