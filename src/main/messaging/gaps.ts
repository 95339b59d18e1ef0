/**
 * Gaps: a device counts what it says (order.ts), so a number that stays missing is a message we never got. It is said
 * once that is clear: not while the archive is being read, and not before two routes had time to overtake each other.
 */
import { traceOf } from '../../shared/error-trace.ts';
import type { ContactId, ConversationId, DeviceId } from '../../shared/model.ts';
import { type AfterCommit, inTransaction, type MessagingContext } from './context.ts';
import { insertSystemMessage } from './conversation-timeline.ts';

const valueName = 'missing-messages';
export const gapPatience = 20_000;
/** Waited for at the same time; who counts in leaps makes no more. */
const maxMissing = 500;

interface Missing {
  readonly conversationId: ConversationId;
  readonly owner: ContactId;
  readonly deviceId: DeviceId;
  readonly counter: number;
  readonly since: number;
}

export class Gaps {
  readonly #context: MessagingContext;
  readonly #signal: AbortSignal;
  #missing: readonly Missing[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(context: MessagingContext, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
    signal.addEventListener('abort', () => clearTimeout(this.#timer));
  }

  load(): void {
    const text = this.#context.store.settings.getValue(valueName);
    this.#missing = text ? (JSON.parse(text) as Missing[]) : [];
    this.#schedule();
  }

  /** A message with this counter arrived. Inside its transaction. */
  saw(seen: Omit<Missing, 'since'> & { readonly identityKey: Uint8Array }, after: AfterCommit): void {
    const { conversationId, owner, deviceId, counter } = seen;
    const newly = this.#context.store.conversations.seeOrderCounter(
      conversationId,
      seen.identityKey,
      deviceId,
      counter,
    );
    const isSame = (missing: Missing): boolean =>
      missing.conversationId === conversationId && missing.deviceId === deviceId && missing.counter === counter;
    const room = Math.max(0, maxMissing - this.#missing.length);
    const added = newly.slice(0, room);
    if (added.length === 0 && !this.#missing.some(isSame)) return;
    const since = this.#context.now();
    const next = this.#missing
      .filter((missing) => !isSame(missing))
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
    const clear = this.#missing.filter((missing) => now - missing.since >= gapPatience);
    if (clear.length > 0) {
      inTransaction(this.#context, (after) => {
        const perDevice = new Map<string, Missing[]>();
        for (const missing of clear) {
          const device = `${missing.conversationId}/${missing.deviceId}`;
          perDevice.set(device, [...(perDevice.get(device) ?? []), missing]);
        }
        for (const group of perDevice.values()) this.#say(group, after);
        this.#keep(
          this.#missing.filter((missing) => !clear.includes(missing)),
          after,
        );
      });
    }
    this.#schedule();
  }

  #say(group: readonly Missing[], after: AfterCommit): void {
    const first = group[0];
    if (!first || !this.#context.store.conversations.get(first.conversationId)) return;
    const what = group.length === 1 ? 'A message is missing here.' : `${group.length} messages are missing here.`;
    insertSystemMessage(this.#context, after, first.conversationId, 'gap', what, {
      owner: first.owner,
      deviceId: first.deviceId,
    });
  }

  #keep(missing: readonly Missing[], after: AfterCommit): void {
    this.#context.store.settings.setValue(valueName, JSON.stringify(missing));
    after(() => {
      this.#missing = missing;
      this.#schedule();
    });
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#missing.length === 0 || this.#signal.aborted) return;
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
