import { parseArgs } from 'node:util';
import version from '../package.json' with { type: 'json' };
import {
  DEFAULT_FLAGS,
  MAX_INLINE_MANIFESTS_BYTES,
  MIN_ASSET_BYTES,
  type SiteSettings,
  siteSettings,
} from './convert-settings.ts';
import { KINDS } from './html/types.ts';
import { CLIENT_FOLDER, WORKER_FILE } from './site/stamp.ts';

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

export interface Settings extends SiteSettings {
  readonly site: string;
  readonly out: string | undefined;
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
      mark: { type: 'string', multiple: true, default: [...DEFAULT_FLAGS.mark] },
      'min-size': { type: 'string', default: DEFAULT_FLAGS.minSize },
      'max-inline': { type: 'string', default: DEFAULT_FLAGS.maxInline },
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
  const { force, json, verbose } = values;
  const settings = siteSettings({
    tracker: values.tracker,
    script: values.script,
    baseUrl: values['base-url'],
    worker: values.worker,
    mark: values.mark,
    minSize: values['min-size'],
    maxInline: values['max-inline'],
    exclude: values.exclude,
    noscript: !values['no-noscript'],
  });
  return { ...settings, site, out, force, check, json, verbose };
}
