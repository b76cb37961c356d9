import type { TrackerState } from '@zauberflote/client/src/tracker/types.ts';

/** Tells of the tracker when it is there, and when it is not, and not of each attempt in between. */
export class TrackerNews {
  readonly #log: (line: string) => void;
  readonly #onUseless: () => void;
  #told: 'there' | 'away' | undefined;

  /** @param onUseless what was named are no trackers: none of them will be tried again */
  constructor(log: (line: string) => void, onUseless: () => void) {
    this.#log = log;
    this.#onUseless = onUseless;
  }

  tell(state: TrackerState): void {
    if (state === 'unavailable') this.#onUseless();
    if (state === 'open' && this.#told !== 'there') {
      this.#told = 'there';
      this.#log('the tracker is connected');
    }
    if (state === 'waiting' && this.#told !== 'away') {
      this.#told = 'away';
      this.#log(
        'no tracker answers; it is tried again, at least once a minute. Is its address right, does it run, and does it ask ' +
          'for a token (--token-file)?',
      );
    }
  }
}
