/** The roster (RFC 6121 §2): what the server says about whom we know, versioned, taken only from our own account. */
import xml, { type Element } from '@xmpp/xml';
import { normaliseBareJid } from '../../../shared/jid.ts';
import type { BareJid } from '../../../shared/model.ts';
import type { AccountState } from './account-state.ts';
import { NS } from './namespaces.ts';
import type { RosterEntry } from './types.ts';

/** Longer names are cut: nobody needs them, and they come from outside. */
const MAX_NAME = 500;

export type RosterChange =
  | { readonly kind: 'changed'; readonly entry: RosterEntry }
  | { readonly kind: 'removed'; readonly jid: BareJid };

export class Roster {
  #entries = new Map<BareJid, RosterEntry>();
  #version: string | null = null;

  constructor(saved: AccountState['roster']) {
    if (saved === null) return;
    this.#version = saved.version;
    for (const entry of saved.entries) this.#entries.set(entry.jid, entry);
  }

  get entries(): readonly RosterEntry[] {
    return [...this.#entries.values()];
  }

  get(jid: BareJid): RosterEntry | null {
    return this.#entries.get(jid) ?? null;
  }

  /** Null when the server does not version its roster: then nothing is worth keeping. */
  save(): AccountState['roster'] {
    return this.#version === null ? null : { version: this.#version, entries: this.entries };
  }

  /** The request for all of it; with versioning, for what is newer than what we have. */
  fetch(features: Element | null): Element {
    const versioned = features?.getChild('ver', NS.rosterVersioning) !== undefined;
    if (!versioned) this.#version = null;
    return xml(
      'iq',
      { type: 'get' },
      xml('query', { xmlns: NS.roster, ...(versioned ? { ver: this.#version ?? '' } : {}) }),
    );
  }

  /** Takes the answer to `fetch`. Without a query inside, what we have is current (RFC 6121 §2.6.2). */
  replace(result: Element): void {
    const query = result.getChild('query', NS.roster);
    if (query === undefined) return;
    this.#entries = new Map();
    for (const item of query.getChildren('item')) {
      const change = readItem(item);
      if (change?.kind === 'changed') this.#entries.set(change.entry.jid, change.entry);
    }
    this.#version = version(query);
  }

  /** Takes a roster push (RFC 6121 §2.1.6). The caller has made sure that it comes from our own account. */
  push(query: Element): RosterChange | null {
    const [item, ...more] = query.getChildren('item');
    const change = item === undefined || more.length > 0 ? null : readItem(item);
    if (change === null) return null;
    if (change.kind === 'changed') this.#entries.set(change.entry.jid, change.entry);
    else this.#entries.delete(change.jid);
    this.#version = version(query);
    return change;
  }
}

/** Adds or renames an entry; groups are not kept. */
export function rosterSet(jid: BareJid, name: string): Element {
  return rosterIq({ jid, ...(name === '' ? {} : { name: name.slice(0, MAX_NAME) }) });
}

export function rosterRemove(jid: BareJid): Element {
  return rosterIq({ jid, subscription: 'remove' });
}

function rosterIq(item: Record<string, string>): Element {
  return xml('iq', { type: 'set' }, xml('query', { xmlns: NS.roster }, xml('item', item)));
}

function version(query: Element): string | null {
  const ver: unknown = query.attrs['ver'];
  return typeof ver === 'string' ? ver : null;
}

function readItem(item: Element): RosterChange | null {
  const attributes = item.attrs as { jid?: string; name?: string; subscription?: string; ask?: string };
  const jid = normaliseBareJid(attributes.jid ?? '');
  if (!jid.ok) return null;
  const { subscription } = attributes;
  if (subscription === 'remove') return { kind: 'removed', jid: jid.value };
  const known = subscription === 'both' || subscription === 'from' || subscription === 'to' ? subscription : 'none';
  const name = (attributes.name ?? '').slice(0, MAX_NAME);
  const ask = attributes.ask === 'subscribe';
  return { kind: 'changed', entry: { jid: jid.value, name, subscription: known, ask } };
}
