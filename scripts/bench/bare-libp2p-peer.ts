/**
 * The baseline of the direct route: a libp2p node with the same transport, encryption and multiplexer and nothing
 * else, that echoes what it gets. Speaks lines: `{"listen": address}` once it runs; a dialer takes `{"text": …}` and
 * answers `{"echo": …}` when the text came back.
 */
import { createInterface } from 'node:readline';
import { noise } from '@chainsafe/libp2p-noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';

const protocol = '/bench/echo/1.0.0';
const target = process.argv[2];

const node = await createLibp2p({
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
});
await node.handle(protocol, (stream) => {
  stream.addEventListener('message', (event) => stream.send(event.data));
});

function print(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

if (target === undefined) print({ listen: node.getMultiaddrs()[0]?.toString() });
else {
  const stream = await node.dialProtocol(multiaddr(target), protocol);
  let received = '';
  stream.addEventListener('message', (event) => {
    received += new TextDecoder().decode(event.data.subarray());
    for (let end = received.indexOf('\n'); end >= 0; end = received.indexOf('\n')) {
      print({ echo: received.slice(0, end) });
      received = received.slice(end + 1);
    }
  });
  createInterface({ input: process.stdin }).on('line', (text) => {
    const line = JSON.parse(text) as { text: string };
    stream.send(new TextEncoder().encode(`${line.text}\n`));
  });
  print({ ready: true });
}
process.stdin.on('end', () => process.exit(0)).resume();
