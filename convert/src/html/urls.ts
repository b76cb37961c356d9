/** Where a reference of a page leads. */
export type Target =
  | { readonly kind: 'file'; readonly path: string; readonly query: string }
  | { readonly kind: 'elsewhere'; readonly why: string }
  /** `data:`, `blob:` or nothing at all: no file. */
  | { readonly kind: 'none' };

/** A host that no page names, for pages of which nobody said where they will be. */
const UNKNOWN_HOST = 'http://site.invalid/';

/** The addresses of a site: its folder is what the base URL names. */
export class SiteUrls {
  readonly #base: URL;
  readonly #isMovable: boolean;

  /**
   * A site below a path, on a host that nobody named.
   * @param path from the root of the host; undefined: pages name the site's own files from where they are themselves,
   * so that it can be put anywhere
   */
  static below(path: string | undefined): SiteUrls {
    return new SiteUrls(new URL(path ?? '/', UNKNOWN_HOST).href, path === undefined);
  }

  /** @param base absolute, http or https; its path is taken to end in a slash */
  constructor(base = UNKNOWN_HOST, isMovable = false) {
    const url = new URL(base);
    if (!url.pathname.endsWith('/')) url.pathname += '/';
    url.search = '';
    url.hash = '';
    this.#base = url;
    this.#isMovable = isMovable;
  }

  /** Of the site's folder, from the root of the host: `/` or `/shop/`; `./` if it can be put anywhere. */
  get root(): string {
    return this.#isMovable ? './' : this.#base.pathname;
  }

  /**
   * How a page names a file of ours.
   * @param address as the root and a path make it, or any other
   * @param from where the page is, or what its `<base>` says
   */
  own(address: string, from: URL): string {
    if (!address.startsWith('./')) return address;
    const folders = from.pathname.split('/').length - 2;
    return folders > 0 ? '../'.repeat(folders) + address.slice(2) : address;
  }

  /** Of the host, as policies name it; undefined if that is not known. */
  get origin(): string | undefined {
    return this.#base.href.startsWith(UNKNOWN_HOST) ? undefined : this.#base.origin;
  }

  /** The address of a page. `index.html` counts as its folder, which makes no difference to what it names. */
  ofPage(path: string): URL {
    return new URL(path.split('/').map(encodeURIComponent).join('/'), this.#base);
  }

  /**
   * @param reference as in the page
   * @param from where the page is, or what its `<base>` says
   */
  resolve(reference: string, from: URL): Target {
    if (reference.trim() === '') return { kind: 'none' };
    const url = URL.parse(reference, from);
    if (!url) return { kind: 'elsewhere', why: 'it is no address' };
    if (/^(?:data|blob|about|javascript):$/.test(url.protocol)) return { kind: 'none' };
    if (url.origin !== this.#base.origin)
      return { kind: 'elsewhere', why: `it is on another host, ${url.host || url.protocol}` };
    if (!url.pathname.startsWith(this.#base.pathname))
      return { kind: 'elsewhere', why: `it is outside ${this.#base.pathname}` };
    const segments = url.pathname.slice(this.#base.pathname.length).split('/');
    try {
      const names = segments.map(decodeURIComponent);
      // An encoded slash is part of a name to a browser, and a way out of the folder to a file system.
      if (names.some((name) => /[/\\\0]/.test(name) || name === '..' || name === '.'))
        return { kind: 'elsewhere', why: 'its path has what is no name of a file' };
      return { kind: 'file', path: names.join('/'), query: url.search };
    } catch {
      return { kind: 'elsewhere', why: 'its path is not in UTF-8' };
    }
  }
}

/**
 * Whether a query only tells versions of a file apart: `?v=123`, `?8f3a2c`. Another may choose what is sent (`?w=640`),
 * so that the file is not what visitors get.
 */
export function isVersion(query: string): boolean {
  return /^(?:\??|\?(?:(?:v|ver|version|rev|r|h|hash|t|ts|cb|_)=)?[\w.~-]*)$/i.test(query);
}
