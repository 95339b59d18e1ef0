/** @xmpp/connection-tcp has no published types: only what is used of it (lib 0.14.0, index.js). */
declare module '@xmpp/connection-tcp' {
  import Connection from '@xmpp/connection';
  import type { Element } from '@xmpp/xml';

  /** XMPP over a TCP-like socket: stream header and footer of RFC 6120 §4.2 and §4.4. */
  export default class ConnectionTCP extends Connection {
    sendMany(elements: Iterable<Element>): Promise<void>;
    socketParameters(service: string): unknown;
    headerElement(): Element;
    header(element: Element): string;
    footer(): string;
  }
}
