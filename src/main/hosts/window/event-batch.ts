/** Gathers the events of one turn of the event loop, so that a burst crosses to the window in one go. */
import type { BridgeEvent } from '../../../shared/bridge/contract.ts';

/** Larger batches would hold up what the person does meanwhile. */
const largestBatch = 200;

export function batchEvents(deliver: (events: readonly BridgeEvent[]) => void): (event: BridgeEvent) => void {
  let batch: BridgeEvent[] = [];
  const flush = (): void => {
    const events = batch;
    batch = [];
    if (events.length > 0) deliver(events);
  };
  return (event) => {
    batch.push(event);
    if (batch.length === 1) setImmediate(flush);
    if (batch.length >= largestBatch) flush();
  };
}
