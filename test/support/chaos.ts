/**
 * Chaos: two real processes talk without a pause and are killed as hard as possible, at named points and at random
 * moments, again and again. Afterwards everything that was shown as sent must be there, once, and readable.
 */
import { crashPoints } from '../../src/main/app/crash-points.ts';
import type { Message } from '../../src/shared/model.ts';
import { Died } from './headless.ts';
import { type Pair, type Person, startPair } from './headless-pair.ts';

export interface ChaosOptions {
  readonly kills: number;
  /** Talk through a Prosody too, and kill it now and then. */
  readonly server: boolean;
  readonly seed: number;
  readonly report?: (line: string) => void;
}

export interface ChaosOutcome {
  readonly kills: number;
  /** How often each point, or `random`, was where a process ended. */
  readonly points: ReadonlyMap<string, number>;
  readonly sent: number;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  /** Messages that could not be decrypted, and gaps: what a reused or lost key would look like. */
  readonly damage: readonly string[];
  /** From start to the first answered command, ms. */
  readonly restarts: readonly number[];
}

/** A point that is not reached by then (it needs a situation that did not come up) becomes a random moment. */
const patience = 2_500;
const pause = 40;

/** Small, seeded, good enough to choose with (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Says one thing after another, whatever happens to the process; an unanswered send is asked again with its id. */
class Talker {
  readonly person: Person;
  /** Bodies whose send was answered. */
  readonly sent = new Set<string>();
  readonly said = new Set<string>();
  #stopped = false;
  #running: Promise<void> | null = null;
  #open: { readonly id: string; readonly body: string } | null = null;
  #count = 0;

  constructor(person: Person) {
    this.person = person;
  }

  start(): void {
    this.#stopped = false;
    this.#running = this.#talk();
    // `stop` hears of what broke; until then nobody waits for it.
    this.#running.catch(() => {});
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  /** The last send, if nobody answered it before the process ended. */
  async finish(): Promise<void> {
    if (this.#open) await this.#say();
  }

  async #talk(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#say();
      } catch (error) {
        if (!(error instanceof Died)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  async #say(): Promise<void> {
    if (!this.#open) {
      this.#count += 1;
      this.#open = { id: crypto.randomUUID(), body: `${this.person.who} ${this.#count}` };
    }
    const { id, body } = this.#open;
    this.said.add(body);
    await this.person.process.send(this.person.conversation, body, id);
    this.sent.add(body);
    this.#open = null;
  }
}

export async function runChaos(options: ChaosOptions): Promise<ChaosOutcome> {
  const random = seeded(options.seed);
  const pair = await startPair({ server: options.server, nearby: true });
  const talkers = [new Talker(pair.anna), new Talker(pair.ben)];
  const points = new Map<string, number>();
  const restarts: number[] = [];
  const fates = new Map<Person, Fate>();
  try {
    for (const talker of talkers) talker.start();
    for (let kill = 1; kill <= options.kills; kill += 1) {
      const victim = random() < 0.5 ? pair.anna : pair.ben;
      const point = await killOnce(victim, fates, random, restarts);
      points.set(point, (points.get(point) ?? 0) + 1);
      if (pair.prosody && random() < 0.1) await killServer(pair, random);
      if (kill % 10 === 0) options.report?.(`${kill} kills, ${count(talkers, 'sent')} messages sent`);
    }
    for (const talker of talkers) await talker.stop();
    // What a last fate would still do is no part of the judgement.
    for (const { person } of talkers) {
      await person.process.kill();
      await restart(person, restarts, {});
    }
    for (const talker of talkers) await talker.finish();
    return await judge(pair, talkers, points, restarts, options.kills);
  } finally {
    for (const talker of talkers) await talker.stop().catch(() => {});
    await pair.close();
  }
}

/** Where a person's process is going to end by itself; null: somebody else will end it. */
type Fate = string | null;

function drawFate(random: () => number): Fate {
  return random() < 0.75 ? (crashPoints[Math.floor(random() * crashPoints.length)] ?? null) : null;
}

/** Waits until the victim ends at the point it was started for, or ends it; starts it again with its next fate. */
async function killOnce(
  victim: Person,
  fates: Map<Person, Fate>,
  random: () => number,
  restarts: number[],
): Promise<string> {
  const fate = fates.get(victim) ?? null;
  const ended = victim.process.exited.then(() => true);
  const late = new Promise<false>((resolve) => setTimeout(() => resolve(false), fate ? patience : random() * 600));
  const reached = (await Promise.race([ended, late])) && fate ? fate : 'random';
  await victim.process.kill();
  const next = drawFate(random);
  fates.set(victim, next);
  await restart(victim, restarts, next ? { BOTHY_CRASH_AT: `${next}:${1 + Math.floor(random() * 3)}` } : {});
  return reached;
}

async function restart(victim: Person, restarts: number[], environment: Record<string, string>): Promise<void> {
  const began = performance.now();
  victim.process = victim.start(environment);
  try {
    const status = await victim.process.get('app.status', {});
    if (status.phase !== 'ready') throw new Error(`after a kill the profile is ${status.phase}: ${status.error?.code}`);
    restarts.push(performance.now() - began);
  } catch (error) {
    if (!(error instanceof Died)) throw error;
  }
}

async function killServer(pair: Pair, random: () => number): Promise<void> {
  await pair.prosody?.kill();
  await new Promise((resolve) => setTimeout(resolve, random() * 500));
  await pair.prosody?.restart();
}

async function judge(
  pair: Pair,
  talkers: readonly Talker[],
  points: ReadonlyMap<string, number>,
  restarts: readonly number[],
  kills: number,
): Promise<ChaosOutcome> {
  const lost: string[] = [];
  const doubled: string[] = [];
  const damage: string[] = [];
  for (const talker of talkers) {
    const reader = talker.person === pair.anna ? pair.ben : pair.anna;
    const last = [...talker.sent].at(-1);
    if (last) await reader.process.shown(reader.conversation, last).catch(() => {});
    const missing = await untilAllThere(reader, talker.sent);
    lost.push(...missing);
    const seen = new Map<string, number>();
    for (const message of await reader.process.history(reader.conversation)) {
      if (message.kind === 'text' && message.direction === 'in')
        seen.set(message.body, (seen.get(message.body) ?? 0) + 1);
      if (message.kind === 'undecryptable' || message.kind === 'gap') damage.push(`${message.kind}: ${message.body}`);
    }
    for (const [body, times] of seen) if (times > 1 || !talker.said.has(body)) doubled.push(`${body} ×${times}`);
    const own = await talker.person.process.history(talker.person.conversation);
    damage.push(...own.filter((message) => message.state === 'failed').map((message) => `failed: ${message.body}`));
  }
  return { kills, points, sent: count(talkers, 'sent'), lost, doubled, damage, restarts };
}

/** What is still missing when nothing more has come for a while. */
async function untilAllThere(reader: Person, wanted: ReadonlySet<string>): Promise<string[]> {
  const here = (messages: readonly Message[]): Set<string> => new Set(messages.map((message) => message.body));
  for (;;) {
    const next = reader.process.when(
      'another message',
      (event) => (event.type === 'message' && event.message.direction === 'in' ? true : null),
      30_000,
    );
    next.catch(() => {});
    const there = here(await reader.process.history(reader.conversation));
    const missing = [...wanted].filter((body) => !there.has(body));
    if (missing.length === 0) return [];
    const more = await next.catch(() => false);
    if (!more) return missing;
  }
}

function count(talkers: readonly Talker[], what: 'sent' | 'said'): number {
  return talkers.reduce((sum, talker) => sum + talker[what].size, 0);
}
