import type { Platform } from '../platform.ts';

/** Longest Retry-After of an origin that is heeded, in ms: who is sent away for longer has been refused. */
export const MAX_RETRY_AFTER_MS = 60_000;

/** Between two requests to an origin that was just found overrun, in ms: few limits are below two a second. */
export const FIRST_GAP_MS = 500;

/** The same at most, in ms; it doubles with each refusal. */
export const MAX_GAP_MS = 4_000;

/**
 * Sets how soon requests follow each other faster again: with each answer, by one in this many ms. With 2,000, that is half
 * a request a second more, so that five a second are reached from two in 2 s.
 */
export const SPEED_UP_MS = 2_000;

/** An origin that has refused all for so long, in ms, refuses whoever waits. Gaps of 0.5, 1 and 2 s are past by then. */
export const REFUSED_MS = 3_000;

/** And so many in a row, one after the other: those before these gaps, and after each. Where gaps are long, two take 4 s. */
export const REFUSED_IN_A_ROW = 4;

/** Most times that one request is made, while others are answered: a part of a site may be down alone. */
export const MAX_ASKED = 10;

/** An origin that nobody had to wait for in so long, in ms, is asked as any other. */
export const FORGET_MS = 10_000;

/** Whether so answers an origin that has too much to do, or a proxy before it (502, 504). */
export function isOverrun(status: number | undefined): boolean {
  return /429|50[234]/.test(`${status}`);
}

/** How long an answer asks to be left alone, in ms (the Retry-After header, if in seconds). */
export function retryAfter({ headers }: Pick<Response, 'headers'>): number | undefined {
  const ms = Number.parseInt(headers.get('retry-after') ?? '', 10) * 1_000;
  return ms >= 0 ? ms : undefined;
}

/** Somebody who waits for a turn. */
interface Waiting {
  readonly rank: number;
  /** @param refusal there is no use in asking */
  readonly go: (refusal?: Response) => void;
}

/**
 * What a page knows of an origin that is overrun: how fast it may be asked. All downloads of the page wait in one line, and
 * the pace is found as TCP finds its own: twice as slow with each refusal, a little faster with each answer.
 */
class Pace {
  readonly #platform: Platform;
  /** What it refused first. */
  readonly #url: string;
  /** Whether all have to wait: it said so (Retry-After), or refused more than that, which may be down alone. */
  #isForAll = false;
  #gapMs = FIRST_GAP_MS / 2;
  /** When the next one may ask. */
  #freeAt = 0;
  /** Since when it has refused all; undefined: it gave an answer after that. */
  #refusesSince: number | undefined;
  /** How often it did, each time asked after the one before. */
  #refused = 0;
  /** When it was last found to be too fast. What was asked before says nothing of the pace since then. */
  #slowedAt = -1;
  /** Those who wait, in the order of their turns. */
  #line: Waiting[] = [];
  #cancelTimer = () => {};

  constructor(platform: Platform, url: string) {
    this.#platform = platform;
    this.#url = url;
  }

  /** Whether this has to wait. */
  holds(url: string): boolean {
    return this.#isForAll || url === this.#url;
  }

  get isOver(): boolean {
    return this.#platform.now() > this.#freeAt + FORGET_MS;
  }

  /**
   * Waits for one's turn, behind all of the same rank or a higher one.
   * @returns the answer, if there is no use in asking
   * @throws the signal's reason when it is aborted
   */
  inLine(rank: number, signal: AbortSignal): Promise<Response | undefined> {
    return new Promise((resolve, reject) => {
      const waiting = { rank, go: resolve };
      const leave = () => {
        this.#line = this.#line.filter((other) => other !== waiting);
        reject(signal.reason);
        this.#proceed();
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#line.push(waiting);
      this.#line.sort((a, b) => b.rank - a.rank);
      this.#proceed();
    });
  }

  #proceed(): void {
    this.#cancelTimer();
    const now = this.#platform.now();
    if (this.#line.length > 0 && now >= this.#freeAt) {
      this.#freeAt = now + this.#gapMs;
      this.#line.shift()?.go();
    }
    if (this.#line.length > 0)
      this.#cancelTimer = this.#platform.setTimer(this.#freeAt - now, () => this.#proceed());
  }

  /** One that was made at a time was not refused. */
  answered(askedAt: number): void {
    // However long ago that was: answers may take longer than the gaps.
    this.#refusesSince = undefined;
    this.#refused = 0;
    if (askedAt <= this.#slowedAt) return;
    this.#gapMs /= 1 + this.#gapMs / SPEED_UP_MS;
  }

  /** @returns whether to take this for the answer */
  slowDown(url: string, response: Response, askedAt: number): boolean {
    const now = this.#platform.now();
    const ms = retryAfter(response) ?? 0;
    this.#isForAll ||= ms > 0 || url !== this.#url;
    const isLong = ms > MAX_RETRY_AFTER_MS;
    let isFinal = isLong;
    if (askedAt > this.#slowedAt) {
      this.#slowedAt = now;
      this.#refusesSince ??= now;
      this.#gapMs = Math.min(2 * this.#gapMs, MAX_GAP_MS);
      isFinal ||= ++this.#refused >= REFUSED_IN_A_ROW && now - this.#refusesSince >= REFUSED_MS;
    }
    this.#freeAt = Math.max(this.#freeAt, now + Math.max(this.#gapMs, isLong ? 0 : ms));
    if (isFinal) for (const { go } of this.#line.splice(0)) go(response);
    this.#proceed();
    return isFinal;
  }
}

/** Of each page, by origin: only those that refused something. */
const paces = new WeakMap<Platform, Map<string | undefined, Pace>>();

/**
 * Makes a request, at once unless the origin of `url` is overrun; then in turn, and again when it is refused, until
 * it is known that this is in vain.
 * @param rank those with a higher one go first
 * @param onWait is called before each wait, which may be long
 * @param ask makes the request
 * @returns the answer; if it is that of an overrun origin, it may be to another request there, and its body is of no use
 * @throws what `ask` throws
 * @throws the signal's reason when it is aborted
 */
export async function askInTurn(
  platform: Platform,
  url: string,
  rank: number,
  signal: AbortSignal,
  onWait: () => void,
  ask: () => Promise<Response>,
): Promise<Response> {
  // Of the page's own, if it is relative.
  const origin = /^[\w.+-]*:?\/\/[^/?#]*/.exec(url)?.[0];
  let known = paces.get(platform);
  if (!known) {
    known = new Map();
    paces.set(platform, known);
  }
  for (let asked = 1; ; asked++) {
    let pace = known.get(origin);
    if (pace?.isOver) {
      known.delete(origin);
      pace = undefined;
    }
    if (pace?.holds(url)) {
      // Of one that is aborted already nobody would hear.
      signal.throwIfAborted();
      onWait();
      // Who is refused again lets others pass.
      const verdict = await pace.inLine(rank - asked, signal);
      if (verdict) return verdict;
    }
    const askedAt = platform.now();
    const response = await ask();
    // Others may have found out meanwhile.
    pace = known.get(origin);
    if (!isOverrun(response.status)) {
      pace?.answered(askedAt);
      return response;
    }
    if (!pace) {
      pace = new Pace(platform, url);
      known.set(origin, pace);
    }
    if (pace.slowDown(url, response, askedAt) || asked === MAX_ASKED) return response;
    response.body?.cancel().catch(() => {});
  }
}
