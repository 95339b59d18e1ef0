/**
 * An XMPP server in memory, as messaging sees one: it keeps PEP nodes, archives, copies to all devices of an account and
 * returns what cannot be delivered. Stanzas cross it as text.
 */
import xml, { type Element } from '@xmpp/xml';
import type { Arrival, SendTarget, Transport } from '../../src/main/transports/transport.ts';
import { parseElement } from '../../src/main/xml/parse-element.ts';
import { appError, fail, ok, type Result } from '../../src/shared/errors.ts';
import type { BareJid, ContactId, MessageId } from '../../src/shared/model.ts';
import type { MessagingPerson } from './messaging-person.ts';

const pubsub = 'http://jabber.org/protocol/pubsub';

interface Archived {
  readonly id: number;
  readonly from: BareJid;
  readonly stanza: string;
}

export class MemoryServer {
  /** A client without OMEMO: what arrived for it. */
  readonly plainClients = new Map<BareJid, Element[]>();
  /** Nodes that the server swallows: with those of OMEMO 2 among them, everybody speaks the older version. */
  readonly hidden = new Set<string>();
  /** The node of every item that a device published. */
  readonly published: string[] = [];
  /** Every stanza the server was given. */
  readonly carried: string[] = [];
  /** Questions for a node (and an item of it) that are never answered. */
  unanswered: (node: string, item: string | null) => boolean = () => false;
  /** What it says the time is (XEP-0202), Unix ms. */
  time = Date.UTC(2026, 10, 23, 12);
  /** What becomes of a stanza on its way. */
  change: (stanza: string) => string = (same) => same;
  readonly #people = new Map<BareJid, MessagingPerson[]>();
  readonly #nodes = new Map<string, Map<string, string>>();
  readonly #archives = new Map<BareJid, Archived[]>();
  /** Where each device stopped reading. */
  readonly #read = new Map<MessagingPerson, number>();
  #lastId = 0;

  /** Signs in; reads the archive if the account was signed in to from this device before. */
  async signIn(person: MessagingPerson, jid: BareJid): Promise<void> {
    if (!person.store.accounts.get()) {
      person.store.accounts.put({ jid, password: 'x', state: '', archiveCursor: null });
      this.#read.set(person, this.#lastId);
    }
    person.account = this.#transport(person, jid);
    this.#people.set(jid, [...(this.#people.get(jid) ?? []), person]);
    person.directory.forgetLists();
    const since = this.#read.get(person) ?? 0;
    person.catchingUp = true;
    for (const { id, from, stanza } of (this.#archives.get(jid) ?? []).filter((one) => one.id > since)) {
      await this.#hand(person, stanza, from, 'archive', String(id));
    }
    person.catchingUp = false;
    person.guard?.caughtUp(true);
    person.care.caughtUp();
    person.reader.caughtUp();
    await person.directory.announce();
    person.outbox.kickAll();
  }

  signOut(person: MessagingPerson): void {
    person.account = null;
    this.#read.set(person, this.#lastId);
    for (const [jid, people] of this.#people) {
      this.#people.set(
        jid,
        people.filter((one) => one !== person),
      );
    }
  }

  /** What a client without OMEMO says. */
  async sayPlain(from: BareJid, to: BareJid, ...children: Element[]): Promise<void> {
    const stanza = xml('message', { type: 'chat', id: crypto.randomUUID(), from, to, xmlns: 'jabber:client' });
    for (const child of children) stanza.append(child);
    await this.#deliver(null, stanza, from, to);
  }

  /** What an item of a node says now. */
  item(owner: BareJid, node: string, itemId: string): string | undefined {
    return this.#nodes.get(`${owner} ${node}`)?.get(itemId);
  }

  /** Puts an item on a node as its owner would (undefined: takes it away), and tells whom it concerns. */
  async publish(owner: BareJid, node: string, itemId: string, payload: Element | undefined): Promise<void> {
    if (this.hidden.has(node)) return;
    const items = this.#nodes.get(`${owner} ${node}`) ?? new Map<string, string>();
    this.#nodes.set(`${owner} ${node}`, items);
    if (payload) items.set(itemId, payload.toString());
    else items.delete(itemId);
    if (!payload || node.endsWith(':bundles')) return;
    const event = xml(
      'message',
      { type: 'headline', from: owner },
      xml(
        'event',
        { xmlns: `${pubsub}#event` },
        xml('items', { node }, xml('item', { id: itemId }, copyOf(payload.toString()))),
      ),
    ).toString();
    for (const person of [...this.#people.values()].flat()) await this.#hand(person, event, owner, 'live', null);
  }

  #transport(person: MessagingPerson, jid: BareJid): Transport {
    return {
      id: 'memory',
      route: 'server',
      status: { state: 'online', error: null, since: 0, retryAt: null },
      start: () => {},
      stop: async () => {},
      nudge: () => {},
      reach: () => ({ reachable: true, devices: null }),
      send: async (stanza, target) => {
        this.carried.push(stanza.toString());
        await new Promise((resolve) => setImmediate(resolve));
        await this.#deliver(person, stanza, jid, target.address as BareJid);
        return ok({ kind: 'accepted' });
      },
      request: async (iq, target) => {
        await new Promise((resolve) => setImmediate(resolve));
        return this.#answer(jid, iq, target);
      },
    };
  }

  async #deliver(sender: MessagingPerson | null, stanza: Element, from: BareJid, to: BareJid): Promise<void> {
    stanza.attrs['from'] = from;
    const text = this.change(stanza.toString());
    const plain = this.plainClients.get(to);
    plain?.push(copyOf(text));
    if (!plain && !this.#people.has(to)) {
      const error = appError('stanza.not-found', 'There is no such address.');
      sender?.outbox.outcomes.bounced(String(stanza.attrs['id']) as MessageId, to, error);
      return;
    }
    this.#lastId += 1;
    const id = this.#lastId;
    for (const owner of new Set([from, to])) {
      this.#archives.set(owner, [...(this.#archives.get(owner) ?? []), { id, from, stanza: text }]);
    }
    for (const person of this.#people.get(to) ?? []) {
      if (person !== sender) await this.#hand(person, text, from, 'live', String(id));
    }
    for (const person of to === from ? [] : (this.#people.get(from) ?? [])) {
      if (person !== sender) await this.#hand(person, text, from, 'carbon-sent', String(id));
    }
  }

  async #hand(
    person: MessagingPerson,
    text: string,
    from: BareJid,
    kind: Arrival['kind'],
    archiveId: string | null,
  ): Promise<void> {
    const to = person.store.accounts.get()?.jid;
    if (!to) return;
    const arrival: Arrival = {
      transport: 'xmpp',
      route: 'server',
      to,
      from,
      device: null,
      kind,
      archiveId,
      // Servers stamp by the second.
      delayedSince: kind === 'archive' ? Math.floor(person.now / 1000) * 1000 : null,
    };
    await person.inbox.take({ stanza: copyOf(text), arrival });
  }

  async #answer(jid: BareJid, iq: Element, target: SendTarget): Promise<Result<Element>> {
    if (iq.getChild('time', 'urn:xmpp:time')) {
      const utc = new Date(this.time).toISOString();
      return ok(copyOf(`<iq type="result"><time xmlns="urn:xmpp:time"><tzo>Z</tzo><utc>${utc}</utc></time></iq>`));
    }
    const request = iq.getChild('pubsub', pubsub);
    const published = request?.getChild('publish');
    const item = published?.getChild('item');
    if (published && item) {
      this.published.push(String(published.attrs['node']));
      await this.publish(jid, String(published.attrs['node']), String(item.attrs['id']), item.getChildElements()[0]);
      return ok(xml('iq', { type: 'result' }));
    }
    const retracted = request?.getChild('retract');
    if (retracted) {
      const itemId = String(retracted.getChild('item')?.attrs['id']);
      const isThere = this.#nodes.get(`${jid} ${retracted.attrs['node']}`)?.delete(itemId);
      return isThere ? ok(xml('iq', { type: 'result' })) : fail('stanza.not-found', 'There is no such item.');
    }
    const deleted = iq.getChild('pubsub', `${pubsub}#owner`)?.getChild('delete');
    if (deleted) {
      const isThere = this.#nodes.delete(`${jid} ${deleted.attrs['node']}`);
      return isThere ? ok(xml('iq', { type: 'result' })) : fail('stanza.not-found', 'There is no such node.');
    }
    const asked = request?.getChild('items');
    const node = String(asked?.attrs['node']);
    const wanted: unknown = asked?.getChild('item')?.attrs['id'];
    if (this.unanswered(node, typeof wanted === 'string' ? wanted : null)) return new Promise(() => {});
    const kept = [...(this.#nodes.get(`${target.address} ${node}`) ?? [])].filter(
      ([id]) => wanted === undefined || wanted === id,
    );
    if (kept.length === 0) return fail('stanza.not-found', 'There is no such item.');
    const items = kept.map(([id, payload]) => xml('item', { id }, copyOf(payload)));
    return ok(
      copyOf(
        xml('iq', { type: 'result' }, xml('pubsub', { xmlns: pubsub }, xml('items', { node }, ...items))).toString(),
      ),
    );
  }
}

/** Who has this person in their contacts by the address. */
export function addByJid(who: MessagingPerson, jid: BareJid, name: string): ContactId {
  const id = crypto.randomUUID() as string as ContactId;
  who.store.contacts.put({ id, name, jid, xid: null, subscription: 'both', xidShared: false, addedAt: who.now });
  return id;
}

function copyOf(text: string): Element {
  const parsed = parseElement(text);
  if (!parsed.ok) throw new Error('not a stanza');
  return parsed.value;
}
