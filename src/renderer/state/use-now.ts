/** The time, for words like "Yesterday": changes when the minute does, without a timer per component. */
import { useSyncExternalStore } from 'react';

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setTimeout> | null = null;
let minute = currentMinute();

function currentMinute(): number {
  return Math.floor(Date.now() / 60_000) * 60_000;
}

function schedule(): void {
  timer = setTimeout(
    () => {
      minute = currentMinute();
      for (const listener of listeners) listener();
      schedule();
    },
    60_000 - (Date.now() % 60_000),
  );
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (timer === null) schedule();
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0 && timer !== null) {
      clearTimeout(timer);
      timer = null;
    }
  };
}

export function useNow(): number {
  return useSyncExternalStore(subscribe, () => minute);
}
