/** Where the server of a domain listens: DNS SRV (RFC 6120 §3.2.1, XEP-0368) in the order of RFC 2782. */
import { Resolver } from 'node:dns/promises';
import type { StreamClock } from './stream-clock.ts';
import { done, failed, faults, type Step } from './stream-faults.ts';
import type { SocketTarget } from './stream-socket.ts';

export interface SrvRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

export type ResolveSrv = (name: string) => Promise<readonly SrvRecord[]>;

/** More alternatives than this are not tried. */
const MAX_TARGETS = 8;
const DEFAULT_PORT = 5222;

export const systemSrv: ResolveSrv = async (name) => await new Resolver({ timeout: 3_000, tries: 2 }).resolveSrv(name);

/**
 * Targets in the order to try. Direct TLS and STARTTLS records are one list, as XEP-0368 asks. Without records: the
 * domain itself, port 5222.
 *
 * @param domain ASCII form
 */
export async function resolveTargets(
  domain: string,
  resolveSrv: ResolveSrv,
  clock: StreamClock,
): Promise<Step<readonly SocketTarget[]>> {
  const fallback = [{ host: domain.replace(/^\[|\]$/g, ''), port: DEFAULT_PORT, directTls: false }];
  // An IP literal has no SRV records.
  if (domain.startsWith('[') || /^[\d.]+$/.test(domain)) return done(fallback);
  const [direct, starttls] = await Promise.all([
    lookUp(resolveSrv, `_xmpps-client._tcp.${domain}`, true),
    lookUp(resolveSrv, `_xmpp-client._tcp.${domain}`, false),
  ]);
  const found = [...direct, ...starttls];
  if (found.length === 0) return done(fallback);
  // RFC 2782: a target of "." says that the service is decidedly not there.
  const usable = found.filter((record) => record.name !== '' && record.name !== '.');
  if (usable.length === 0) return failed(faults.noService(domain));
  return done(
    orderSrv(usable, () => clock.random())
      .slice(0, MAX_TARGETS)
      .map(toTarget),
  );
}

interface Candidate extends SrvRecord {
  readonly directTls: boolean;
}

async function lookUp(resolveSrv: ResolveSrv, name: string, directTls: boolean): Promise<readonly Candidate[]> {
  try {
    return (await resolveSrv(name)).map((record) => ({ ...record, directTls }));
  } catch {
    // No such record, or a resolver that cannot answer: the domain itself is tried, and tells us more.
    return [];
  }
}

function toTarget({ name, port, directTls }: Candidate): SocketTarget {
  return { host: name.replace(/\.$/, ''), port, directTls };
}

/** RFC 2782, "Usage rules": by priority, then at random by weight, weight 0 having a small chance. */
export function orderSrv<T extends SrvRecord & { readonly directTls: boolean }>(
  records: readonly T[],
  random: () => number,
): readonly T[] {
  const ordered: T[] = [];
  for (const priority of [...new Set(records.map((record) => record.priority))].sort((a, b) => a - b)) {
    const left = records
      .filter((record) => record.priority === priority)
      .sort((a, b) => Number(b.directTls) - Number(a.directTls) || a.weight - b.weight);
    while (left.length > 0) {
      const total = left.reduce((sum, record) => sum + record.weight, 0);
      let ticket = random() * total;
      const index = left.findIndex((record) => {
        ticket -= record.weight;
        return ticket <= 0;
      });
      ordered.push(...left.splice(Math.max(0, index), 1));
    }
  }
  return ordered;
}
