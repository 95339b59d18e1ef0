/** The one composition root: builds the application out of its parts and hands back the Bridge. */

import type { Bridge, CommandArguments, CommandName, CommandValue } from '../../shared/bridge/contract.ts';
import { checkArguments, isCommandName } from '../../shared/bridge/schemas.ts';
import { traceOf } from '../../shared/error-trace.ts';
import { type AppError, fail, ok, type Result } from '../../shared/errors.ts';
import type { AppStatus, Notice } from '../../shared/model.ts';
import { randomBytes, ready } from '../e2ee/primitives/sodium.ts';
import type { Store } from '../storage/records.ts';
import { openStepMarker } from '../storage/step-marker.ts';
import type { XmppTransportOptions } from '../transports/xmpp/types.ts';
import { cleanName } from './clean-name.ts';
import type { Handlers } from './commands/command-types.ts';
import { type LinkCommand, linkCommands } from './commands/link-commands.ts';
import { EventHub } from './event-hub.ts';
import type { NearbyOptions } from './nearby.ts';
import { nearbyOff } from './nearby-off.ts';
import { makeSelf } from './new-self.ts';
import { OpenedLinks } from './opened-links.ts';
import type { Ports } from './ports.ts';
import {
  findProfile,
  noticeDismissed,
  type OpenedProfile,
  openFoundProfile,
  profileNotices,
  storageFault,
} from './profile-access.ts';
import type { RunningProfile } from './running-profile.ts';

export interface AppOptions {
  /** Folder of the profile; made (mode 0700) if it does not exist. */
  readonly profileDirectory: string;
  readonly version: string;
  readonly ports: Ports;
  /** Tests: where the account's server really is, and whose certificates are good. */
  readonly xmppOverride?: XmppTransportOptions['override'];
  /** Tests: multicast port, interfaces and pace of the nearby network. */
  readonly nearby?: NearbyOptions;
  /** A folder outside every profile, for what must not come back with a backup; null or missing: there is none. */
  readonly stateDirectory?: string | null;
  /** Turns the nearby network on or off, whatever was left; null or missing: as the person left it. */
  readonly nearbyEnabled?: boolean | null;
}

export interface App extends Bridge {
  /** The computer woke or the network changed. */
  nudge(): void;
  /** The system handed over an `xmpp:` link. It waits until a window shows it; nothing is done by it. */
  openLink(link: string): void;
  /** Ends everything cleanly and closes the database. */
  close(): Promise<void>;
}

type Phase = AppStatus['phase'];
type ProfileCommand = 'app.status' | 'app.dismissNotice' | 'profile.create' | 'profile.unlock';

/** Both networks and all that talks over them: the larger part of the program, needed once a profile is open. */
const loadProfileCode = (): Promise<typeof import('./start-profile.ts')> => import('./start-profile.ts');

export async function createApp(options: AppOptions): Promise<App> {
  await ready();
  const app = new Application(options);
  await app.begin();
  return app;
}

class Application implements App {
  readonly #options: AppOptions;
  readonly #hub = new EventHub();
  readonly #links: OpenedLinks;
  readonly #linkHandlers: Handlers<LinkCommand>;
  #phase: Phase = 'starting';
  #error: AppError | null = null;
  #notices: readonly Notice[] = [];
  #profile: RunningProfile | null = null;
  /** Open, but nobody's yet. */
  #empty: OpenedProfile | null = null;
  #profileHandlers: Handlers<Exclude<CommandName, ProfileCommand | LinkCommand>> | null = null;
  /** Creating and unlocking happen once, whoever asks how often. */
  #opening: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: AppOptions) {
    this.#options = options;
    this.#links = new OpenedLinks(options.ports.clock, (links) => this.#hub.emit({ type: 'links', links }));
    this.#linkHandlers = linkCommands(options.ports, this.#links);
  }

  async begin(): Promise<void> {
    const found = findProfile(this.#options.profileDirectory);
    if (found === 'none') this.#phase = 'first-start';
    else if (found === 'locked') this.#phase = 'locked';
    else if (found === 'openable') {
      const opened = await this.#open(null);
      if (!opened.ok) this.#refuse(opened.error);
    } else this.#refuse(found);
  }

  async call<C extends CommandName>(command: C, args: CommandArguments<C>): Promise<Result<CommandValue<C>>> {
    if (!isCommandName(command)) return fail('request.unknown-command', 'There is no such command.');
    const checked = checkArguments(command, args);
    if (!checked.ok) return checked;
    if (this.#closed) return fail('profile.not-ready', 'Bothy is closing.');
    try {
      const handlers: Partial<Handlers<CommandName>> = {
        ...this.#profileHandlers,
        ...this.#linkHandlers,
        ...this.#handlers,
      };
      const handler: Handlers<C>[C] | undefined = handlers[command];
      if (handler) return await handler(checked.value);
      return fail('profile.not-ready', 'The profile is not open yet.', 'Create or unlock it first.');
    } catch (error) {
      return this.#broken(command, error);
    }
  }

  subscribe(listener: Parameters<Bridge['subscribe']>[0]): () => void {
    return this.#hub.subscribe(listener);
  }

  nudge(): void {
    this.#profile?.nudge();
  }

  openLink(link: string): void {
    if (!this.#closed) this.#links.open(link, 'outside');
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#opening.catch(() => {});
    await this.#profile?.close();
    this.#hub.close();
    (this.#profile?.store ?? this.#empty?.store)?.close();
  }

  /** Disk full and the like are expected; anything else is a bug: logged by name, told without detail. */
  #broken(command: string, error: unknown): { readonly ok: false; readonly error: AppError } {
    const fault = storageFault(error);
    if (fault) return { ok: false, error: fault };
    this.#options.ports.logger.log('error', 'command-failed', { command, reason: traceOf(error) });
    return fail('internal', 'Something went wrong inside Bothy.', 'Try again; if it stays, restart Bothy.');
  }

  readonly #handlers: Handlers<ProfileCommand> = {
    'app.status': () => ok(this.#status()),
    'app.dismissNotice': ({ id }) => {
      this.#notices = this.#notices.filter((notice) => notice.id !== id);
      if (this.#profile) noticeDismissed(this.#profile.store, id);
      this.#profile?.dismiss(id);
      this.#tellStatus();
      return ok(null);
    },
    'profile.create': ({ name, passphrase }) => this.#once(() => this.#create(name, passphrase ?? null)),
    'profile.unlock': ({ passphrase }) => this.#once(() => this.#unlock(passphrase)),
  };

  #once<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#opening.then(work, work);
    this.#opening = result;
    return result;
  }

  async #create(name: string, passphrase: string | null): Promise<Result<null>> {
    if (this.#phase !== 'first-start') return fail('profile.exists', 'There is a profile here already.');
    const cleaned = cleanName(name);
    if (cleaned === '') return fail('request.malformed', 'A name is needed.', 'Enter a name.');
    const { profileDirectory, ports } = this.#options;
    const opened = this.#empty ? ok(this.#empty) : await openFoundProfile(profileDirectory, ports, passphrase);
    if (!opened.ok) return opened;
    const { store } = opened.value;
    store.self.put(makeSelf(cleaned, randomBytes, ports.clock.now()));
    this.#empty = null;
    await this.#run(store);
    return ok(null);
  }

  async #unlock(passphrase: string): Promise<Result<null>> {
    if (this.#phase === 'ready') return ok(null);
    if (this.#phase !== 'locked') return fail('profile.not-ready', 'There is nothing to unlock.');
    return this.#open(passphrase);
  }

  async #open(passphrase: string | null): Promise<Result<null>> {
    // Loads while the passphrase is hashed elsewhere; what goes wrong comes out where it is used.
    loadProfileCode().catch(() => {});
    const opened = await openFoundProfile(this.#options.profileDirectory, this.#options.ports, passphrase);
    if (!opened.ok) return opened;
    this.#notices = opened.value.notices;
    if (opened.value.store.self.get()) {
      await this.#run(opened.value.store);
    } else {
      // The first start was cut off, or the identity could not be salvaged: first start again, in what there is.
      this.#empty = opened.value;
      this.#phase = 'first-start';
      this.#tellStatus();
    }
    return ok(null);
  }

  async #run(store: Store): Promise<void> {
    const { ports, xmppOverride, nearby, stateDirectory } = this.#options;
    const { startProfile } = await loadProfileCode();
    const started = await startProfile({
      store,
      ports,
      hub: this.#hub,
      onStatus: () => this.#tellStatus(),
      xmppOverride,
      nearby: nearby ?? {},
      marker: stateDirectory ? openStepMarker(stateDirectory) : null,
    });
    const { profile } = started;
    this.#profile = profile;
    this.#profileHandlers = started.handlers;
    this.#phase = 'ready';
    this.#error = null;
    profile.start(this.#options.nearbyEnabled ?? null);
    this.#tellStatus();
  }

  #refuse(error: AppError): void {
    this.#phase = 'refused';
    this.#error = error;
  }

  #status(): AppStatus {
    const profile = this.#profile;
    return {
      version: this.#options.version,
      phase: this.#phase,
      needsPassphrase: this.#needsPassphrase(),
      error: this.#error,
      self: profile?.views.self() ?? null,
      account: profile?.account.status() ?? null,
      nearby: profile?.nearby.status() ?? nearbyOff,
      notices: [...this.#notices, ...(profile ? [...profileNotices(profile.store), ...profile.clock.notices()] : [])],
    };
  }

  #needsPassphrase(): boolean {
    if (this.#phase === 'locked') return true;
    return this.#phase === 'first-start' && this.#empty === null && !this.#options.ports.vault.available;
  }

  #tellStatus(): void {
    this.#hub.emitSoon('status', () => ({ type: 'status', status: this.#status() }));
  }
}
