import type { EngineEvent } from '@zauberflote/client/src/engine/types.ts';

/** One of so many events is measured: asking for the time costs as much as a small event. */
const SAMPLE_EVERY = 8;

/** What events of one kind cost. */
export interface EventCost {
  count: number;
  measured: number;
  /** CPU time of those measured, in ms. */
  ms: number;
}

/** CPU time spent within engines, apart from the simulation's own, by the kind of event. */
export class EngineTime {
  readonly byEvent = new Map<EngineEvent['type'], EventCost>();
  #events = 0;

  get events(): number {
    return this.#events;
  }

  /** Of all events, estimated from those that were measured. */
  get ms(): number {
    let ms = 0;
    for (const cost of this.byEvent.values())
      if (cost.measured > 0) ms += (cost.ms / cost.measured) * cost.count;
    return ms;
  }

  measure<Result>(event: EngineEvent['type'], run: () => Result): Result {
    this.#events++;
    let cost = this.byEvent.get(event);
    if (!cost) {
      cost = { count: 0, measured: 0, ms: 0 };
      this.byEvent.set(event, cost);
    }
    // The first of its kind pays for what the others find ready.
    if (++cost.count % SAMPLE_EVERY !== 0) return run();
    const began = process.threadCpuUsage();
    const result = run();
    const { user, system } = process.threadCpuUsage(began);
    cost.ms += (user + system) / 1_000;
    cost.measured++;
    return result;
  }
}
