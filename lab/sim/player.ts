import type { Layout } from '@zauberflote/client/src/engine/layout.ts';
import { chunkLength } from '@zauberflote/client/src/engine/layout.ts';
import type { EngineEvent } from '@zauberflote/client/src/engine/types.ts';
import { AHEAD_SECONDS, START_SECONDS } from '../modes/player.ts';
import type { Clock } from './clock.ts';

/** Plays a content while it comes, as the lab's player does (`lab/modes/player.ts`). */
export class Player {
  readonly #clock: Clock;
  readonly #layout: Layout;
  /** Bytes per ms. */
  readonly #rate: number;
  readonly #has: (chunk: number) => boolean;
  readonly #tell: (event: EngineEvent) => void;
  /** Taken, in bytes. */
  #got = 0;
  #isWaiting = false;
  #isBusy = false;
  /** Played up to this byte then; undefined while it stands still. */
  #from = 0;
  #since: number | undefined;
  readonly #startedAt: number;
  /** How long a viewer waits, before it begins and in the midst of it, in ms; undefined before that is known. */
  waitedMs: number | undefined;

  constructor(
    clock: Clock,
    layout: Layout,
    bytesPerSecond: number,
    has: (chunk: number) => boolean,
    tell: (event: EngineEvent) => void,
  ) {
    this.#clock = clock;
    this.#layout = layout;
    this.#rate = bytesPerSecond / 1_000;
    this.#has = has;
    this.#tell = tell;
    this.#startedAt = clock.now;
  }

  /** Begins to read. */
  begin(): void {
    this.#say();
    this.proceed();
  }

  /** Takes what is there, as far as it takes it in advance. */
  proceed(): void {
    const { size, chunkSize } = this.#layout;
    if (this.#isBusy || this.#got >= size) return;
    this.#isBusy = true;
    while (this.#got < size) {
      const { now } = this.#clock;
      const chunk = Math.floor(this.#got / chunkSize);
      if (!this.#has(chunk)) {
        if (!this.#isWaiting) this.#say(true);
        break;
      }
      if (this.#since !== undefined && this.#played(now) > this.#got)
        [this.#from, this.#since] = [this.#got, undefined];
      this.#got += chunkLength(this.#layout, chunk);
      const start = this.#rate * START_SECONDS * 1_000;
      if (this.#since === undefined && this.#got - this.#from >= Math.min(start, size - this.#from))
        this.#since = now;
      if (this.#got >= size) {
        const ends = this.#since! + (size - this.#from) / this.#rate;
        this.waitedMs = ends - size / this.#rate - this.#startedAt;
      }
      this.#say();
      const over = this.#got - this.#played(now) - this.#rate * AHEAD_SECONDS * 1_000;
      if (over <= 0) continue;
      this.#clock.after(over / this.#rate, () => {
        this.#isBusy = false;
        this.proceed();
      });
      return;
    }
    this.#isBusy = false;
  }

  #played(now: number): number {
    return this.#since === undefined ? this.#from : this.#from + (now - this.#since) * this.#rate;
  }

  #say(isWaiting = false): void {
    this.#isWaiting = isWaiting;
    const { size } = this.#layout;
    const reader = { offset: this.#got, end: Number.POSITIVE_INFINITY, isWaiting };
    this.#tell({ type: 'read', readers: this.#got < size ? [reader] : [], isAll: false });
  }
}
