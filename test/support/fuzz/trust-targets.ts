/** What strangers say about keys: codes and links, and trust messages. */
import { trustMessage, trustMessageIn } from '../../../src/main/messaging/trust/trust-message.ts';
import { readTrustUri, trustUri } from '../../../src/main/messaging/trust/trust-uri.ts';
import { parseElement } from '../../../src/main/xml/parse-element.ts';
import type { Address } from '../../../src/shared/model.ts';
import { mutateText } from './mutate-text.ts';
import { promise, promiseEqual, refused } from './property.ts';
import { FuzzRandom } from './random.ts';
import type { FuzzTarget } from './run-target.ts';

const fixed = new FuzzRandom(11);
const hex = (): string => Buffer.from(fixed.bytes(32)).toString('hex');
const alice = 'alice@example.org' as Address;

const trustUriTarget: FuzzTarget = {
  name: 'trust-uri',
  count: 2_500,
  expected: ['read', 'trust.malformed'],
  async prepare() {
    const samples = [
      trustUri(alice, [
        { deviceId: 1, fingerprint: hex() },
        { deviceId: 2_147_483_647, fingerprint: hex() },
      ]),
      trustUri(alice, [{ deviceId: 3, fingerprint: hex() }], fixed.bytes(32)),
      `xmpp:jos%C3%A9@example.org?omemo-sid-7=05${hex()}&omemo-sid-8=${hex()}`,
      `xmpp:bob@example.org?trust-message;encryption=urn:xmpp:omemo:2;trust=${hex()};distrust=${hex()}`,
    ];
    return (random) => {
      const input = mutateText(samples[random.below(samples.length)] ?? '', random, samples);
      return {
        input,
        run() {
          const code = readTrustUri(input);
          if (!code.ok) return refused(code.error, ['trust.malformed']);
          const { address, trusted, distrusted } = code.value;
          const count = trusted.length + distrusted.length;
          promise(count > 0 && count <= 100, 'a code of no keys, or of too many');
          const named = trusted.flatMap(({ deviceId, keyId }) =>
            deviceId === null ? [] : [{ deviceId, fingerprint: Buffer.from(keyId).toString('hex') }],
          );
          if (named.length === trusted.length && distrusted.length === 0) {
            promiseEqual(readTrustUri(trustUri(address, named)), code, 'read differently the second time');
          }
          return 'read';
        },
      };
    };
  },
};

const trustMessageTarget: FuzzTarget = {
  name: 'trust-message',
  count: 600,
  expected: ['read', 'not XML', 'nothing'],
  async prepare() {
    const keys = (count: number) => Array.from({ length: count }, () => fixed.bytes(32));
    const samples = [
      trustMessage([
        { jid: alice, trusted: keys(2), distrusted: keys(1) },
        { jid: 'bob@example.org', trusted: [], distrusted: keys(2) },
      ]).toString(),
      trustMessage([{ jid: alice, trusted: keys(1), distrusted: [] }]).toString(),
    ];
    return (random) => {
      const input = mutateText(samples[random.below(samples.length)] ?? '', random, samples);
      return {
        input,
        run() {
          const parsed = parseElement(input);
          if (!parsed.ok) return 'not XML';
          const owners = trustMessageIn([parsed.value]);
          if (!owners) return 'nothing';
          const all = owners.flatMap(({ trusted, distrusted }) => [...trusted, ...distrusted]);
          promise(all.length >= owners.length && all.length <= 2_000, 'owners without keys, or too many');
          promise(
            all.every((key) => key.length === 32),
            'a key of another length',
          );
          promiseEqual(trustMessageIn([trustMessage(owners)]), owners, 'read differently the second time');
          return 'read';
        },
      };
    };
  },
};

export const trustTargets: readonly FuzzTarget[] = [trustUriTarget, trustMessageTarget];
