import type { Edit } from './splice.ts';
import { splice } from './splice.ts';
import { parseSrcset } from './srcset.ts';
import type { Attribute, Element, Tree } from './tree.ts';
import type { Asset, Files, Kind, Mark, PageOptions, Reason, Skip } from './types.ts';
import { TWIN } from './undo.ts';
import { isVersion, type SiteUrls } from './urls.ts';

/** Of a start tag, in reports. */
const MAX_SHOWN_CHARACTERS = 120;

/** Why a unit stays as it is. */
export class Stays extends Error {
  readonly reason: Reason;
  readonly url: string;

  constructor(reason: Reason, detail: string, url = '') {
    super(detail);
    this.reason = reason;
    this.url = url;
  }
}

/** What marks one attribute. */
export interface Change {
  /** Of the attribute, as in the page. */
  readonly url: string;
  readonly assets: readonly Asset[];
  readonly edits: readonly Edit[];
  /** What the twin has instead: the attribute as the next conversion will find it. */
  readonly twinEdits: readonly Edit[];
}

/** Collects what is to be changed in one page. */
export class Marker {
  readonly tree: Tree;
  readonly isUtf8: boolean;
  readonly options: PageOptions;
  readonly files: Files;
  readonly edits: Edit[] = [];
  readonly marks: Mark[] = [];
  readonly assets = new Map<string, Asset>();
  readonly skips: Skip[] = [];
  hasTwins = false;
  readonly #urls: SiteUrls;
  readonly #base: URL;
  /** Before it nothing is marked. */
  readonly #from: number;
  readonly #preloaded = new Set<string>();

  constructor(
    tree: Tree,
    isUtf8: boolean,
    options: PageOptions,
    files: Files,
    urls: SiteUrls,
    base: URL,
    from: number,
  ) {
    this.tree = tree;
    this.isUtf8 = isUtf8;
    this.options = options;
    this.files = files;
    this.#urls = urls;
    this.#base = base;
    this.#from = from;
  }

  /** The page fetches it early by HTTP: whoever marks it, has it come twice. */
  preloads(reference: string): void {
    const target = this.#urls.resolve(reference, this.#base);
    if (target.kind === 'file') this.#preloaded.add(target.path);
  }

  leave(element: Element, reason: Reason, detail: string, url = ''): void {
    const tag = this.tree.startTag(element);
    const text = tag ? this.tree.text.slice(tag.start, tag.end).replaceAll(/\s+/g, ' ') : '';
    this.skips.push({
      line: tag ? this.tree.line(tag.start) : 0,
      element:
        text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text,
      url,
      reason,
      detail,
    });
  }

  /** Runs `work` for an element; what it throws as {@link Stays} is the reason why that stays as it is. */
  async attempt(element: Element, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Stays)) throw error;
      this.leave(element, error.reason, error.message, error.url);
    }
  }

  want(kind: Kind, why: string): void {
    if (!this.options.kinds.has(kind))
      throw new Stays('kind', `${why}; --mark ${kind} marks them all the same`);
  }

  /**
   * The file that an attribute names.
   * @throws {Stays}
   */
  async asset(reference: string, raw: string): Promise<Asset> {
    if (!this.isUtf8 && /[^ -~]/.test(raw))
      throw new Stays('encoding', 'its address is not ASCII, and the page not in UTF-8', reference);
    const target = this.#urls.resolve(reference, this.#base);
    if (target.kind === 'none') throw new Stays('file', 'it names no file', reference.slice(0, 40));
    if (target.kind === 'elsewhere') throw new Stays('elsewhere', target.why, reference);
    if (!isVersion(target.query))
      throw new Stays('query', `${target.query} may choose what the server sends`, reference);
    if (this.#preloaded.has(target.path))
      throw new Stays('preloaded', 'a preload link of the page fetches it by HTTP', reference);
    const asset = await this.files.asset(target.path);
    if (asset === undefined) throw new Stays('missing', 'the site has no such file', reference);
    if (typeof asset !== 'string') return asset;
    throw new Stays(asset === EXCLUDED ? 'excluded' : 'file', asset, reference);
  }

  /** `src` or `href`. @throws {Stays} */
  async single(element: Element, attribute: Attribute): Promise<Change> {
    this.#check(element);
    const asset = await this.asset(attribute.value, attribute.raw.text);
    const name = { start: attribute.start, end: attribute.start + attribute.name.length };
    return {
      url: attribute.value,
      assets: [asset],
      edits: [
        { ...name, text: 'data-zf-fallback' },
        { start: attribute.end, end: attribute.end, text: ` data-zf-hash="${asset.id}"` },
      ],
      twinEdits: [{ ...name, text: attribute.name }],
    };
  }

  /** `srcset` or `poster`. @throws {Stays} */
  async list(element: Element, attribute: Attribute): Promise<Change> {
    this.#check(element);
    const { name, value, raw, start } = attribute;
    const read = (text: string) =>
      name === 'srcset'
        ? parseSrcset(text)
        : [{ url: text.trim(), end: text.trimEnd().length, descriptor: '' }];
    const [candidates, written] = [read(value), read(raw.text)];
    if (!candidates || candidates.length !== written?.length)
      throw new Stays('markup', `its ${name} has what the client cannot read`);
    if (candidates.some(({ url }) => /\s/.test(url)))
      throw new Stays('markup', `the address in its ${name} has spaces`);
    if (raw.quote === '' && raw.text.includes('"'))
      throw new Stays('markup', `its ${name} has a quote without being quoted`);
    const assets: Asset[] = [];
    const hashes: Edit[] = [];
    for (const [i, { url }] of candidates.entries()) {
      const asset = await this.asset(url, written[i]!.url);
      assets.push(asset);
      const at = raw.start + written[i]!.end;
      hashes.push({ start: at, end: at, text: ` ${asset.id}` });
    }
    const quote = raw.quote === '' ? '"' : '';
    const quoted = (inner: readonly Edit[]) => [
      { start: raw.start, end: raw.start, text: quote },
      ...inner,
      { start: raw.end, end: raw.end, text: quote },
    ];
    const rename = (text: string) => ({ start, end: start + name.length, text });
    return {
      url: value,
      assets,
      edits: [rename(`data-zf-${name}`), ...quoted(hashes)],
      twinEdits: [rename(name), ...quoted([])],
    };
  }

  /** @throws {Stays} if none is large enough to be worth it */
  large(changes: readonly Change[]): void {
    const size = Math.max(...changes.flatMap(({ assets }) => assets.map((asset) => asset.size)));
    if (size < this.options.minSize)
      throw new Stays(
        'too-small',
        `${size} bytes, less than ${this.options.minSize}`,
        changes[0]!.url,
      );
  }

  /**
   * Marks what belongs together.
   * @param shown what a twin shows, to its end; undefined: it has none
   * @throws {Stays}
   */
  mark(element: Element, changes: readonly Change[], shown?: { start: number; end: number }): void {
    let twin: Edit | undefined;
    if (shown && this.options.noscript) {
      const moved = changes
        .flatMap(({ twinEdits }) => twinEdits)
        .map(({ start, end, text }) => ({
          start: start - shown.start,
          end: end - shown.start,
          text,
        }));
      const text = splice(this.tree.text.slice(shown.start, shown.end), moved);
      if (/<\/?noscript/i.test(text))
        throw new Stays('markup', 'it holds a noscript, which its twin cannot');
      twin = { start: shown.end, end: shown.end, text: `<noscript ${TWIN}>${text}</noscript>` };
    }
    const line = this.tree.line(this.tree.startTag(element)!.start);
    for (const { assets, edits } of changes) {
      this.edits.push(...edits);
      for (const asset of assets) {
        this.marks.push({ line, path: asset.path, id: asset.id });
        this.assets.set(asset.id, asset);
      }
    }
    if (!twin) return;
    this.edits.push(twin);
    this.hasTwins = true;
  }

  #check(element: Element): void {
    const tag = this.tree.startTag(element);
    if (!tag) throw new Stays('markup', 'it is not written out in the page');
    if (tag.start < this.#from)
      throw new Stays(
        'markup',
        'it is before what says how to read the page, where the client cannot be',
      );
    if (this.tree.hasTwice(element)) throw new Stays('markup', 'it has an attribute twice');
  }
}

/** Why {@link Files} leaves a file out that the site's owner excluded. */
export const EXCLUDED = '--exclude names it';
