/** The network interfaces to be nearby on. */
import { networkInterfaces } from 'node:os';

export interface NetworkInterface {
  readonly name: string;
  /** IPv4 address, dotted. */
  readonly address: string;
  readonly netmask: string;
}

/** Interfaces of virtual machines and containers lead nowhere near anybody. */
const virtual = /^(docker|br-|veth|virbr|vmnet|vboxnet|ifb|cni|flannel)/;

/** At most 16 IPv4 addresses of real interfaces; the loopback interface when there is no other. */
export function systemInterfaces(): NetworkInterface[] {
  const real: NetworkInterface[] = [];
  const loopback: NetworkInterface[] = [];
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    for (const { address, netmask, family, internal } of addresses ?? []) {
      if (family !== 'IPv4' || virtual.test(name)) continue;
      (internal ? loopback : real).push({ name, address, netmask });
    }
  }
  return (real.length > 0 ? real : loopback.slice(0, 1)).slice(0, 16);
}

/** Changes exactly when the set of interfaces does. */
export function signatureOf(interfaces: readonly NetworkInterface[]): string {
  return interfaces
    .map(({ name, address, netmask }) => `${name} ${address}/${netmask}`)
    .sort()
    .join('\n');
}

/** The interface whose network an IPv4 address belongs to; null for addresses that are not on any of our links. */
export function interfaceOf(interfaces: readonly NetworkInterface[], address: string): NetworkInterface | null {
  const number = ipv4(address);
  if (number === null) return null;
  return (
    interfaces.find((one) => {
      const mask = ipv4(one.netmask);
      const own = ipv4(one.address);
      return mask !== null && own !== null && (number & mask) === (own & mask);
    }) ?? null
  );
}

function ipv4(address: string): number | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address);
  if (match === null) return null;
  let number = 0;
  for (const part of match.slice(1)) {
    if (Number(part) > 255) return null;
    number = (number << 8) | Number(part);
  }
  return number;
}
