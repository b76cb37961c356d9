import { isMedia, type Part, type Slot } from './elements.ts';

/** What is shown, and the attribute's value that shows it. */
export interface Shown {
  readonly part: Part;
  readonly value: string;
}

/** One wish of one element, from when it is seen until the element is gone or wants something else. */
export class Use {
  readonly owner: Element;
  readonly slot: Slot;
  /** What it wants, see `wishOf`. */
  readonly wish: string;
  /** `waiting`: postponed. */
  state: 'waiting' | 'loading' | 'shown' | 'failed' = 'loading';
  shown: Shown | undefined;
  /** When it may be shown again, see `showAgain`. */
  nextAgain = 0;
  /** What the predecessor shows is not what is wanted now. */
  readonly isNew: boolean;
  /** Resolves when shown, failed or ended. */
  settled: Promise<void> = Promise.resolve();
  readonly #abort = new AbortController();
  #holds: (() => void)[] = [];
  /** What the predecessor shows, as long as this one shows nothing. */
  #inherited: (() => void)[] = [];
  /** What the predecessor was downloading, which may be the same asset. */
  #pending: (() => void)[] = [];

  /** @param old ends; what it shows stays until this one shows something */
  constructor(owner: Element, slot: Slot, wish: string, old?: Use) {
    this.owner = owner;
    this.slot = slot;
    this.wish = wish;
    this.isNew = old?.wish !== wish;
    if (!old) return;
    this.shown = old.shown;
    this.#inherited = old.#inherited.splice(0);
    (old.state === 'shown' ? this.#inherited : this.#pending).push(...old.#holds.splice(0));
    old.end();
  }

  /** Aborted at the end. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Calls `release` at the end, at once if that was. */
  hold(release: () => void): void {
    if (this.signal.aborted) release();
    else this.#holds.push(release);
  }

  /** It has its own share in an asset, or needs none yet. */
  started(): void {
    for (const release of this.#pending.splice(0)) release();
  }

  settle(state: 'shown' | 'failed', shown = this.shown): void {
    this.state = state;
    this.shown = shown;
    this.started();
    // Of what is shown on, the URL has to live on.
    if (state === 'shown' || this.isNew) for (const release of this.#inherited.splice(0)) release();
  }

  end(): void {
    this.#abort.abort();
    this.started();
    for (const release of [...this.#holds.splice(0), ...this.#inherited.splice(0)]) release();
  }
}

/** Further sources of a media element change nothing as long as an earlier one is tried or plays. */
export function isSame({ owner, state, wish: old }: Use, wish: string | undefined): boolean {
  return old === wish || (isMedia(owner) && state !== 'failed' && !!wish?.startsWith(old));
}
