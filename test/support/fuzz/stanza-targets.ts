/** XML of strangers: stanzas, the server's stream, and what messaging reads out of elements. */
import type { Element } from '@xmpp/xml';
import xml from '@xmpp/xml';
import type { MessagingContext } from '../../../src/main/messaging/context.ts';
import {
  fetchedItem,
  type ListedDevice,
  readBundle,
  readDeviceList,
  writeBundle,
  writeDeviceList,
} from '../../../src/main/messaging/devices/key-nodes.ts';
import {
  readLegacyBundleElement,
  readLegacyDeviceList,
  writeLegacyBundle,
  writeLegacyDeviceList,
} from '../../../src/main/messaging/devices/legacy-nodes.ts';
import { introductionIn } from '../../../src/main/messaging/envelope/introductions.ts';
import { readLegacy, writeLegacy } from '../../../src/main/messaging/envelope/legacy-stanza.ts';
import { displayedIn, displayedMarker } from '../../../src/main/messaging/envelope/markers.ts';
import {
  readEncrypted,
  writeEncrypted,
  writeEncryptedMessage,
} from '../../../src/main/messaging/envelope/omemo-stanza.ts';
import { orderElement, orderIn } from '../../../src/main/messaging/envelope/order.ts';
import { receiptFor, receiptsIn } from '../../../src/main/messaging/envelope/receipts.ts';
import { readEnvelope, writeEnvelope } from '../../../src/main/messaging/envelope/sce-envelope.ts';
import { bodyElement, bodyIn, cleanBody } from '../../../src/main/messaging/envelope/text-body.ts';
import { StreamParser, StreamSyntaxError } from '../../../src/main/transports/xmpp/stream-parser.ts';
import { parseElement, parseElementBytes } from '../../../src/main/xml/parse-element.ts';
import type { ErrorCode, Result } from '../../../src/shared/errors.ts';
import type { MessageId } from '../../../src/shared/model.ts';
import { mutateBytes } from './mutate-bytes.ts';
import { mutateText } from './mutate-text.ts';
import { promise, promiseEqual, refused } from './property.ts';
import { FuzzRandom } from './random.ts';
import type { FuzzTarget } from './run-target.ts';

const fixed = new FuzzRandom(7);
const key = (length: number) => fixed.bytes(length);
const id = 'b1f4e6a0-0000-4000-8000-000000000001' as MessageId;
const jids: readonly [string, string] = ['alice@example.org', 'bob@example.org'];

const prekeys = (length: number) => [1, 2, 4_294_967_295].map((prekeyId) => ({ id: prekeyId, key: key(length) }));
const bundle = (length: number) => ({
  deviceId: 5,
  identityKey: key(length),
  signedPrekeyId: 1,
  signedPrekey: key(length),
  signedPrekeySignature: key(64),
  prekeys: prekeys(length),
});
const keys = [
  { deviceId: 5, keyExchange: true, data: key(90) },
  { deviceId: 2_147_483_647, keyExchange: false, data: key(60) },
];
const devices: readonly ListedDevice[] = [
  { id: 5, label: 'Laptop & <co>', labelSignature: 'AAAA' },
  { id: 2_147_483_647, label: null, labelSignature: null },
];

const currentBundle = writeBundle(bundle(32));
const legacyBundle = writeLegacyBundle(bundle(33));
const currentMessage = writeEncrypted({ sid: 5, recipients: jids.map((jid) => ({ jid, keys })), payload: key(300) });
const legacyMessage = writeLegacy({ sid: 5, keys, iv: key(12), payload: key(40) });
const stanza = writeEncryptedMessage({
  id,
  from: `${jids[0]}/a`,
  to: jids[1],
  encrypted: { sid: 5, recipients: jids.map((jid) => ({ jid, keys })), payload: key(300) },
  legacy: writeLegacy({ sid: 5, keys, iv: key(12), payload: key(40) }),
});
const answer = xml(
  'iq',
  { type: 'result', id: 'a', from: jids[0], xmlns: 'jabber:client' },
  xml(
    'pubsub',
    { xmlns: 'http://jabber.org/protocol/pubsub' },
    xml('items', { node: 'node' }, xml('item', { id: '5' }, writeBundle(bundle(32)))),
  ),
);

const content = [
  bodyElement('Hello & <good> “night” \u{1f30c}'),
  receiptFor(id),
  displayedMarker(id),
  orderElement({ counter: 17, after: id }),
  xml(
    'introduction',
    {
      xmlns: 'urn:bothy:introduction:0',
      xid: 'x',
      name: 'Al\u202eice',
      proof: Buffer.from(key(64)).toString('base64'),
      knows: 'true',
    },
    xml('address', {}, '/ip4/192.0.2.1/tcp/4001'),
  ),
];
const envelope = { content, from: jids[0], to: jids[1], time: 1_700_000_000_000 };

const transportErrors: readonly ErrorCode[] = ['transport.malformed', 'transport.too-large'];

/** Reads an element out of changed XML; what was read is read again out of its own writing. */
function elementTarget<T>(
  name: string,
  sample: Element,
  read: (element: Element) => Result<T>,
  write: (value: T) => Element,
  code: ErrorCode,
): FuzzTarget {
  const text = sample.toString();
  const samples = [text, stanza.toString(), answer.toString()];
  return {
    name,
    count: 500,
    expected: ['read', 'not XML', code],
    async prepare() {
      return (random) => {
        const input = mutateText(text, random, samples);
        return {
          input,
          run() {
            const parsed = parseElement(input);
            if (!parsed.ok) {
              refused(parsed.error, transportErrors);
              return 'not XML';
            }
            fetchedItem(parsed.value, 'node', '5');
            const result = read(parsed.value);
            if (!result.ok) return refused(result.error, [code]);
            // Over the wire, as it would go to somebody else.
            const again = parseElement(write(result.value).toString());
            if (!again.ok) {
              // What is sent is longer than what was read only where that was almost too long itself.
              promise(again.error.code === 'transport.too-large', 'what was read cannot be written');
              return 'read';
            }
            promiseEqual(read(again.value), result, 'read differently the second time');
            return 'read';
          },
        };
      };
    },
  };
}

const stanzaTarget: FuzzTarget = {
  name: 'stanza',
  count: 1_000,
  expected: ['read', ...transportErrors],
  async prepare() {
    const samples = [stanza.toString(), answer.toString(), currentMessage.toString()];
    return (random) => {
      const text = mutateText(samples[random.below(samples.length)] ?? '<a/>', random, samples);
      const bytes = new Uint8Array(Buffer.from(text));
      const input = random.oneIn(3) ? mutateBytes(bytes, random, [bytes]) : bytes;
      return {
        input,
        run() {
          const result = parseElementBytes(input);
          if (!result.ok) return refused(result.error, transportErrors);
          const written = result.value.toString();
          const again = parseElement(written);
          if (!again.ok) {
            promise(
              again.error.code === 'transport.too-large',
              `what was read cannot be written: ${again.error.detail}`,
            );
            return 'read';
          }
          promiseEqual(again.value.toString(), written, 'read differently the second time');
          return 'read';
        },
      };
    };
  },
};

const streamHeader =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='a' version='1.0'>";

/** Everything the parser says of these bytes, cut into pieces after each of `cuts`. */
function parseStream(bytes: Uint8Array, cuts: readonly number[]): string[] {
  const said: string[] = [];
  const parser = new StreamParser();
  parser.on('start', (element: Element) => said.push(`start ${element.toString()}`));
  parser.on('element', (element: Element) => said.push(element.toString()));
  parser.on('end', () => said.push('end'));
  parser.on('error', (error: unknown) => {
    promise(error instanceof StreamSyntaxError, 'an undocumented error');
    said.push(`error ${error.condition}`);
  });
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    parser.write(bytes.subarray(from, to));
    from = to;
  }
  return said;
}

/**
 * Which of several errors comes first may depend on where the bytes were cut, and what is not UTF-8 is seen before the
 * good bytes that came with it are looked at. Which stanzas there are may not.
 */
function sameStream(cut: readonly string[], whole: readonly string[], cuts: readonly number[]): void {
  const failed = (said: readonly string[]) => said.at(-1)?.startsWith('error ') === true;
  const stanzas = (said: readonly string[]) => said.filter((line) => !line.startsWith('error '));
  const where = `other stanzas when cut at ${cuts.join(', ')}`;
  const encoding = 'error unsupported-encoding';
  const isCertain = cut.at(-1) !== encoding && whole.at(-1) !== encoding;
  // After the end of the stream nothing is looked at, unless it came with the end.
  if (isCertain || (cut.at(-1) !== 'end' && whole.at(-1) !== 'end')) promiseEqual(failed(cut), failed(whole), where);
  const shorter = isCertain ? undefined : Math.min(stanzas(cut).length, stanzas(whole).length);
  promiseEqual(stanzas(cut).slice(0, shorter), stanzas(whole).slice(0, shorter), where);
}

const streamTarget: FuzzTarget = {
  name: 'stream',
  count: 700,
  expected: [
    'open',
    'ended',
    'error not-well-formed',
    'error restricted-xml',
    'error policy-violation',
    'error unsupported-encoding',
  ],
  async prepare() {
    const samples = [
      `${streamHeader}${stanza}<presence/>${answer}</stream:stream>`,
      `${streamHeader}<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features> <r xmlns='urn:xmpp:sm:3'/>`,
    ];
    return (random) => {
      const text = mutateText(samples[random.below(samples.length)] ?? streamHeader, random, samples);
      const bytes = new Uint8Array(Buffer.from(text));
      const input = random.oneIn(3) ? mutateBytes(bytes, random, [bytes]) : bytes;
      const cuts = Array.from({ length: random.below(5) }, () => random.below(input.length)).sort((a, b) => a - b);
      return {
        input,
        run() {
          const whole = parseStream(input, []);
          const failure = whole.findIndex((line) => line.startsWith('error '));
          promise(failure < 0 || failure === whole.length - 1, 'something was said after an error');
          for (const line of whole.filter((one) => one.startsWith('<'))) {
            const again = parseElement(line);
            promise(
              again.ok || again.error.code === 'transport.too-large',
              `a stanza that is none: ${line.slice(0, 300)}`,
            );
          }
          sameStream(parseStream(input, cuts), whole, cuts);
          if (failure >= 0) return whole[failure] ?? '';
          return whole.includes('end') ? 'ended' : 'open';
        },
      };
    };
  },
};

/** Introductions are signed; here every signature fits, so that what is behind them is looked at. */
const trusting = { proofs: { verify: () => true } } as unknown as MessagingContext;

const envelopeTarget: FuzzTarget = {
  name: 'envelope',
  count: 700,
  expected: ['read', 'encryption.malformed'],
  async prepare() {
    const random = (length: number) => new FuzzRandom(9).bytes(length);
    const text = Buffer.from(writeEnvelope(envelope, random)).toString();
    return (random) => {
      const changed = new Uint8Array(Buffer.from(mutateText(text, random, [text, stanza.toString()])));
      const input = random.oneIn(4) ? mutateBytes(changed, random, [changed]) : changed;
      return {
        input,
        run() {
          const result = readEnvelope(input);
          if (!result.ok) return refused(result.error, ['encryption.malformed']);
          const { content: elements, from, to, time } = result.value;
          const introduction = introductionIn(trusting, elements, key(32), jids[1]);
          promise((introduction?.name.length ?? 0) <= 128, 'a name without bounds');
          promise((introduction?.addresses.length ?? 0) <= 16, 'addresses without bounds');
          const read = (of: readonly Element[]) => [bodyIn(of), receiptsIn(of), displayedIn(of), orderIn(of)];
          const body = bodyIn(elements);
          if (body !== null) promiseEqual(cleanBody(body), { ok: true, value: body }, 'a text that is not clean');
          if (from === null || to === null || time === null) return 'read';
          const bytes = writeEnvelope({ content: elements, from, to, time }, (length) => new Uint8Array(length));
          const again = readEnvelope(bytes);
          promise(again.ok, 'what was read cannot be written');
          const others = { from: again.value.from, to: again.value.to, time: again.value.time };
          promiseEqual(others, { from, to, time }, 'read differently the second time');
          promiseEqual(read(again.value.content), read(elements), 'read differently the second time');
          return 'read';
        },
      };
    };
  },
};

const bad: ErrorCode = 'encryption.bad-bundle';

export const stanzaTargets: readonly FuzzTarget[] = [
  elementTarget('device-list', writeDeviceList(devices), readDeviceList, writeDeviceList, bad),
  elementTarget('legacy-device-list', writeLegacyDeviceList([5, 7]), readLegacyDeviceList, writeLegacyDeviceList, bad),
  elementTarget('bundle', currentBundle, (element) => readBundle(element, 5), writeBundle, bad),
  elementTarget(
    'legacy-bundle',
    legacyBundle,
    (element) => readLegacyBundleElement(element, 5),
    writeLegacyBundle,
    bad,
  ),
  elementTarget('encrypted', currentMessage, readEncrypted, writeEncrypted, 'encryption.malformed'),
  elementTarget('legacy-encrypted', legacyMessage, readLegacy, writeLegacy, 'encryption.malformed'),
  stanzaTarget,
  streamTarget,
  envelopeTarget,
];
