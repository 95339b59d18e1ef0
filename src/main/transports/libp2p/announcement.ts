/**
 * What is multicast (RFC 6762, RFC 6763): a random instance name, a port, and a PeerId that lives minutes. No host
 * addresses: who is dialled is who sent the packet, so that an announcement cannot direct us at a third party.
 */
import { peerIdFromString } from '@libp2p/peer-id';
import type { ResponseOutgoingPacket } from 'multicast-dns';

/** Sections of a decoded packet: whatever a stranger put there. */
interface Packet {
  readonly questions?: unknown;
  readonly answers?: unknown;
  readonly additionals?: unknown;
}
type Answer = ResponseOutgoingPacket['answers'][number];

export const SERVICE = '_bothy._tcp.local';
/** Seconds. */
const TTL = 120;
/** An honest packet has one; a packet with more is read this far. */
const maxAnnouncements = 4;

export interface Announcement {
  /** 16 random characters, a-z and 0-9. */
  readonly name: string;
  readonly port: number;
  /** Ed25519 PeerId, base58. */
  readonly peerId: string;
}

/** `goodbye`: the records are withdrawn (TTL 0, RFC 6762 §10.1). */
export function announcementRecords(announcement: Announcement, goodbye: boolean): Answer[] {
  const ttl = goodbye ? 0 : TTL;
  const instance = `${announcement.name}.${SERVICE}`;
  return [
    { type: 'PTR', name: SERVICE, ttl, data: instance },
    { type: 'SRV', name: instance, ttl, data: { port: announcement.port, target: `${announcement.name}.local` } },
    { type: 'TXT', name: instance, ttl, data: [`p=${announcement.peerId}`] },
  ];
}

export function asksForService(packet: Packet): boolean {
  const { questions } = packet;
  return (
    Array.isArray(questions) &&
    questions.some((one) => sameName(one?.name, SERVICE) && (one?.type === 'PTR' || one?.type === 'ANY'))
  );
}

/** Announcements in a decoded packet of a stranger: anything not exactly as we write it is skipped. */
export function readAnnouncements(packet: Packet): (Announcement & { readonly goodbye: boolean })[] {
  const records = [...list(packet.answers), ...list(packet.additionals)].slice(0, 64);
  const found: (Announcement & { goodbye: boolean })[] = [];
  for (const service of records) {
    if (found.length >= maxAnnouncements) break;
    const name = service['type'] === 'SRV' ? instanceName(service['name']) : null;
    const port = property(service['data'], 'port');
    if (name === null || typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) continue;
    const text = records.find((one) => one['type'] === 'TXT' && instanceName(one['name']) === name);
    const peerId = text === undefined ? null : readPeerId(text['data']);
    if (peerId !== null) found.push({ name, port, peerId, goodbye: service['ttl'] === 0 });
  }
  return found;
}

function list(records: unknown): Record<string, unknown>[] {
  return Array.isArray(records) ? records.filter((one) => typeof one === 'object' && one !== null) : [];
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function sameName(name: unknown, expected: string): boolean {
  return typeof name === 'string' && name.toLowerCase() === expected;
}

function instanceName(name: unknown): string | null {
  if (typeof name !== 'string' || name.length > 64) return null;
  const match = /^([a-z0-9]{16})\.(.+)$/.exec(name.toLowerCase());
  return match?.[2] === SERVICE ? (match[1] ?? null) : null;
}

function readPeerId(data: unknown): string | null {
  const texts: unknown[] = Array.isArray(data) ? data.slice(0, 8) : [data];
  for (const text of texts) {
    const value = text instanceof Uint8Array && text.length < 128 ? new TextDecoder().decode(text) : text;
    if (typeof value !== 'string' || !/^p=[1-9A-HJ-NP-Za-km-z]{40,64}$/.test(value)) continue;
    try {
      const peerId = peerIdFromString(value.slice(2));
      if (peerId.type === 'Ed25519') return peerId.toString();
    } catch {
      // Not a PeerId.
    }
  }
  return null;
}
