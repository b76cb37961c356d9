import type { IncomingMessage } from 'node:http';
import { Code, ConnectError } from '@connectrpc/connect';
import { checkContentId, contentKey } from '@zauberflote/proto';
import type { PublishRequest } from '@zauberflote/proto/full';
import { isOriginAllowed } from '../abuse/origins.ts';
import type { TokenKey } from '../access/keys.ts';
import type { TokenProblem } from '../access/tokens.ts';
import { checkToken, tokenOf } from '../access/tokens.ts';
import type { LimitName } from '../limits.ts';
import {
  DEFAULT_PUBLISH_SECONDS,
  MAX_PUBLISH_SECONDS,
  MAX_PUBLISHED_PER_REQUEST,
  WITHDRAWN_OVERLAP_SECONDS,
} from '../limits.ts';
import type { Publications } from './publications.ts';

export interface PublisherOptions {
  readonly publications: Publications;
  readonly keys: () => readonly TokenKey[];
  readonly tokenAudience: string | undefined;
  /** Most pairs of a site and a content. */
  readonly maxPublished: number;
  /** Wall-clock time in seconds since 1970. */
  readonly now: () => number;
  /** Hears of contents that are not served any more. */
  readonly onEnded: (contents: readonly string[]) => void;
  /** Hears of what was refused. */
  readonly onRefused: (limit: LimitName, problem?: TokenProblem) => void;
  /** Hears what the disk said. */
  readonly onFault: (error: unknown) => void;
}

/** A host as it is in an Origin: lower case, punycode. */
const HOST =
  /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]*[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:\d{1,5})?$/;

/** Takes what sites publish, and says what is served. */
export class Publisher {
  readonly #options: PublisherOptions;
  #lookedAt: number;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#lookedAt = options.now();
  }

  /** Contents published now, by site; looks at each. */
  get total(): number {
    return this.#options.publications.total(this.#options.now());
  }

  /** Whether holders of it are taken. */
  serves(content: string): boolean {
    return this.#options.publications.has(content, this.#options.now());
  }

  /**
   * Answers Publish.
   * @param request what it came by, for its token
   * @throws {ConnectError} as tracker.proto says
   */
  async publish(
    request: Pick<IncomingMessage, 'headers' | 'url'>,
    { site: named, contents, ttlSeconds = DEFAULT_PUBLISH_SECONDS }: PublishRequest,
  ): Promise<{ readonly published: number }> {
    const { publications, maxPublished, now, onEnded, onRefused, onFault } = this.#options;
    const sites = await this.#sitesOf(request);
    const site = siteOf(named, sites);
    const keys = keysOf(contents);
    if (ttlSeconds > MAX_PUBLISH_SECONDS)
      throw invalid(`ttl_seconds is at most ${MAX_PUBLISH_SECONDS}, not ${ttlSeconds}`);
    const time = now();
    try {
      const total = publications.total(time) + publications.news(site, keys, time);
      if (ttlSeconds > 0 && total > maxPublished) {
        onRefused('max-published');
        throw new ConnectError(
          `this tracker keeps ${maxPublished} publications at most, and with these it would be ${total}; take some back (ttl_seconds: 0), or raise --max-published`,
          Code.ResourceExhausted,
        );
      }
      publications.set(site, keys, time + ttlSeconds);
      if (ttlSeconds === 0) onEnded(keys.filter((key) => !publications.has(key, time)));
      return { published: publications.countOf(site, time) };
    } catch (error) {
      if (error instanceof ConnectError) throw error;
      onFault(error);
      throw new ConnectError(
        'the tracker could not keep this, so nothing of it was published; its log says why',
        Code.Unavailable,
      );
    }
  }

  /** Call it every so often: finds what has ended, or was taken back at another tracker that uses the same file. */
  tick(): void {
    const { publications, now, onEnded } = this.#options;
    const time = now();
    // What another tracker wrote at this very second may come after we looked; and clocks are set back.
    onEnded(publications.ended(Math.min(this.#lookedAt, time) - WITHDRAWN_OVERLAP_SECONDS, time));
    this.#lookedAt = time;
    publications.sweep(time);
  }

  async #sitesOf(request: Pick<IncomingMessage, 'headers' | 'url'>): Promise<readonly string[]> {
    const { keys, tokenAudience: audience, onRefused, now } = this.#options;
    const rules = {
      keys: keys(),
      audience,
      now: new Date(now() * 1_000),
      setting: 'publish-keys-file',
    } as const;
    const checked = await checkToken(tokenOf(request), request.headers.origin, rules);
    if (!('problem' in checked)) return checked.sites;
    onRefused('publish-keys-file', checked.problem);
    throw new ConnectError(checked.text, Code.Unauthenticated);
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
  if (contents.length === 0 || contents.length > MAX_PUBLISHED_PER_REQUEST)
    throw invalid(`contents are 1 to ${MAX_PUBLISHED_PER_REQUEST}, not ${contents.length}`);
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
