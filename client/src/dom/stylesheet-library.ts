/**
 * The page's side of zauberflote-css.mjs (stylesheet.ts), which is loaded when a page has a marked
 * stylesheet: many pages have none. What is declared here keeps its name in both files.
 */
import type { Assets, HeldUrl } from './assets.ts';
import { MARKED, ownPart } from './elements.ts';
import { typeOf } from './media-type.ts';
import { parseUrl } from './url.ts';

/** What zauberflote-css.mjs exports. */
export interface StylesheetLibrary {
  prepareStylesheet(page: StylesheetPage, css: Blob, base: string): Promise<PreparedStylesheet>;
}

/** A stylesheet ready to be shown from a blob: URL. */
export interface PreparedStylesheet {
  readonly blob: Blob;
  /** Lets go of the assets it refers to; call it when the stylesheet is gone. */
  readonly release: () => void;
}

/** The page a stylesheet is for. */
export interface StylesheetPage {
  readonly characterSet: string;
  /** The asset of an element of the page whose fallback is at `url` (absolute, without fragment). */
  share(url: string): SharedAsset | undefined;
}

export interface SharedAsset {
  /** Rejects with ZfError. */
  readonly blob: Promise<Blob>;
  /** An object URL of the asset. It outlives `release`, until a `release` of its own. */
  hold(): Promise<HeldUrl>;
  release(): void;
}

export function stylesheetPage(document: Document, assets: Assets): StylesheetPage {
  /** What is marked, by address. Made once: a page may mark thousands, and a stylesheet name hundreds. */
  let marked: Map<string, { element: Element; hash: string }> | undefined;
  const find = () => {
    const found: typeof marked = new Map();
    for (const element of document.querySelectorAll(MARKED)) {
      const { hash, fallback } = ownPart(element);
      const absolute = fallback !== null && parseUrl(fallback, document.baseURI);
      if (hash === null || !absolute) continue;
      absolute.hash = '';
      if (!found.has(absolute.href)) found.set(absolute.href, { element, hash });
    }
    return found;
  };
  return {
    characterSet: document.characterSet,
    share(url) {
      marked ??= find();
      const { element, hash } = marked.get(url) ?? {};
      if (!element || !hash) return undefined;
      const { asset, release } = assets.share(hash, url);
      return {
        blob: asset.blob,
        async hold() {
          const blob = await asset.blob;
          return asset.hold(blob, await typeOf(blob, element.getAttribute('type'), url));
        },
        release,
      };
    },
  };
}

/** Loads the library when first called. If that fails, says so, and resolves to nothing. */
export function onDemand(
  load: () => Promise<StylesheetLibrary>,
): () => Promise<StylesheetLibrary | undefined> {
  let loading: Promise<StylesheetLibrary | undefined> | undefined;
  return () => {
    loading ??= load().catch((error) => {
      console.warn(
        `Zauberflöte: stylesheets are loaded from their origin, unverified: put zauberflote-css.mjs beside zauberflote.js, as text/javascript (${error})`,
      );
      return undefined;
    });
    return loading;
  };
}
