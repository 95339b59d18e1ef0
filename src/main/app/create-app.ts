/** The one composition root: builds the application out of its parts and hands back the Bridge. */
import type { Bridge } from '../../shared/bridge/contract.ts';
import type { Ports } from './ports.ts';

export interface AppOptions {
  /** Folder of the profile; made (mode 0700) if it does not exist. */
  readonly profileDirectory: string;
  readonly version: string;
  readonly ports: Ports;
}

export interface App extends Bridge {
  /** The computer woke or the network changed. */
  nudge(): void;
  /** Ends everything cleanly and closes the database. */
  close(): Promise<void>;
}
