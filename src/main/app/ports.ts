/** What the application core needs from the host that runs it. */
import type { Conversation, Message, Settings } from '../../shared/model.ts';

export interface Clock {
  /** Unix milliseconds. */
  now(): number;
}

/** The system's secret store. `available` false: the person chooses a passphrase instead. */
export interface SecretVault {
  readonly available: boolean;
  /** Encrypts for this user on this computer; the result may be kept in a file. */
  seal(secret: Uint8Array): Promise<Uint8Array>;
  /** Null when it cannot be opened (other user, other computer, store reset). */
  unseal(sealed: Uint8Array): Promise<Uint8Array | null>;
}

export interface Notifier {
  /** A new message arrived for a conversation that is not being looked at. */
  message(message: Message, conversation: Conversation, detail: Settings['notifications']): void;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Never given secrets, message text, addresses of contacts or key material. */
export interface Logger {
  log(level: LogLevel, event: string, fields?: Readonly<Record<string, string | number | boolean | null>>): void;
}

/** Asks the person, then opens an http(s) link in their browser. */
export interface LinkOpener {
  open(url: URL): Promise<void>;
}

/** The system's own register of which app opens `xmpp:` links. */
export interface LinkRegistry {
  isOurs(): boolean;
  /** Only when the person asked for it. False: the system did not take it. */
  claim(): boolean;
}

/**
 * Named points at which a fault test kills the process; a no-op in every host but stdio under test.
 * The names are in `crash-points.ts`.
 */
export type CrashPoint = (name: string) => void;

export interface Ports {
  readonly clock: Clock;
  readonly vault: SecretVault;
  readonly notifier: Notifier;
  readonly logger: Logger;
  readonly links: LinkOpener;
  /** Missing where there is none, or nothing that could stand in it. */
  readonly linkRegistry?: LinkRegistry;
  readonly crashPoint: CrashPoint;
}
