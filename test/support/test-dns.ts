/**
 * A name server for a network namespace: answers A and SRV from a table given as JSON on the command line
 * (`{"address": "10.77.0.1", "records": [...]}`), NXDOMAIN for the rest. Prints `ready` when it listens.
 */
import { createSocket } from 'node:dgram';

export type DnsRecord =
  | { readonly name: string; readonly type: 'A'; readonly address: string }
  | { readonly name: string; readonly type: 'SRV'; readonly port: number; readonly target: string };

const TYPES = { A: 1, SRV: 33 } as const;

function encodeName(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

function encodeData(record: DnsRecord): Buffer {
  if (record.type === 'A') return Buffer.from(record.address.split('.').map(Number));
  const fixed = Buffer.alloc(6);
  fixed.writeUInt16BE(5, 2);
  fixed.writeUInt16BE(record.port, 4);
  return Buffer.concat([fixed, encodeName(record.target)]);
}

/** RFC 1035 §4.1: the answer to a query of one question. */
export function answerQuery(query: Buffer, records: readonly DnsRecord[]): Buffer {
  const labels: string[] = [];
  let offset = 12;
  for (let length = query.readUInt8(offset); length > 0; length = query.readUInt8(offset)) {
    labels.push(query.toString('latin1', offset + 1, offset + 1 + length));
    offset += 1 + length;
  }
  const name = labels.join('.').toLowerCase();
  const question = query.subarray(12, offset + 5);
  const type = query.readUInt16BE(offset + 1);
  const named = records.filter((record) => record.name === name);
  const answers = named.filter((record) => TYPES[record.type] === type);
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  // a response, authoritative, recursion as asked; NXDOMAIN when the name has no records at all
  header.writeUInt16BE(0x8480 | (query.readUInt16BE(2) & 0x0100) | (named.length === 0 ? 3 : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answers.length, 6);
  const encoded = answers.map((record) => {
    const data = encodeData(record);
    const fixed = Buffer.alloc(12);
    fixed.writeUInt16BE(0xc00c, 0);
    fixed.writeUInt16BE(type, 2);
    fixed.writeUInt16BE(1, 4);
    fixed.writeUInt32BE(60, 6);
    fixed.writeUInt16BE(data.length, 10);
    return Buffer.concat([fixed, data]);
  });
  return Buffer.concat([header, question, ...encoded]);
}

if (import.meta.main) {
  const { address, records } = JSON.parse(process.argv[2] ?? '') as { address: string; records: DnsRecord[] };
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    try {
      socket.send(answerQuery(query, records), from.port, from.address);
    } catch {
      // not a query
    }
  });
  socket.bind(53, address, () => process.stdout.write('ready\n'));
}
