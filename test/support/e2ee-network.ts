/** Two devices and a network that loses, repeats, reorders, replays and damages; it checks what must always hold. */
import assert from 'node:assert/strict';
import { maintainOwnDevice, serializeRecord } from '../../src/main/e2ee/omemo.ts';
import type { OwnDevice } from '../../src/main/e2ee/own-device.ts';
import { decodeAuthenticated, decodeKeyExchange, decodeMessage } from '../../src/main/e2ee/protobuf.ts';
import { decodePrekeySignalMessage, decodeSignalMessage } from '../../src/main/e2ee/protobuf-legacy.ts';
import type { WireFormat } from '../../src/main/e2ee/types.ts';
import { type Envelope, expectOk, seededRandom, TestDevice } from './e2ee-device.ts';

export type Side = 0 | 1;

export type Action =
  | { readonly kind: 'send' | 'restart' | 'rotate'; readonly side: Side }
  | { readonly kind: 'deliver' | 'duplicate' | 'lose' | 'replay'; readonly side: Side; readonly pick: number }
  | { readonly kind: 'damage'; readonly side: Side; readonly pick: number; readonly at: number; readonly flip: number };

interface Sent {
  readonly content: string;
  readonly envelope: Envelope;
}

const WEEK = 7 * 86_400_000;
/** More would let a key exchange on its way outlive the signed prekey it was made for. */
const MAX_ROTATIONS = 3;

function legacyHeaderOf({ keyExchange, data }: Envelope): string {
  const message = keyExchange ? expectOk(decodePrekeySignalMessage(data)).message : data;
  const { dhPublic, n } = expectOk(decodeSignalMessage(message.subarray(0, -8)));
  return `${Buffer.from(dhPublic).toString('hex')}/${n}`;
}

function headerOf(envelope: Envelope): string {
  const data = envelope.keyExchange ? expectOk(decodeKeyExchange(envelope.data)).message : envelope.data;
  const { dhPublic, n } = expectOk(decodeMessage(expectOk(decodeAuthenticated(data)).message));
  return `${Buffer.from(dhPublic).toString('hex')}/${n}`;
}

function stored(device: TestDevice): Uint8Array | null {
  return device.record === null ? null : serializeRecord(device.record);
}

function assertUnchanged(device: TestDevice, before: Uint8Array | null): void {
  const after = stored(device);
  assert.ok(before === null ? after === null : after !== null && Buffer.compare(before, after) === 0, 'state changed');
}

export class TestNetwork {
  readonly #devices: readonly [TestDevice, TestDevice];
  /** By receiving side. */
  readonly #inFlight: readonly [Sent[], Sent[]] = [[], []];
  readonly #delivered: readonly [Sent[], Sent[]] = [[], []];
  readonly #contents: readonly [Set<string>, Set<string>] = [new Set(), new Set()];
  readonly #headers = new Set<string>();
  readonly #rotations = [0, 0];
  readonly #wire: WireFormat;
  #count = 0;

  constructor(seed: number, owns: readonly [OwnDevice, OwnDevice], wire: WireFormat = 'omemo2') {
    const random = seededRandom(seed);
    this.#wire = wire;
    this.#devices = [new TestDevice(random, owns[0], 1_000, wire), new TestDevice(random, owns[1], 1_000, wire)];
  }

  #send(side: Side): Sent {
    const receiver = side === 0 ? 1 : 0;
    this.#count += 1;
    const content = `${side}:${this.#count}`;
    const envelope = this.#devices[side].send(this.#devices[receiver].bundle, new TextEncoder().encode(content));
    const header = this.#wire === 'omemo2' ? headerOf(envelope) : legacyHeaderOf(envelope);
    assert.ok(!this.#headers.has(header), 'a message key is used once');
    this.#headers.add(header);
    const sent = { content, envelope };
    this.#inFlight[receiver].push(sent);
    return sent;
  }

  /** The first time it must be readable, after that it must be known as a replay and change nothing. */
  #arrive(side: Side, sent: Sent): void {
    const device = this.#devices[side];
    const before = stored(device);
    const result = device.receive(sent.envelope);
    if (this.#contents[side].has(sent.content)) {
      assert.equal(result.ok ? 'delivered twice' : result.error.code, 'encryption.replayed');
      assertUnchanged(device, before);
      return;
    }
    this.#record(side, sent, expectOk(result).content);
  }

  #record(side: Side, sent: Sent, content: Uint8Array | null): void {
    assert.equal(content === null ? null : Buffer.from(content).toString(), sent.content);
    this.#contents[side].add(sent.content);
    this.#delivered[side].push(sent);
    const device = this.#devices[side];
    device.own = maintainOwnDevice(device.own, device.random, device.now) ?? device.own;
  }

  /** A copy with some bits turned over, or cut off (`flip` 0), changes nothing; only the repeated part around an authentic message may be damaged unnoticed. */
  #arriveDamaged(side: Side, sent: Sent, at: number, flip: number): void {
    const device = this.#devices[side];
    const { data, payload } = sent.envelope;
    assert.ok(payload !== null);
    const position = at % (data.length + payload.length);
    const inData = position < data.length;
    const spoil = (bytes: Uint8Array, where: number): Uint8Array =>
      flip === 0 ? bytes.slice(0, where) : bytes.map((byte, index) => (index === where ? byte ^ flip : byte));
    const envelope: Envelope = {
      keyExchange: sent.envelope.keyExchange,
      data: inData ? spoil(data, position) : data,
      payload: inData ? payload : spoil(payload, position - data.length),
      iv: sent.envelope.iv ?? null,
    };
    const before = stored(device);
    const own = device.own;
    const result = device.receive(envelope);
    if (result.ok) {
      assert.ok(!this.#contents[side].has(sent.content), 'nothing is delivered twice');
      // In the old format one number of a key exchange is not sealed: a registration id that nobody uses.
      assert.ok(this.#wire !== 'omemo2' || !result.value.newSession, 'a damaged key exchange starts nothing');
      this.#record(side, sent, result.value.content);
    } else {
      assertUnchanged(device, before);
      assert.equal(device.own, own);
    }
  }

  run(action: Action): void {
    const { side } = action;
    const device = this.#devices[side];
    if ('pick' in action) this.#receive(action);
    else if (action.kind === 'send') this.#send(side);
    else if (action.kind === 'restart') device.restart();
    else {
      const rotations = this.#rotations[side] ?? 0;
      if (rotations >= MAX_ROTATIONS) return;
      this.#rotations[side] = rotations + 1;
      device.now += WEEK;
      const rotated = maintainOwnDevice(device.own, device.random, device.now);
      assert.ok(rotated !== null, 'a week later the signed prekey is due');
      device.own = rotated;
    }
  }

  #receive(action: Extract<Action, { readonly pick: number }>): void {
    const { kind, side } = action;
    const from = kind === 'replay' ? this.#delivered[side] : this.#inFlight[side];
    const at = action.pick % Math.max(1, from.length);
    const sent = from[at];
    if (sent === undefined) return;
    if (kind === 'damage') this.#arriveDamaged(side, sent, action.at, action.flip);
    else {
      if (kind === 'deliver' || kind === 'lose') from.splice(at, 1);
      if (kind !== 'lose') this.#arrive(side, sent);
    }
  }

  /** What is on its way arrives; then each side must understand the other at once, whatever happened before. */
  settle(): void {
    for (const side of [0, 1] as const) {
      for (const sent of this.#inFlight[side].splice(0)) this.#arrive(side, sent);
    }
    for (const side of [0, 1, 1, 0] as const) {
      this.#send(side);
      const receiver = side === 0 ? 1 : 0;
      for (const sent of this.#inFlight[receiver].splice(0)) this.#arrive(receiver, sent);
    }
  }
}
