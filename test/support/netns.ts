/**
 * Computers on one network, each a Linux network namespace with an eth0 on a common bridge. The bridge has a namespace
 * of its own too, so that the machine's network is not touched. Needs root.
 */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';

export interface Computer {
  /** Name of the namespace. */
  readonly name: string;
  /** IPv4 address on the common network, prefix length 24. */
  readonly address: string;
  /** Runs a program on this computer. */
  spawn(command: string, args: readonly string[]): ChildProcessWithoutNullStreams;
  /** Runs a command and waits for it; throws when it fails. */
  run(command: string, args: readonly string[]): string;
  /** Pulls the cable, or puts it back. */
  cable(state: 'up' | 'down'): void;
  /** As `cable`, but at the other end: this computer's interface stays up and hears nothing. */
  silence(state: 'up' | 'down'): void;
}

export interface Network {
  readonly computers: readonly Computer[];
  /** Removes everything again; processes must have ended. */
  remove(): void;
}

/** Null when namespaces can be made, else the reason why not. */
export function whyNoNamespaces(): string | null {
  if (process.platform !== 'linux') return 'network namespaces exist on Linux only';
  if (process.getuid?.() !== 0) return 'making network namespaces needs root';
  const probe = `bothy-probe-${process.pid}`;
  try {
    ip('netns', 'add', probe);
    ip('netns', 'del', probe);
    return null;
  } catch (error) {
    return `this system does not let us make network namespaces: ${error instanceof Error ? error.message : error}`;
  }
}

export function makeNetwork(count: number): Network {
  const id = randomBytes(3).toString('hex');
  const bridge = `bothy-${id}-switch`;
  const made: string[] = [];
  const remove = (): void => {
    for (const name of made.splice(0).reverse()) ip('netns', 'del', name);
  };
  try {
    ip('netns', 'add', bridge);
    made.push(bridge);
    ip('-n', bridge, 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0');
    ip('-n', bridge, 'link', 'set', 'br0', 'up');
    const computers = Array.from({ length: count }, (_, index) => {
      const name = `bothy-${id}-${index + 1}`;
      ip('netns', 'add', name);
      made.push(name);
      return attach(bridge, name, index + 1);
    });
    return { computers, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function attach(bridge: string, name: string, index: number): Computer {
  const port = `port${index}`;
  const address = `10.77.0.${index}`;
  ip('-n', bridge, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
  ip('-n', bridge, 'link', 'set', port, 'master', 'br0', 'up');
  ip('-n', name, 'link', 'set', 'lo', 'up');
  ip('-n', name, 'address', 'add', `${address}/24`, 'dev', 'eth0');
  ip('-n', name, 'link', 'set', 'eth0', 'up');
  return {
    name,
    address,
    spawn: (command, args) => spawn('ip', ['netns', 'exec', name, command, ...args]),
    run: (command, args) => execFileSync('ip', ['netns', 'exec', name, command, ...args], { encoding: 'utf8' }),
    cable: (state) => ip('-n', name, 'link', 'set', 'eth0', state),
    silence: (state) => ip('-n', bridge, 'link', 'set', port, ...(state === 'down' ? ['nomaster'] : ['master', 'br0'])),
  };
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
