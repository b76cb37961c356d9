import { DEFAULT_FLAGS, type SiteFlags } from '../convert-settings.ts';
import type { Kind } from '../html/types.ts';

/**
 * Options of {@link zauberflote}: those of the command `zauberflote-convert`, by the same names. Paths count from Vite's
 * `root`, or from where Rollup runs.
 */
export interface ZauberfloteOptions {
  /** `ws:` or `wss:` address of the tracker; several: the next one when one fails. */
  readonly tracker: string | readonly string[];
  /** Where pages find zauberflote.js, if it is not to go into the output, below `zauberflote/`. */
  readonly script?: string | undefined;
  /**
   * Where the site will be, as `https://example.org/shop/`: addresses that begin so are files of it.
   * @default what Vite's `base` says; else the root of a host
   */
  readonly baseUrl?: string | undefined;
  /**
   * Video and audio are marked, too, and play while they come, by a service worker at the top of the site.
   * @default false
   */
  readonly worker?: boolean | undefined;
  /**
   * What is marked.
   * @default ['pictures', 'scripts']
   */
  readonly mark?: Kind | string | readonly (Kind | string)[] | undefined;
  /**
   * Smaller files stay; in bytes.
   * @default 14600
   */
  readonly minSize?: number | undefined;
  /**
   * Of the manifests in a page, in bytes of base64; others go beside the files.
   * @default 16384
   */
  readonly maxInline?: number | undefined;
  /** Globs of files that are not marked and pages that are not changed, from the site's folder. */
  readonly exclude?: string | readonly string[] | undefined;
  /**
   * Twins for visitors without JavaScript.
   * @default true
   */
  readonly noscript?: boolean | undefined;
  /**
   * The folder of the site, where that is not the one the bundler writes to; needs `out`.
   */
  readonly site?: string | undefined;
  /**
   * Where the converted site goes, not in the output, nor the output in it. Replaced as a whole.
   * @default the output itself is changed
   */
  readonly out?: string | undefined;
  /**
   * Replace `out` whoever wrote it.
   * @default false
   */
  readonly force?: boolean | undefined;
  /**
   * Name every element that stays as it is, and why; else some of each kind.
   * @default false
   */
  readonly verbose?: boolean | undefined;
}

/** What can be said to be of which type. */
type Shape = 'text' | 'texts' | 'number' | 'yes or no';

const SHAPES: Readonly<Record<keyof ZauberfloteOptions, Shape>> = {
  tracker: 'texts',
  script: 'text',
  baseUrl: 'text',
  worker: 'yes or no',
  mark: 'texts',
  minSize: 'number',
  maxInline: 'number',
  exclude: 'texts',
  noscript: 'yes or no',
  site: 'text',
  out: 'text',
  force: 'yes or no',
  verbose: 'yes or no',
};

const NEEDS: Readonly<Record<Shape, string>> = {
  text: 'a string',
  texts: 'a string or an array of strings',
  number: 'a number',
  'yes or no': 'true or false',
};

/**
 * The options as the command would have them.
 * @throws {Error} saying what is wrong and what would be right
 */
export function flagsOf(options: ZauberfloteOptions): SiteFlags {
  for (const [name, value] of Object.entries(options)) {
    const shape = Object.hasOwn(SHAPES, name) && SHAPES[name as keyof ZauberfloteOptions];
    if (!shape)
      throw new Error(`there is no option '${name}'; there are ${Object.keys(SHAPES).join(', ')}`);
    if (value !== undefined && !isOf(shape, value))
      throw new Error(`'${name}' takes ${NEEDS[shape]}, not ${shown(value)}`);
  }
  for (const name of ['site', 'out'] as const)
    if (options[name] === '') throw new Error(`'${name}' takes the path of a folder`);
  if (options.site !== undefined && options.out === undefined)
    throw new Error(
      "'site' needs 'out', where the converted site goes: files that you wrote are not changed",
    );
  const { script, baseUrl, worker, minSize, maxInline, noscript } = options;
  return {
    tracker: list(options.tracker),
    script,
    baseUrl,
    worker: worker ?? DEFAULT_FLAGS.worker,
    mark: options.mark === undefined ? DEFAULT_FLAGS.mark : list(options.mark),
    minSize: minSize === undefined ? DEFAULT_FLAGS.minSize : String(minSize),
    maxInline: maxInline === undefined ? DEFAULT_FLAGS.maxInline : String(maxInline),
    exclude: list(options.exclude),
    noscript: noscript ?? DEFAULT_FLAGS.noscript,
  };
}

/** A flag of the command in a text; not a part of a name. */
const FLAG =
  /(?<![\w-])--(tracker|script|base-url|worker|mark|min-size|max-inline|exclude|no-noscript|out|force|verbose)(?![\w-])/g;

/** What the converter says, with options where it names flags. */
export function inOptions(text: string): string {
  return text.replace(FLAG, (_, flag: string) =>
    flag === 'no-noscript'
      ? "'noscript: false'"
      : `'${flag.replace(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase())}'`,
  );
}

function list(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value;
}

function isOf(shape: Shape, value: unknown): boolean {
  if (shape === 'number') return typeof value === 'number';
  if (shape === 'yes or no') return typeof value === 'boolean';
  if (typeof value === 'string') return true;
  return (
    shape === 'texts' &&
    Array.isArray(value) &&
    value.every((item: unknown) => typeof item === 'string')
  );
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : (JSON.stringify(value) ?? typeof value);
}
