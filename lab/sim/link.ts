import type { Clock } from './clock.ts';

interface Parcel {
  readonly bytes: number;
  readonly onSent: () => void;
}

/**
 * One direction of a host's connection to the network. Whole parcels leave one after the other, in
 * turn among the flows that have any: each flow gets an equal share to within a parcel, and what
 * one does not use goes to the others, as with TCP or SCTP connections of equal round trips.
 */
export class Link {
  readonly #clock: Clock;
  /** Infinite: not limited. */
  readonly #bytesPerMs: number;
  /** What a payload byte takes on the link, with the headers around it; 1 or more. */
  readonly #overhead: number;
  /** The flow whose turn it is comes first. */
  readonly #waiting = new Map<object, Parcel[]>();
  #lastFlow: object | undefined;
  #state: 'idle' | 'sending' = 'idle';

  /** @param bytesPerSecond 0: not limited */
  constructor(clock: Clock, bytesPerSecond: number, overhead: number) {
    this.#clock = clock;
    this.#bytesPerMs = bytesPerSecond === 0 ? Number.POSITIVE_INFINITY : bytesPerSecond / 1_000;
    this.#overhead = overhead;
  }

  /** Queues a parcel; `onSent` is called when its last byte has left. */
  send(flow: object, bytes: number, onSent: () => void): void {
    const parcels = this.#waiting.get(flow);
    if (parcels) parcels.push({ bytes, onSent });
    else this.#waiting.set(flow, [{ bytes, onSent }]);
    if (this.#state === 'idle') this.#next();
  }

  /** Flows of which something waits. */
  get flows(): number {
    return this.#waiting.size;
  }

  /** Throws away what waits of a flow; a parcel that is leaving still does. */
  drop(flow: object): void {
    this.#waiting.delete(flow);
  }

  #next(): void {
    const flow = this.#whoseTurn();
    this.#lastFlow = flow;
    if (flow === undefined) {
      this.#state = 'idle';
      return;
    }
    this.#state = 'sending';
    const parcels = this.#waiting.get(flow) as Parcel[];
    const parcel = parcels.shift() as Parcel;
    this.#waiting.delete(flow);
    if (parcels.length > 0) this.#waiting.set(flow, parcels);
    this.#clock.after((parcel.bytes * this.#overhead) / this.#bytesPerMs, () => {
      parcel.onSent();
      this.#next();
    });
  }

  #whoseTurn(): object | undefined {
    const first = this.#waiting.keys().next().value;
    if (first === undefined || first !== this.#lastFlow) return first;
    // It began while nobody else waited, and so stands before those who came meanwhile.
    const parcels = this.#waiting.get(first) as Parcel[];
    this.#waiting.delete(first);
    this.#waiting.set(first, parcels);
    return this.#waiting.keys().next().value;
  }
}
