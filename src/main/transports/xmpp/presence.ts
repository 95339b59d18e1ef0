/** Who is there (RFC 6121 §4): presence per resource, and for each contact the best of them. */
import type { Element } from '@xmpp/xml';
import type { BareJid } from '../../../shared/model.ts';

export type Availability = 'online' | 'away' | 'offline';

/** More resources of one contact are not remembered. */
const MAX_RESOURCES = 100;

export class PresenceBoard {
  readonly #contacts = new Map<BareJid, Map<string, 'online' | 'away'>>();
  #visible = true;
  readonly #changed: (jid: BareJid, availability: Availability) => void;

  constructor(changed: (jid: BareJid, availability: Availability) => void) {
    this.#changed = changed;
  }

  of(jid: BareJid): Availability {
    const resources = this.#visible ? this.#contacts.get(jid) : undefined;
    if (resources === undefined) return 'offline';
    return [...resources.values()].includes('online') ? 'online' : 'away';
  }

  /** Takes a `<presence/>` that is available, unavailable or an error. An empty resource stands for all of them. */
  take(jid: BareJid, resource: string, presence: Element): void {
    const before = this.of(jid);
    const resources = this.#contacts.get(jid) ?? new Map<string, 'online' | 'away'>();
    if (presence.attrs['type'] === undefined) {
      if (resources.size < MAX_RESOURCES || resources.has(resource)) {
        resources.set(resource, presence.getChildText('show')?.trim() ? showing(presence) : 'online');
      }
    } else if (resource === '') resources.clear();
    else resources.delete(resource);
    if (resources.size > 0) this.#contacts.set(jid, resources);
    else this.#contacts.delete(jid);
    this.#tell(jid, before);
  }

  forget(jid: BareJid): void {
    const before = this.of(jid);
    this.#contacts.delete(jid);
    this.#tell(jid, before);
  }

  /** A new session: the server tells everything again. */
  clear(): void {
    for (const jid of [...this.#contacts.keys()]) this.forget(jid);
    this.#visible = true;
  }

  /** We are cut off: nobody's presence is known for now. */
  hide(): void {
    this.#show(false);
  }

  /** The session was resumed: what was known holds, changes follow. */
  reveal(): void {
    this.#show(true);
  }

  #show(visible: boolean): void {
    if (visible === this.#visible) return;
    const before = [...this.#contacts.keys()].map((jid) => [jid, this.of(jid)] as const);
    this.#visible = visible;
    for (const [jid, availability] of before) this.#tell(jid, availability);
  }

  #tell(jid: BareJid, before: Availability): void {
    const now = this.of(jid);
    if (now !== before) this.#changed(jid, now);
  }
}

/** RFC 6121 §4.7.2.1: `chat` is as online as can be; `away`, `xa` and `dnd` are shown alike. */
function showing(presence: Element): 'online' | 'away' {
  return presence.getChildText('show')?.trim() === 'chat' ? 'online' : 'away';
}
