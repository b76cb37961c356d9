import { setTimeout as sleep } from 'node:timers/promises';
import type { Break } from '../scenarios/index.ts';

/**
 * Whether a break came too late for most of a trial's loads: then their mean tells of something else.
 * @param loadsMs of each load, null where it failed @returns why, if so
 */
export function tooLate(
  planned: readonly Break[],
  loadsMs: readonly (number | null)[],
): readonly string[] {
  return planned.flatMap(({ at, what }) => {
    if (at === 'before') return [];
    const early = loadsMs.filter((ms) => ms !== null && ms < at).length;
    if (early * 2 <= loadsMs.length) return [];
    return [
      `${early} of ${loadsMs.length} loads had ended before '${what}', which came after ${at} ms; ` +
        'make loads slower (--rate, --peer-up) or more of them (--leechers)',
    ];
  });
}

/** What a scenario breaks in one trial, when it says so, and what of it came to nothing. */
export class Breaks {
  readonly #planned: readonly Break[];
  readonly #make: (one: Break) => Promise<boolean>;
  readonly #over = new AbortController();
  readonly #missed: string[] = [];
  #timed: Promise<unknown> = Promise.resolve();

  /** @param make breaks something. @returns whether there was anything to break */
  constructor(planned: readonly Break[], make: (one: Break) => Promise<boolean>) {
    this.#planned = planned;
    this.#make = make;
  }

  /** Those that come before the leechers. */
  async before(): Promise<void> {
    for (const one of this.#planned) if (one.at === 'before') await this.#now(one);
  }

  /** Waits for the others. @param start when the leechers set out, as of Date.now() */
  from(start: number): void {
    this.#timed = Promise.all(
      this.#planned.map(async (one) => {
        if (one.at === 'before') return;
        const { signal } = this.#over;
        const due = await sleep(Math.max(0, start + one.at - Date.now()), true, { signal }).catch(
          () => false,
        );
        if (due) return this.#now(one);
        const took = Date.now() - start;
        this.#missed.push(
          `'${one.what}' was due ${one.at} ms after the start, but the last load had ended after ` +
            `${took} ms; make loads slower (--rate, --peer-up) or more of them (--leechers)`,
        );
      }),
    );
    // What goes wrong is told at the end.
    this.#timed.catch(() => {});
  }

  /** The last load has ended. @returns what did not break, and why */
  async end(): Promise<readonly string[]> {
    this.#over.abort();
    await this.#timed;
    return this.#missed;
  }

  async #now(one: Break): Promise<void> {
    if (!(await this.#make(one)))
      this.#missed.push(`'${one.what}' found nothing to break; give it some (--seeders)`);
  }
}
