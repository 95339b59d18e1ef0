/** Tells when this computer's addresses changed. Neither Node nor Electron reports it, so it has to be looked up. */
import { networkInterfaces } from 'node:os';

const lookEvery = 2000;

/** Calls `changed` whenever an address appears or goes; returns the function that ends the watch. */
export function watchNetwork(changed: () => void): () => void {
  let known = addresses();
  const timer = setInterval(() => {
    const now = addresses();
    if (now === known) return;
    known = now;
    changed();
  }, lookEvery);
  timer.unref();
  return () => clearInterval(timer);
}

function addresses(): string {
  return Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter((entry) => !entry.internal)
    .map((entry) => entry.cidr ?? entry.address)
    .sort()
    .join(' ');
}
