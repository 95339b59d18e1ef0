/** Publishing keys on servers as they are: each knows other options, and makes nodes with other settings. */
import xml, { type Element } from '@xmpp/xml';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { announceKeys } from '../../src/main/messaging/devices/key-announcement.ts';
import { bundlesNode, devicesNode } from '../../src/main/messaging/devices/key-nodes.ts';
import { parseElement } from '../../src/main/xml/parse-element.ts';
import { fail, ok, type Result } from '../../src/shared/errors.ts';
import type { BareJid, DeviceId } from '../../src/shared/model.ts';
import { MessagingPerson } from '../support/messaging-person.ts';

const jid = 'anna@bothy.test' as BareJid;
const pubsub = 'http://jabber.org/protocol/pubsub';

interface Node {
  settings: Record<string, string>;
  items: Map<string, string>;
}

/** One account's PEP service. `knows`: the publish-options and the `max_items` it takes. */
class Pep {
  readonly nodes = new Map<string, Node>();
  readonly options: readonly string[];
  readonly limits: readonly string[];
  uploads = 0;

  constructor(options: readonly string[], limits: readonly string[]) {
    this.options = options;
    this.limits = limits;
  }

  readonly ask = async (_target: unknown, request: Element): Promise<Result<Element>> => {
    const parsed = parseElement(request.toString());
    if (!parsed.ok) throw new Error('not XML');
    const iq = parsed.value;
    const publish = iq.getChild('pubsub', pubsub)?.getChild('publish');
    if (publish) return this.#publish(publish, fields(iq.getChild('pubsub')?.getChild('publish-options')));
    const configure = iq.getChild('pubsub', `${pubsub}#owner`)?.getChild('configure');
    if (configure) return this.#configure(String(configure.attrs['node']), fields(configure));
    const wanted = iq.getChild('pubsub', pubsub)?.getChild('items');
    const node = this.nodes.get(String(wanted?.attrs['node']));
    if (!node) return notFound();
    const id: unknown = wanted?.getChild('item')?.attrs['id'];
    const items = [...node.items].filter(([item]) => id === undefined || id === item);
    const made = items.map(([item, text]) => xml('item', { id: item }, element(text)));
    const answer = xml('items', { node: String(wanted?.attrs['node']) }, ...made);
    return ok(element(xml('iq', {}, xml('pubsub', { xmlns: pubsub }, answer)).toString()));
  };

  #publish(publish: Element, wanted: Record<string, string>): Result<Element> {
    this.uploads += 1;
    const name = String(publish.attrs['node']);
    if (Object.keys(wanted).some((option) => !this.options.includes(option))) {
      return fail('stanza.error', '', '', 'resource-constraint');
    }
    const node: Node = this.nodes.get(name) ?? {
      settings: { access_model: 'presence', max_items: '1' },
      items: new Map(),
    };
    if (!this.nodes.has(name)) Object.assign(node.settings, wanted);
    else if (Object.entries(wanted).some(([option, value]) => (node.settings[option] ?? value) !== value)) {
      return fail('stanza.error', '', '', 'conflict');
    }
    this.nodes.set(name, node);
    const item = publish.getChild('item');
    node.items.set(String(item?.attrs['id']), String(item?.getChildElements()[0]));
    if (node.settings['max_items'] === '1') {
      for (const id of [...node.items.keys()].slice(0, -1)) node.items.delete(id);
    }
    return ok(xml('iq', {}));
  }

  #configure(name: string, wanted: Record<string, string>): Result<Element> {
    const node = this.nodes.get(name);
    if (!node) return notFound();
    const limit = wanted['max_items'];
    if (limit !== undefined && !this.limits.includes(limit)) return fail('stanza.error', '', '', 'not-acceptable');
    Object.assign(node.settings, wanted);
    return ok(xml('iq', {}));
  }
}

const everything = ['access_model', 'persist_items', 'max_items'];

function notFound(): Result<Element> {
  return fail('stanza.not-found', '', '', 'item-not-found');
}

function element(text: string): Element {
  const parsed = parseElement(text);
  if (!parsed.ok) throw new Error('not XML');
  return parsed.value;
}

function fields(form: Element | undefined): Record<string, string> {
  const written = form?.getChild('x')?.getChildren('field') ?? [];
  const pairs = written.map((field) => [String(field.attrs['var']), field.getChildText('value') ?? ''] as const);
  return Object.fromEntries(
    pairs.filter(([name]) => name !== 'FORM_TYPE').map(([name, value]) => [name.replace('pubsub#', ''), value]),
  );
}

let anna: MessagingPerson;
beforeEach(() => {
  anna = new MessagingPerson('Anna');
  anna.store.accounts.put({ jid, password: 'x', state: '', archiveCursor: null });
});
afterEach(() => anna.close());

async function announce(pep: Pep, check = false): Promise<void> {
  for (const wire of ['omemo2', 'omemo-legacy'] as const) {
    const outcome = await announceKeys(anna.context, {
      wire,
      jid,
      ask: pep.ask,
      listed: () => {},
      check,
      conflict: () => false,
    });
    expect(outcome).toEqual(ok());
  }
}

const ownId = (): DeviceId => anna.store.self.get()?.deviceId ?? 0;

function expectPublished(pep: Pep, limit: string): void {
  const bundles = pep.nodes.get(bundlesNode);
  expect(bundles?.settings).toMatchObject({ access_model: 'open', max_items: limit });
  expect(bundles?.items.get(String(ownId()))).toContain('<prekeys>');
  expect(pep.nodes.get(devicesNode)?.items.get('current')).toContain(`id="${ownId()}"`);
  expect([...pep.nodes.values()].map(({ settings }) => settings['access_model'])).toEqual(Array(4).fill('open'));
}

describe('nodes that do not exist yet', () => {
  test.each([
    ['all options', everything, ['max'], 'max'],
    ['no max_items when publishing (ejabberd 23)', ['access_model', 'persist_items'], ['max'], 'max'],
    ['only the access model, and numbers instead of max', ['access_model'], ['10', '255'], '255'],
    ['a low limit', everything, ['10'], '10'],
  ])('on a server with %s', async (_what, options, limits, limit) => {
    const pep = new Pep(options, limits);
    await announce(pep);
    expectPublished(pep, limit);
    const { uploads } = pep;
    await announce(pep);
    expect(pep.uploads).toBe(uploads);
  });
});

test('nodes that others made with other settings are set right, and no other device loses its bundle', async () => {
  const pep = new Pep(everything, ['max']);
  const other = '<bundle xmlns="urn:xmpp:omemo:2"/>';
  const settings = { access_model: 'presence', persist_items: 'true', max_items: '1' };
  pep.nodes.set(bundlesNode, { settings: { ...settings }, items: new Map([['77', other]]) });
  pep.nodes.set(devicesNode, {
    settings: { ...settings },
    items: new Map([['current', '<devices xmlns="urn:xmpp:omemo:2"><device id="77" label="Desk"/></devices>']]),
  });
  await announce(pep);
  expectPublished(pep, 'max');
  expect(pep.nodes.get(bundlesNode)?.items.get('77')).toBe(other);
  expect(pep.nodes.get(devicesNode)?.items.get('current')).toContain('<device id="77" label="Desk"/>');
});

test('what the account lost is published again: noticed when asked, and by the list without us', async () => {
  const pep = new Pep(everything, ['max']);
  await announce(pep);
  pep.nodes.delete(bundlesNode);
  await announce(pep);
  expect(pep.nodes.has(bundlesNode)).toBe(false);
  await announce(pep, true);
  expectPublished(pep, 'max');
  // Whatever stands there, it is not our bundle.
  pep.nodes.get(bundlesNode)?.items.set(String(ownId()), '<bundle xmlns="urn:xmpp:omemo:2"/>');
  await announce(pep, true);
  expectPublished(pep, 'max');
  const { uploads } = pep;
  await announce(pep, true);
  expect(pep.uploads).toBe(uploads);
  // An account made anew.
  pep.nodes.clear();
  await announce(pep);
  expectPublished(pep, 'max');
});
