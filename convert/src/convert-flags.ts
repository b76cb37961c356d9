import { parseArgs } from 'node:util';
import version from '../package.json' with { type: 'json' };
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

export const USAGE = `Usage: zauberflote-convert [options] SITE --out FOLDER --tracker wss://TRACKER/

Marks the pages of a static site (every .html and .htm file in the folder SITE) for Zauberflöte, and writes
the site with them to FOLDER. All other files are copied as they are.

  --out FOLDER         where it goes; not in SITE, nor SITE in it. Replaced, if it was written by this command
  --tracker URL        ws: or wss: address of the tracker; several times: the next one when one fails
  --script URL         where pages find zauberflote.js, if it is not to go into FOLDER/${CLIENT_FOLDER}/
  --base-url URL       where SITE will be, as https://example.org/shop/: addresses that begin so are files of
                       it, and those that begin with / count from the host's root (default: SITE is the root)
  --worker             video and audio are marked, too, and play while they come: writes ${WORKER_FILE}
                       to FOLDER, a service worker that pages name (for a site that has none of its own)
  --mark KINDS         what is marked, with commas: ${KINDS.join(',')} (default pictures,scripts). Marked
                       styles come after the page is seen; marked media play when they are there as a whole
  --min-size BYTES     smaller files stay (default ${MIN_ASSET_BYTES}: a server sends them at once)
  --max-inline BYTES   of manifests in a page (default ${MAX_INLINE_MANIFESTS_BYTES}); others go to FILE.zf beside the files
  --exclude GLOB       files that are not marked and pages that are not changed, as 'drafts/**' (several times)
  --no-noscript        no twins for visitors without JavaScript (they see no marked picture)
  --force              replace FOLDER whoever wrote it
  --check              write nothing; exit with 1 if FOLDER, or without --out SITE itself, is not as this would
                       write it
  --json               a report on stdout
  --verbose            every element that stays as it is, and why; else some of each kind
  --help, --version

Exit status: 0; 1 if a file could not be read or written (then nothing is written), or --check found a
difference; 2 for wrong options.
`;

export interface Settings {
  readonly site: string;
  readonly out: string | undefined;
  readonly urls: SiteUrls;
  readonly page: PageOptions;
  readonly excluded: readonly string[];
  readonly withClient: boolean;
  readonly force: boolean;
  readonly check: boolean;
  readonly json: boolean;
  readonly verbose: boolean;
}

/**
 * @returns a text to print, for `--help` and `--version`
 * @throws {Error} saying what is wrong and what would be right
 */
export function parseFlags(args: readonly string[]): Settings | string {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      out: { type: 'string' },
      tracker: { type: 'string', multiple: true, default: [] },
      script: { type: 'string' },
      'base-url': { type: 'string' },
      worker: { type: 'boolean', default: false },
      mark: { type: 'string', multiple: true, default: ['pictures,scripts'] },
      'min-size': { type: 'string', default: String(MIN_ASSET_BYTES) },
      'max-inline': { type: 'string', default: String(MAX_INLINE_MANIFESTS_BYTES) },
      exclude: { type: 'string', multiple: true, default: [] },
      'no-noscript': { type: 'boolean', default: false },
      force: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean' },
      version: { type: 'boolean' },
    },
  });
  if (values.help) return USAGE;
  if (values.version) return `${version.version}\n`;
  const [site, ...more] = positionals;
  if (!site || more.length > 0)
    throw new Error(
      `name one folder, that of the site${site ? `, not also ${more.join(' ')}` : ''}`,
    );
  const { out, check } = values;
  if (out === '' || (out === undefined && !check))
    throw new Error('--out is missing: the folder to write to, as --out ./dist');
  const trackers = values.tracker.flatMap((urls) => urls.split(/\s+/)).filter(Boolean);
  if (trackers.length === 0)
    throw new Error('--tracker is missing: the address of your tracker, as wss://tracker.example/');
  for (const tracker of trackers)
    if (!/^wss?:$/.test(URL.parse(tracker)?.protocol ?? ''))
      throw new Error(`--tracker takes an address of ws: or wss:, not '${tracker}'`);
  const baseUrl = values['base-url'];
  if (baseUrl !== undefined && !/^https?:$/.test(URL.parse(baseUrl)?.protocol ?? ''))
    throw new Error(`--base-url takes an address of http: or https:, not '${baseUrl}'`);
  const urls = new SiteUrls(baseUrl);
  if (values.script !== undefined && !isScript(values.script))
    throw new Error(
      `--script takes an address of http: or https:, or one from the root as /zauberflote.js, not '${values.script}'`,
    );
  return {
    site,
    out,
    urls,
    page: {
      minSize: bytesOf('--min-size', values['min-size']),
      maxInlineBytes: bytesOf('--max-inline', values['max-inline']),
      kinds: kindsOf([...values.mark, ...(values.worker ? ['media'] : [])]),
      worker: values.worker ? `${urls.root}${WORKER_FILE}` : undefined,
      noscript: !values['no-noscript'],
      script: values.script ?? `${urls.root}${CLIENT_FOLDER}/zauberflote.js`,
      trackers,
    },
    excluded: values.exclude,
    withClient: values.script === undefined,
    force: values.force,
    check,
    json: values.json,
    verbose: values.verbose,
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
