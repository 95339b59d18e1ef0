/**
 * The baseline of the server route: a bare @xmpp/client that sends and shows plain text. Speaks lines: `{"ready": true}`
 * once online; takes `{"to", "text"}`; prints `{"text"}` for each message that comes in.
 */
import { createInterface } from 'node:readline';
import { client, xml } from '@xmpp/client';

const [service, domain, username, password] = process.argv.slice(2);
if (service === undefined || domain === undefined || username === undefined || password === undefined)
  throw new Error('usage: bare-xmpp-peer SERVICE DOMAIN USER PASSWORD');

function print(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const connection = client({ service, domain, username, password });
connection.on('error', (error: Error) => process.stderr.write(`${error.message}\n`));
connection.on('stanza', (stanza) => {
  const body = stanza.is('message') ? stanza.getChildText('body') : null;
  if (body !== null) print({ text: body });
});
connection.on('online', () => {
  connection.send(xml('presence')).then(
    () => print({ ready: true }),
    () => process.exit(1),
  );
});
createInterface({ input: process.stdin }).on('line', (text) => {
  const line = JSON.parse(text) as { to: string; text: string };
  void connection.send(xml('message', { to: line.to, type: 'chat' }, xml('body', {}, line.text)));
});
process.stdin.on('end', () => process.exit(0)).resume();
await connection.start();
