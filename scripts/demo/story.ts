/** The story: two networks, one conversation, and a third person who never had an account. */
import { join } from 'node:path';
import type { Message } from '../../src/shared/model.ts';
import type { Person } from './person.ts';

export interface Step {
  readonly name: string;
  readonly ok: boolean;
  /** How the last message of the step travelled; null where the step sends none. */
  readonly route: Message['route'];
  readonly ms: number;
  readonly problem?: string;
}

export interface DemoServer {
  readonly domain: string;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

export interface Scene {
  readonly alice: Person;
  readonly bob: Person;
  readonly carol: Person;
  /** Null where no Prosody can be had: then the serverless part is played. */
  readonly server: DemoServer | null;
  /** For files that are handed from one to the other. */
  readonly folder: string;
  /** Told after each step. */
  readonly report: (step: Step) => void;
}

class Stage {
  readonly #scene: Scene;
  /** What was said between two people so far. */
  readonly #said = new Map<string, string[]>();
  #lastRoute: Message['route'] = null;
  #picture = 0;
  #failed = false;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** Runs one step and reports it. What follows a failed step would only fail for its sake: it is reported unplayed. */
  async step(name: string, work: () => Promise<void>): Promise<void> {
    const start = performance.now();
    this.#lastRoute = null;
    if (this.#failed) {
      this.#scene.report({ name, ok: false, route: null, ms: 0, problem: 'not played, since an earlier step failed' });
      return;
    }
    try {
      await work();
      this.#scene.report({ name, ok: true, route: this.#lastRoute, ms: Math.round(performance.now() - start) });
    } catch (error) {
      this.#failed = true;
      const problem = error instanceof Error ? error.message : String(error);
      const ms = Math.round(performance.now() - start);
      this.#scene.report({ name, ok: false, route: this.#lastRoute, ms, problem });
    }
  }

  /** Writes in one window, waits until the other shows it, and checks how it came. */
  async say(from: Person, to: Person, text: string, expected: Message['route']): Promise<void> {
    await from.write(to.name, text);
    await to.sees(text);
    this.#between(from, to).push(text);
    const received = (await to.messagesWith(from.name)).find((message) => message.body === text);
    if (received === undefined) throw new Error('the window shows a message that the conversation does not hold');
    this.#lastRoute = received.route;
    if (received.encryption !== 'omemo2') throw new Error(`the message came with encryption ${received.encryption}`);
    if (received.route !== expected) throw new Error(`the message went ${received.route}, not ${expected}`);
  }

  async nothingLost(one: Person, other: Person): Promise<void> {
    const said = this.#between(one, other);
    for (const [person, peer] of [
      [one, other],
      [other, one],
    ] as const) {
      const messages = await person.messagesWith(peer.name);
      const has = messages.filter((message) => message.kind === 'text').map((message) => message.body);
      if (JSON.stringify(has) !== JSON.stringify(said))
        throw new Error(`${person.name} has ${has.length} messages of ${said.length}, or in another order`);
    }
  }

  async pictures(title: string, people: readonly Person[]): Promise<void> {
    this.#picture += 1;
    for (const person of people)
      await person.picture(`${String(this.#picture).padStart(2, '0')}-${title}-${person.name.toLowerCase()}`);
  }

  #between(one: Person, other: Person): string[] {
    const key = [one.name, other.name].toSorted().join('+');
    const said = this.#said.get(key) ?? [];
    this.#said.set(key, said);
    return said;
  }
}

async function meetOverTheServer(stage: Stage, { alice, bob }: Scene, server: DemoServer): Promise<void> {
  const aliceJid = `alice@${server.domain}`;
  const bobJid = `bob@${server.domain}`;
  await stage.step('Alice and Bob sign in to their accounts', async () => {
    await Promise.all([alice.signIn(aliceJid, 'lamp in the window'), bob.signIn(bobJid, 'kettle on the stove')]);
    await stage.pictures('signed-in', [alice]);
  });
  await stage.step('Bob is on the train: not in the same room yet', () => bob.setNearby(false));
  await stage.step('Alice adds Bob by his address, and Bob accepts', async () => {
    await alice.addByAddress(bobJid, 'Bob');
    await bob.seesRequest();
    await stage.pictures('request', [bob]);
    await bob.acceptRequest();
    await bob.openConversation('Alice');
    await alice.chipSays(`Through ${server.domain}`);
  });
  await stage.step('They chat through the server, end-to-end encrypted', async () => {
    await stage.say(alice, bob, 'Are you coming to the hut tonight?', 'server');
    await stage.say(bob, alice, 'Yes, I am on the train. Is the stove lit?', 'server');
    await stage.say(alice, bob, 'It is, and the kettle is on.', 'server');
    await stage.pictures('through-the-server', [alice, bob]);
  });
}

async function verify(stage: Stage, { alice, bob, folder }: Scene): Promise<void> {
  await stage.step('Bob shows his code, Alice reads a picture of it: she knows that it is really him', async () => {
    const file = join(folder, 'code-of-bob.png');
    await bob.openVerification();
    await bob.saveCode(file);
    await stage.pictures('code', [bob]);
    await bob.closeVerification();
    await alice.openVerification();
    await alice.readCode('Bob', file, () => stage.pictures('verified', [alice]));
    await alice.lockSays('Verified');
    await stage.say(alice, bob, 'Now I know that it is you.', 'server');
  });
}

async function loseTheServer(stage: Stage, { alice, bob }: Scene, server: DemoServer): Promise<void> {
  await stage.step('Bob walks in: they recognise each other nearby', async () => {
    await bob.setNearby(true);
    await Promise.all([alice.chipSays('Direct · same network'), bob.chipSays('Direct · same network')]);
  });
  await stage.step('The server dies in mid-conversation', () => server.kill());
  await stage.step('The next message goes directly, in the same encrypted session', async () => {
    await stage.say(alice, bob, 'You made it! Strange, the server just went away.', 'direct');
    await stage.say(bob, alice, 'I did not even notice.', 'direct');
    await stage.pictures('server-is-gone', [alice, bob]);
  });
}

async function carolJoins(stage: Stage, { alice, bob, carol, server }: Scene): Promise<void> {
  await stage.step('Carol, who never had an account, starts Bothy', async () => {
    await carol.introduceThemselves();
    await carol.justNearby();
    await stage.pictures('carol-arrives', [carol]);
  });
  await stage.step('Alice shows Carol an invitation; they are contacts, without any server', async () => {
    const link = await alice.makeInvitation('invitation-alice');
    await carol.acceptInvitation(link);
    await alice.openConversation('Carol');
    await carol.openConversation('Alice');
    await Promise.all([alice.chipSays('Direct · same network'), carol.chipSays('Direct · same network')]);
  });
  await stage.step('Carol and Alice chat directly', async () => {
    await stage.say(carol, alice, 'So this is the hut with no keeper.', 'direct');
    await stage.say(alice, carol, 'It needs none. Tea?', 'direct');
    await stage.pictures('carol-joins', [alice, carol]);
  });
  if (server === null)
    await stage.step('Bob joins by an invitation of his own', async () => {
      const link = await alice.makeInvitation('invitation-bob');
      await bob.acceptInvitation(link);
      await alice.openConversation('Bob');
      await bob.openConversation('Alice');
      await Promise.all([alice.chipSays('Direct · same network'), bob.chipSays('Direct · same network')]);
      await stage.say(bob, alice, 'Room for one more?', 'direct');
      await stage.pictures('bob-joins', [alice, bob]);
    });
}

async function theServerComesBack(stage: Stage, { alice, bob }: Scene, server: DemoServer): Promise<void> {
  await stage.step('The server comes back, and Bob leaves the room', async () => {
    await server.restart();
    await alice.openConversation('Bob');
    await bob.setNearby(false);
    await Promise.all([alice.chipSays(`Through ${server.domain}`), bob.chipSays(`Through ${server.domain}`)]);
  });
  await stage.step('The conversation goes on through the server', async () => {
    await stage.say(bob, alice, 'Back on the train. Thank you for the tea.', 'server');
    await stage.say(alice, bob, 'Safe trip!', 'server');
    await stage.pictures('server-is-back', [alice, bob]);
  });
}

export async function playStory(scene: Scene): Promise<void> {
  const { alice, bob, carol, server } = scene;
  const stage = new Stage(scene);
  await stage.step('Alice and Bob start Bothy for the first time', async () => {
    await stage.pictures('first-start', [alice]);
    await Promise.all([alice.introduceThemselves(), bob.introduceThemselves()]);
    await stage.pictures('how-to-begin', [alice]);
  });
  if (server === null)
    await stage.step('They begin without an account', async () => {
      await Promise.all([alice.justNearby(), bob.justNearby()]);
    });
  else {
    await meetOverTheServer(stage, scene, server);
    await verify(stage, scene);
    await loseTheServer(stage, scene, server);
  }
  await carolJoins(stage, scene);
  if (server !== null) await theServerComesBack(stage, scene, server);
  await stage.step('Nothing was lost, nothing came twice, everything is in order', async () => {
    await stage.nothingLost(alice, bob);
    await stage.nothingLost(alice, carol);
  });
}
