/** Follows what an XmppStream does, so that tests can wait for it instead of for time. */
import type { Element } from '@xmpp/xml';
import { createXmppStream, type XmppStreamOptions } from '../../src/main/transports/xmpp/stream.ts';
import type { XmppStream, XmppTransportOptions } from '../../src/main/transports/xmpp/types.ts';
import type { BareJid, TransportStatus } from '../../src/shared/model.ts';

export interface FollowedStream {
  readonly stream: XmppStream;
  readonly statuses: readonly TransportStatus[];
  readonly stanzas: readonly Element[];
  readonly states: readonly string[];
  /** Decides what happens to stanzas from now on; by default they are taken at once. */
  take(handler: (stanza: Element) => Promise<void>): void;
  start(): void;
  stop(): Promise<void>;
  /** The next session that was not yet asked for. */
  bound(): Promise<{ readonly resumed: boolean }>;
  /** The first stanza, past or future, that fits. */
  stanza(fits: (stanza: Element) => boolean): Promise<Element>;
  /** The first status, past or future (from index `from` on), that fits. */
  status(fits: (status: TransportStatus) => boolean, from?: number): Promise<TransportStatus>;
}

export function followStream(stream: XmppStream): FollowedStream {
  const controller = new AbortController();
  const statuses: TransportStatus[] = [];
  const stanzas: Element[] = [];
  const states: string[] = [];
  const sessions: { readonly resumed: boolean }[] = [];
  let sessionsAsked = 0;
  const watchers = new Set<() => void>();
  let handler: (stanza: Element) => Promise<void> = async () => {};
  const notify = () => {
    for (const watcher of [...watchers]) watcher();
  };
  const eventually = <T>(look: () => T | undefined): Promise<T> =>
    new Promise((resolve) => {
      const watcher = () => {
        const found = look();
        if (found === undefined) return;
        watchers.delete(watcher);
        resolve(found);
      };
      watchers.add(watcher);
      watcher();
    });
  const followed: FollowedStream = {
    stream,
    statuses,
    stanzas,
    states,
    take: (next) => {
      handler = next;
    },
    start: () =>
      stream.start(
        {
          onStatus: (status) => {
            statuses.push(status);
            notify();
          },
          onBound: (session) => {
            sessions.push(session);
            notify();
          },
          onStanza: async (stanza) => {
            stanzas.push(stanza);
            notify();
            await handler(stanza);
          },
          onState: (state) => states.push(state),
        },
        controller.signal,
      ),
    stop: async () => {
      controller.abort();
      await stream.stop();
    },
    bound: () => {
      const index = sessionsAsked;
      sessionsAsked += 1;
      return eventually(() => sessions[index]);
    },
    stanza: (fits) => eventually(() => stanzas.find(fits)),
    status: (fits, from = 0) => eventually(() => statuses.slice(from).find(fits)),
  };
  return followed;
}

export interface OpenOptions extends Pick<XmppStreamOptions, 'clock' | 'resolveSrv'> {
  readonly jid: string;
  readonly password: string;
  readonly state?: string;
  readonly override: NonNullable<XmppTransportOptions['override']>;
}

/** A started stream. */
export function openStream({ jid, password, state = '', ...options }: OpenOptions): FollowedStream {
  const followed = followStream(
    createXmppStream({ credentials: { jid: jid as BareJid, password, state }, ...options }),
  );
  followed.start();
  return followed;
}
