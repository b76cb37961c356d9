import type { IncomingMessage } from 'node:http';
import { Code, ConnectError } from '@connectrpc/connect';
import { checkContentId, contentKey } from '@zauberflote/proto';
import type { PublishRequest } from '@zauberflote/proto/full';
import { isOriginAllowed } from '../abuse/origins.ts';
import type { TokenKey } from '../access/keys.ts';
import type { TokenProblem } from '../access/tokens.ts';
import { checkToken, tokenOf } from '../access/tokens.ts';
import { type LimitName, MAX_PENDING_TOKENS } from '../limits.ts';
import * as limits from './limits.ts';
import type { Ended, Publications } from './publications.ts';

export interface PublisherOptions {
  readonly publications: Publications;
  readonly keys: () => readonly TokenKey[];
  readonly tokenAudience: string | undefined;
  /** Most pairs of a site and a content. */
  readonly maxPublished: number;
  /** Wall-clock time in seconds since 1970. */
  readonly now: () => number;
  /** Contents that have holders; goes on while they change. */
  readonly held: () => Iterable<string>;
  /** Hears of each content that is not served any more; of some twice. */
  readonly onEnded: (content: string) => void;
  /** Hears of what was refused. */
  readonly onRefused: (limit: LimitName, problem?: TokenProblem) => void;
  /** Hears of a fault of the tracker's own. */
  readonly onFault: (error: unknown) => void;
  /** Hears what the disk said, each time; `isNew` once in a while. */
  readonly onDiskFault: (error: unknown, isNew: boolean) => void;
  /** Calls a function when others have had their turn. */
  readonly soon: (act: () => void) => void;
}

/** What is wrong with keys of both kinds: tokens of visitors are in pages, where everybody can read them. */
export const SHARED_KEYS =
  '--publish-keys-file has a key that is in --token-keys-file as well, which does not count, as every visitor could publish; make another pair for publishing';

/** A host as it is in an Origin: lower case, punycode. */
const HOST =
  /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]*[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:\d{1,5})?$/;

/** Takes what sites publish, and says what is served. */
export class Publisher {
  readonly #options: PublisherOptions;
  /** Hears when something was published, or taken back. */
  onPublished: () => void = () => {};
  #pending = 0;
  #total = 0;
  /** Until when what ended was looked for. */
  #lookedAt: number;
  #state: 'idle' | 'looking' | 'closed' = 'idle';
  /** Whether the disk failed while it was looked for. */
  #isUnsure = false;
  /** Whether a fault was told since the last tick. */
  #isFaulty = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#lookedAt = options.now();
  }

  /** Pairs of a site and a content; looks at each. While the disk fails, what it was before. */
  get total(): number {
    this.#safely(() => {
      this.#total = this.#options.publications.total(this.#options.now());
    });
    return this.#total;
  }

  /** Whether holders of it are taken; while the disk fails, none are. */
  serves(content: string): boolean {
    const { publications, now } = this.#options;
    return this.#safely(() => publications.has(content, now())) ?? false;
  }

  /**
   * Answers Publish.
   * @param request what it came by, for its token
   * @throws {ConnectError} as tracker.proto says
   */
  async publish(
    request: Pick<IncomingMessage, 'headers' | 'url'>,
    { site: named, contents, ttlSeconds = limits.DEFAULT_PUBLISH_SECONDS }: PublishRequest,
  ): Promise<{ readonly published: number }> {
    const { publications, maxPublished, now, onRefused } = this.#options;
    const site = siteOf(named, await this.#sitesOf(request));
    const keys = keysOf(contents);
    if (ttlSeconds > limits.MAX_PUBLISH_SECONDS)
      throw invalid(`ttl_seconds is at most ${limits.MAX_PUBLISH_SECONDS}, not ${ttlSeconds}`);
    const time = now();
    const done = this.#safely(() =>
      ttlSeconds === 0
        ? publications.withdraw(site, keys, time, maxPublished)
        : publications.publish(site, keys, time + ttlSeconds, time, maxPublished),
    );
    if (!done)
      throw new ConnectError(
        'the tracker could not keep this, so nothing of it was published; its log says why',
        Code.Unavailable,
      );
    if ('needed' in done) {
      onRefused('max-published');
      throw new ConnectError(
        `this tracker keeps ${maxPublished} publications at most, those that ended in the last hour included (with --redis, in the last week), and with these it would be ${done.needed}; raise --max-published, or take some back (ttl_seconds: 0) and wait for so long`,
        Code.ResourceExhausted,
      );
    }
    if (ttlSeconds === 0) this.changed(keys);
    this.onPublished();
    return done;
  }

  /** These were published or taken back elsewhere. */
  changed(contents: readonly string[]): void {
    for (const content of contents) this.#endIfOver(content);
  }

  /**
   * Call it every so often, twice a minute: finds what has ended, or was taken back at another tracker
   * that uses the same file, in steps of {@link PublisherOptions.soon}.
   */
  tick(): void {
    const { now, held } = this.#options;
    this.#isFaulty = false;
    if (this.#state !== 'idle') return;
    this.#state = 'looking';
    this.#isUnsure = false;
    const until = now();
    const after = this.#lookedAt - limits.PUBLICATIONS_OVERLAP_SECONDS;
    // The clock was set back, or this tracker stood still for so long that what ended is forgotten.
    if (until < this.#lookedAt || until - after > limits.KEPT_AFTER_END_SECONDS)
      this.#lookThrough(held()[Symbol.iterator](), until);
    else this.#follow({ at: after, content: '' }, until);
  }

  /** The disk failed. New once until the next tick: each visitor would say the same. */
  fault(error: unknown): void {
    this.#options.onDiskFault(error, !this.#isFaulty);
    this.#isFaulty = true;
  }

  /** Nothing is looked for any more. */
  close(): void {
    this.#state = 'closed';
  }

  #lookThrough(held: Iterator<string>, until: number): void {
    if (this.#state === 'closed') return;
    for (let left = limits.ENDED_AT_ONCE; left > 0; left--) {
      const { value, done } = held.next();
      if (done) return this.#finish(until);
      this.#endIfOver(value);
    }
    this.#options.soon(() => this.#lookThrough(held, until));
  }

  #follow(from: Ended, until: number): void {
    if (this.#state === 'closed') return;
    const count = limits.ENDED_AT_ONCE;
    const ended = this.#safely(() => this.#options.publications.ended(from, until, count));
    if (!ended) this.#isUnsure = true;
    for (const { content } of ended ?? []) this.#endIfOver(content);
    const last = ended?.[count - 1];
    if (last) this.#options.soon(() => this.#follow(last, until));
    else this.#finish(until);
  }

  /** What could not be read is looked for again. */
  #finish(until: number): void {
    if (!this.#isUnsure) this.#lookedAt = until;
    this.#sweep(until);
  }

  #sweep(until: number): void {
    if (this.#state === 'closed') return;
    const count = limits.ENDED_AT_ONCE;
    const forgotten = this.#safely(() => this.#options.publications.sweep(until, count));
    if (forgotten === count) this.#options.soon(() => this.#sweep(until));
    else this.#state = 'idle';
  }

  /** While it cannot be read whether a content is served, its holders stay. */
  #endIfOver(content: string): void {
    const { publications, now, onEnded } = this.#options;
    const isServed = this.#safely(() => publications.has(content, now()));
    if (isServed === false) onEnded(content);
    if (isServed === undefined) this.#isUnsure = true;
  }

  /** @throws {ConnectError} */
  async #sitesOf(request: Pick<IncomingMessage, 'headers' | 'url'>): Promise<readonly string[]> {
    const { keys, tokenAudience: audience, onRefused, onFault, now } = this.#options;
    if (this.#pending >= MAX_PENDING_TOKENS)
      throw new ConnectError('too many tokens are being checked; call again', Code.Unavailable);
    const known = keys();
    if (known.length === 0) throw new ConnectError(SHARED_KEYS, Code.FailedPrecondition);
    this.#pending++;
    try {
      const setting = 'publish-keys-file';
      const rules = { keys: known, audience, now: new Date(now() * 1_000), setting } as const;
      const checked = await checkToken(tokenOf(request), request.headers.origin, rules);
      if (!('problem' in checked)) return checked.sites;
      onRefused(setting, checked.problem);
      throw new ConnectError(checked.text, Code.Unauthenticated);
    } catch (error) {
      if (error instanceof ConnectError) throw error;
      onFault(error);
      throw new ConnectError('the tracker failed at this; call again', Code.Internal);
    } finally {
      this.#pending--;
    }
  }

  /** Undefined if the disk failed. */
  #safely<T>(act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      this.fault(error);
      return undefined;
    }
  }
}

/** @throws {ConnectError} */
function siteOf(named: string, sites: readonly string[]): string {
  const [only = ''] = sites;
  const site = named || (sites.length === 1 ? only.toLowerCase() : '');
  if (!HOST.test(site))
    throw invalid(
      named
        ? `site is a host such as example.com, in lower case, not ${JSON.stringify(named.slice(0, 80))}`
        : 'site is needed, as the token is for more than one',
    );
  if (isOriginAllowed(`https://${site}`, sites)) return site;
  throw new ConnectError(`the token is not for ${site}`, Code.PermissionDenied);
}

/** @throws {ConnectError} */
function keysOf(contents: PublishRequest['contents']): string[] {
  const most = limits.MAX_PUBLISHED_PER_REQUEST;
  if (contents.length === 0 || contents.length > most)
    throw invalid(`contents are 1 to ${most}, not ${contents.length}`);
  const keys = contents.map((content, index) => {
    try {
      checkContentId(content);
    } catch (error) {
      throw invalid(`contents[${index}]: ${(error as Error).message}`);
    }
    return contentKey(content);
  });
  return [...new Set(keys)];
}

function invalid(text: string): ConnectError {
  return new ConnectError(text, Code.InvalidArgument);
}
