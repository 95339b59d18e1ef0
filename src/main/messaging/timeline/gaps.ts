/**
 * Gaps: a device counts what it says (order.ts), so a number that stays missing is a message we never got. It is said
 * once that is clear: not while the archive is being read, and not before two routes had time to overtake each other.
 */
import { traceOf } from '../../../shared/error-trace.ts';
import {
  type ContactId,
  type ConversationId,
  type DeviceId,
  deviceRef,
  type MessageId,
} from '../../../shared/model.ts';
import { type AfterCommit, inTransaction, type MessagingContext } from '../context.ts';
import { insertSystemMessage } from './conversation-timeline.ts';

const valueName = 'missing-messages';
export const gapPatience = 20_000;
/** Waited for at the same time; who counts in leaps makes no more. */
const maxMissing = 500;
const saidName = 'missing-said';
/** Gaps of which it is remembered that they were said; older ones stay as they are. */
const maxSaid = 50;
/** A line and a number that belong together were met within this time of each other. */
const aboutTheSameTime = 15 * 60_000;

interface Missing {
  readonly conversationId: ConversationId;
  readonly owner: ContactId;
  readonly deviceId: DeviceId;
  readonly counter: number;
  readonly since: number;
}

/** A gap that was said, and the numbers in it. */
interface Said {
  readonly line: MessageId;
  readonly conversationId: ConversationId;
  readonly deviceId: DeviceId;
  readonly count: number;
  readonly counters: readonly number[];
}

const words = (count: number): string =>
  count === 1 ? 'A message is missing here.' : `${count} messages are missing here.`;

export class Gaps {
  readonly #context: MessagingContext;
  readonly #signal: AbortSignal;
  /** As it stands in the store, and as that was last read. */
  #kept: { readonly text: string | null; readonly missing: readonly Missing[] } = { text: null, missing: [] };
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(context: MessagingContext, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
    signal.addEventListener('abort', () => clearTimeout(this.#timer));
  }

  load(): void {
    this.#schedule();
  }

  /** Asked of the store each time: a transaction that takes many messages, or is taken back, knows more than we do. */
  #missing(): readonly Missing[] {
    const text = this.#context.store.settings.getValue(valueName);
    if (text !== this.#kept.text) this.#kept = { text, missing: text ? (JSON.parse(text) as Missing[]) : [] };
    return this.#kept.missing;
  }

  /** A message with this counter arrived. Inside its transaction. */
  saw(seen: Omit<Missing, 'since'> & { readonly identityKey: Uint8Array }, after: AfterCommit): void {
    const { conversationId, owner, deviceId, counter } = seen;
    const missing = this.#missing();
    const newly = this.#context.store.conversations.seeOrderCounter(
      conversationId,
      seen.identityKey,
      deviceId,
      counter,
    );
    const isSame = (one: Missing): boolean =>
      one.conversationId === conversationId && one.deviceId === deviceId && one.counter === counter;
    const added = (newly ?? []).slice(0, Math.max(0, maxMissing - missing.length));
    if (added.length === 0 && !missing.some(isSame)) {
      if (newly === null) this.#takeBack(seen, after);
      return;
    }
    const since = this.#context.now();
    const next = missing
      .filter((one) => !isSame(one))
      .concat(added.map((number) => ({ conversationId, owner, deviceId, counter: number, since })));
    this.#keep(next, after);
  }

  /** The archive has been read, or time has passed. */
  review(): void {
    if (this.#signal.aborted) return;
    if (!this.#context.archiveComplete()) {
      this.#schedule();
      return;
    }
    const now = this.#context.now();
    // Either way: the clock may have been set back.
    const all = this.#missing();
    const clear = all.filter((missing) => Math.abs(now - missing.since) >= gapPatience);
    if (clear.length > 0) {
      inTransaction(this.#context, (after) => {
        const perDevice = new Map<string, Missing[]>();
        for (const missing of clear) {
          const device = `${missing.conversationId}/${missing.deviceId}`;
          perDevice.set(device, [...(perDevice.get(device) ?? []), missing]);
        }
        for (const group of perDevice.values()) this.#say(group, after);
        this.#keep(
          all.filter((missing) => !clear.includes(missing)),
          after,
        );
      });
    }
    this.#schedule();
  }

  #say(group: readonly Missing[], after: AfterCommit): void {
    const first = group[0];
    if (!first || !this.#context.store.conversations.get(first.conversationId)) return;
    const { owner, deviceId, conversationId } = first;
    // What stands as undecryptable is there, with its own line: only its number is not known.
    const count = group.length - this.#undecryptable(first);
    if (count <= 0) return;
    const line = insertSystemMessage(this.#context, after, conversationId, 'gap', words(count), { owner, deviceId });
    if (!line) return;
    const counters = group.map(({ counter }) => counter);
    this.#keepSaid([...this.#said(), { line: line.id, conversationId, deviceId, count, counters }].slice(-maxSaid));
  }

  #undecryptable({ conversationId, owner, deviceId, since }: Missing): number {
    const { messages } = this.#context.store.messages.page(conversationId, { limit: 200 });
    const sender = deviceRef(owner, deviceId);
    return messages.filter(
      (message) =>
        message.kind === 'undecryptable' &&
        message.senderDevice === sender &&
        Math.abs(message.receivedAt - since) < aboutTheSameTime,
    ).length;
  }

  /** What was said to be missing has come after all. Inside a transaction. */
  #takeBack(seen: Pick<Missing, 'conversationId' | 'deviceId' | 'counter'>, after: AfterCommit): void {
    const said = this.#said();
    const isIt = (one: Said): boolean =>
      one.conversationId === seen.conversationId &&
      one.deviceId === seen.deviceId &&
      one.counters.includes(seen.counter);
    const found = said.find(isIt);
    if (!found) return;
    const left = { ...found, count: found.count - 1, counters: found.counters.filter((one) => one !== seen.counter) };
    this.#keepSaid(said.flatMap((one) => (one !== found ? one : left.counters.length > 0 ? left : [])));
    const [kind, body] =
      left.count > 0 ? (['gap', words(left.count)] as const) : (['info', 'What was missing here has come.'] as const);
    const line = this.#context.store.messages.setLine(found.line, kind, body);
    if (line) after(() => this.#context.events.message(line));
  }

  #said(): readonly Said[] {
    const text = this.#context.store.settings.getValue(saidName);
    return text ? (JSON.parse(text) as Said[]) : [];
  }

  #keepSaid(said: readonly Said[]): void {
    this.#context.store.settings.setValue(saidName, JSON.stringify(said));
  }

  #keep(missing: readonly Missing[], after: AfterCommit): void {
    this.#context.store.settings.setValue(valueName, JSON.stringify(missing));
    after(() => this.#schedule());
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#signal.aborted || this.#missing().length === 0) return;
    this.#timer = setTimeout(() => {
      try {
        this.review();
      } catch (error) {
        // A full disk: it is looked at again.
        this.#context.log('error', 'gaps-not-kept', { reason: traceOf(error) });
        this.#schedule();
      }
    }, gapPatience + 100);
  }
}
