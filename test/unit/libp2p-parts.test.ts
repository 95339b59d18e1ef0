/** The bounded parts of the direct transport: stanza parsing, frames, buckets, sightings, learned addresses. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, readFrame } from '../../src/main/transports/libp2p/frame.ts';
import { interfaceOf } from '../../src/main/transports/libp2p/interfaces.ts';
import { LearnedAddresses } from '../../src/main/transports/libp2p/learned-addresses.ts';
import { Doorkeeper, limits, TokenBucket } from '../../src/main/transports/libp2p/limits.ts';
import { Sightings } from '../../src/main/transports/libp2p/sightings.ts';
import { parseElement, parseElementBytes } from '../../src/main/xml/parse-element.ts';
import type { ContactId } from '../../src/shared/model.ts';

describe('parsing a stanza', () => {
  it('keeps names, namespaces, attributes and text', () => {
    const text = `<message xmlns="jabber:client" to="a@b" xml:lang="de"><x:body xmlns:x="urn:x">a &lt;&amp;&#x41; <![CDATA[<b>]]></x:body></message>`;
    const parsed = parseElement(text);
    expect(parsed.ok && parsed.value.toString()).toBe(
      `<message xmlns="jabber:client" to="a@b" xml:lang="de"><x:body xmlns:x="urn:x">a &lt;&amp;A &lt;b&gt;</x:body></message>`,
    );
  });

  it.each([
    '',
    ' ',
    'text',
    '<a>',
    '<a></b>',
    '<a/><b/>',
    'x<a/>',
    '<?xml version="1.0"?><a/>',
    '<!DOCTYPE a><a/>',
    '<!-- c --><a/>',
    '<a><!-- c --></a>',
    '<a><?pi?></a>',
    '<a>&nbsp;</a>',
    '<a>&#0;</a>',
    '<a b="1" b="2"/>',
    '<x:a/>',
    '<a b=<>/>',
  ])('refuses %j', (text) => {
    const parsed = parseElement(text);
    expect(parsed.ok ? null : parsed.error.code).toBe('transport.malformed');
  });

  it('bounds depth and size', () => {
    expect(parseElement('<a>'.repeat(64) + '</a>'.repeat(64)).ok).toBe(true);
    expect(parseElement('<a>'.repeat(65) + '</a>'.repeat(65)).ok).toBe(false);
    const large = parseElement(`<a>${'x'.repeat(600_000)}</a>`);
    expect(large.ok ? null : large.error.code).toBe('transport.too-large');
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void parseElementBytes(bytes)));
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('<', '>', '/', 'a', '"', '=', '&', ';', '!', '[', ']', '?', ' ', 'x:')),
        (parts) => void parseElement(`<a>${parts.join('')}</a>`),
      ),
    );
  });
});

describe('frames', () => {
  it('round-trip, one after the other', async () => {
    const frame = fc.record({
      type: fc.nat(255),
      number: fc.nat(0xffffffff),
      payload: fc.uint8Array({ maxLength: 50 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { maxLength: 5 }), async (frames) => {
        const bytes = frames.flatMap((one) => [...encodeFrame(one.type, one.number, one.payload)]);
        const read = async (length: number) => Uint8Array.from(bytes.splice(0, length));
        for (const one of frames) expect(await readFrame(read)).toEqual(one);
        expect(bytes).toEqual([]);
      }),
    );
  });
});

describe('limits', () => {
  it('let a burst through and then a steady rate', () => {
    const bucket = new TokenBucket(3, 10, 0);
    expect([0, 0, 0, 0].map((at) => bucket.take(at))).toEqual([true, true, true, false]);
    expect(bucket.wait()).toBe(100);
    expect([99, 100, 101, 200].map((at) => bucket.take(at))).toEqual([false, true, false, true]);
  });

  it('admit a bounded number of connections per address, and in all', () => {
    const door = new Doorkeeper();
    const admitted = (address: string): boolean => door.enter(address, 0);
    expect(Array.from({ length: 30 }, () => admitted('a')).filter(Boolean)).toHaveLength(limits.connectionsPerAddress);
    expect(admitted('b')).toBe(true);
    door.leave('a');
    expect(admitted('a')).toBe(true);
    for (let index = 0; index < 5_000; index += 1) admitted(`address ${index}`);
    expect(admitted('one more')).toBe(false);
  });
});

describe('sightings', () => {
  const nobody = (): boolean => false;

  it('are dialled at once by the lower PeerId, later by the higher', () => {
    const sightings = new Sightings(0);
    sightings.see({ peerId: 'b', host: 'h', port: 1 }, 'a', 0);
    sightings.see({ peerId: 'b2', host: 'h', port: 1 }, 'c', 0);
    expect(sightings.due(0, nobody).map((one) => one.peerId)).toEqual(['b']);
    expect(sightings.due(1_500, nobody).map((one) => one.peerId)).toEqual(['b2']);
  });

  it('from one flooding address leave room for others', () => {
    const sightings = new Sightings(0);
    for (let index = 0; index < 1_000; index += 1)
      sightings.see({ peerId: `z${index}`, host: 'flood', port: 1 }, 'a', 0);
    expect(sightings.size).toBe(limits.sightingsPerAddress);
    sightings.see({ peerId: 'zz', host: 'friend', port: 1 }, 'a', 0);
    expect(sightings.due(0, nobody).filter((one) => one.host === 'flood')).toHaveLength(limits.dialsPerAddress);
    expect(sightings.due(0, nobody)).toEqual([]);
  });

  it('of strangers are left alone for a while, until contacts change', () => {
    const sightings = new Sightings(0);
    sightings.see({ peerId: 'b', host: 'h', port: 1 }, 'a', 0);
    sightings.due(0, nobody);
    sightings.stranger('b', 0);
    expect(sightings.due(4_999, nobody)).toEqual([]);
    sightings.hurry(4_999, false);
    expect(sightings.due(4_999, nobody)).toEqual([]);
    sightings.hurry(4_999, true);
    expect(sightings.due(4_999, nobody)).toHaveLength(1);
  });

  it('are asked once more at once when contacts changed while they were being asked', () => {
    const sightings = new Sightings(0);
    sightings.see({ peerId: 'b', host: 'h', port: 1 }, 'a', 0);
    expect(sightings.due(0, nobody)).toHaveLength(1);
    sightings.hurry(1_000, true);
    sightings.stranger('b', 2_000);
    expect(sightings.due(2_000, nobody)).toHaveLength(1);
    sightings.stranger('b', 3_000);
    expect(sightings.due(7_999, nobody)).toEqual([]);
    expect(sightings.due(8_000, nobody)).toHaveLength(1);
  });

  it('cannot be drawn to another address by announcing the same PeerId', () => {
    const sightings = new Sightings(0);
    sightings.see({ peerId: 'b', host: 'h', port: 1 }, 'a', 0);
    sightings.see({ peerId: 'b', host: 'evil', port: 2 }, 'a', 0);
    sightings.gone('b', 'evil');
    expect(sightings.due(0, nobody)).toEqual([{ peerId: 'b', host: 'h', port: 1 }]);
    sightings.failed('b', 0);
    sightings.see({ peerId: 'b', host: 'moved', port: 2 }, 'a', 0);
    expect(sightings.due(1_000, nobody)).toEqual([{ peerId: 'b', host: 'moved', port: 2 }]);
  });
});

describe('learned addresses', () => {
  const ben = 'ben' as ContactId;

  it('are IP addresses only, few, and dialled with growing pauses while not connected', () => {
    const learned = new LearnedAddresses();
    const good = Array.from({ length: 20 }, (_, index) => `/ip4/10.0.0.${index}/tcp/4000`);
    learned.learn(ben, ['/dns4/example.org/tcp/1', '/ip4/10.0.0.1/udp/1', '/ip4/1.2.3.4/tcp/99999', 'x', ...good]);
    expect(learned.due(0, () => true)).toEqual([]);
    expect(learned.due(0, () => false)).toEqual(good.slice(0, 8));
    expect(learned.due(4_999, () => false)).toEqual([]);
    expect(learned.due(5_000, () => false)).toHaveLength(8);
    expect(learned.due(14_999, () => false)).toEqual([]);
    learned.hurry();
    expect(learned.due(15_000, () => false)).toHaveLength(8);
    learned.learn(ben, []);
    expect(learned.due(1_000_000, () => false)).toEqual([]);
  });
});

describe('interfaces', () => {
  it('own the addresses of their network only', () => {
    const interfaces = [{ name: 'eth0', address: '192.168.1.5', netmask: '255.255.255.0' }];
    expect(interfaceOf(interfaces, '192.168.1.77')?.name).toBe('eth0');
    for (const other of ['192.168.2.1', '8.8.8.8', '192.168.1.256', 'fe80::1', '']) {
      expect(interfaceOf(interfaces, other)).toBeNull();
    }
  });
});
