import { KINDS, type Kind, type PageOptions } from './html/types.ts';
import { SiteUrls } from './html/urls.ts';
import { CLIENT_FOLDER, WORKER_FILE } from './site/stamp.ts';

/**
 * What a server sends at once, before it waits for an answer: ten packets (RFC 6928). To ask anybody else takes longer
 * than all of a smaller file.
 */
export const MIN_ASSET_BYTES = 14_600;

/** Of the manifests in one page, in base64: as long as they come, the browser sees nothing of the page behind them. */
export const MAX_INLINE_MANIFESTS_BYTES = 16_384;

/** What the command and the plugin are told alike; as it was written, not looked at yet. */
export interface SiteFlags {
  readonly tracker: readonly string[];
  readonly script: string | undefined;
  readonly baseUrl: string | undefined;
  readonly worker: boolean;
  readonly mark: readonly string[];
  readonly minSize: string;
  readonly maxInline: string;
  readonly exclude: readonly string[];
  readonly noscript: boolean;
}

export const DEFAULT_FLAGS: SiteFlags = {
  tracker: [],
  script: undefined,
  baseUrl: undefined,
  worker: false,
  mark: ['pictures,scripts'],
  minSize: String(MIN_ASSET_BYTES),
  maxInline: String(MAX_INLINE_MANIFESTS_BYTES),
  exclude: [],
  noscript: true,
};

/** How a site is converted. */
export interface SiteSettings {
  readonly urls: SiteUrls;
  readonly page: PageOptions;
  readonly excluded: readonly string[];
  readonly withClient: boolean;
}

/**
 * @param place where the site will be, if something else than `--base-url` says so
 * @throws {Error} saying what is wrong and what would be right, in the words of the command
 */
export function siteSettings(flags: SiteFlags, place?: SiteUrls): SiteSettings {
  const trackers = flags.tracker.flatMap((urls) => urls.split(/\s+/)).filter(Boolean);
  if (trackers.length === 0)
    throw new Error('--tracker is missing: the address of your tracker, as wss://tracker.example/');
  for (const tracker of trackers)
    if (!/^wss?:$/.test(URL.parse(tracker)?.protocol ?? ''))
      throw new Error(`--tracker takes an address of ws: or wss:, not '${tracker}'`);
  const { baseUrl, script } = flags;
  if (baseUrl !== undefined && !/^https?:$/.test(URL.parse(baseUrl)?.protocol ?? ''))
    throw new Error(`--base-url takes an address of http: or https:, not '${baseUrl}'`);
  const urls = baseUrl === undefined && place ? place : new SiteUrls(baseUrl);
  if (script !== undefined && !isScript(script))
    throw new Error(
      `--script takes an address of http: or https:, or one from the root as /zauberflote.js, not '${script}'`,
    );
  return {
    urls,
    page: {
      minSize: bytesOf('--min-size', flags.minSize),
      maxInlineBytes: bytesOf('--max-inline', flags.maxInline),
      kinds: kindsOf([...flags.mark, ...(flags.worker ? ['media'] : [])]),
      worker: flags.worker ? `${urls.root}${WORKER_FILE}` : undefined,
      noscript: flags.noscript,
      script: script ?? `${urls.root}${CLIENT_FOLDER}/zauberflote.js`,
      trackers,
    },
    excluded: flags.exclude,
    withClient: script === undefined,
  };
}

/** From any page it has to be the same. */
function isScript(url: string): boolean {
  return /^https?:\/\/./i.test(url) ? URL.canParse(url) : url.startsWith('/');
}

function bytesOf(flag: string, digits: string): number {
  if (/^\d{1,15}$/.test(digits)) return Number(digits);
  throw new Error(`${flag} takes a whole number of bytes, not '${digits}'`);
}

function kindsOf(lists: readonly string[]): ReadonlySet<Kind> {
  // What is given replaces the default, which comes as one of them only when nothing is given.
  const words = lists.flatMap((list) => list.split(',')).map((word) => word.trim());
  for (const word of words)
    if (!(KINDS as readonly string[]).includes(word))
      throw new Error(`--mark takes ${KINDS.join(', ')}, with commas, not '${word}'`);
  return new Set(words as Kind[]);
}
