/** Entry of zauberflote-css.mjs: stylesheets. It shares no code with the other files, see stylesheet-library.ts. */
import { type CssReference, cssReferences, rewriteCss } from './css.ts';
import { charset, withCharsetOf } from './media-type.ts';
import type { PreparedStylesheet, StylesheetPage } from './stylesheet-library.ts';

/**
 * How long a stylesheet that is there waits for marked assets it names. Fonts that are marked in
 * front of it usually come with it; a page without styles for longer than half a second is worse
 * than one asset from the origin.
 */
export const STYLESHEET_WAIT_MS = 500;

interface Replacement {
  readonly url: string;
  readonly release: () => void;
}

/**
 * Makes a stylesheet work from a blob: URL: relative URLs become absolute, and URLs of assets that
 * are marked on the page become object URLs of those. An asset that fails, or is not here within
 * {@link STYLESHEET_WAIT_MS}, is left to the browser, at its origin; the element that marks it
 * reports it.
 * @param base absolute URL of the stylesheet at its origin
 * @param importers the stylesheets that import this one, which it cannot import in turn
 * @param late resolves when assets that are not here yet are not waited for any more
 */
export async function prepareStylesheet(
  page: StylesheetPage,
  blob: Blob,
  base: string,
  importers: readonly string[] = [],
  late: Promise<undefined> = new Promise((resolve) => setTimeout(resolve, STYLESHEET_WAIT_MS)),
): Promise<PreparedStylesheet> {
  const css = await decodeCss(blob, page.characterSet);
  const replacements = new Map<string, Replacement>();
  await Promise.all(
    cssReferences(css, base).map(async (reference) => {
      const replacement = await replace(page, reference, [...importers, base], late);
      if (replacement) replacements.set(`${reference.kind} ${reference.url}`, replacement);
    }),
  );
  const rewritten = rewriteCss(
    css,
    base,
    ({ kind, url }) => replacements.get(`${kind} ${url}`)?.url,
  );
  return {
    blob:
      rewritten === css
        ? blob.slice(0, blob.size, withCharsetOf('text/css', blob.type))
        : new Blob([rewritten], { type: 'text/css;charset=utf-8' }),
    release: () => {
      for (const { release } of replacements.values()) release();
    },
  };
}

/** The object URL that takes the place of a URL in a stylesheet, if its asset is marked and to be had. */
async function replace(
  page: StylesheetPage,
  { url, kind }: CssReference,
  importers: readonly string[],
  late: Promise<undefined>,
): Promise<Replacement | undefined> {
  const asset = importers.includes(url) ? undefined : page.share(url);
  if (!asset) return undefined;
  const release = () => asset.release();
  try {
    const blob = await Promise.race([asset.blob, late]);
    if (!blob) {
      release();
      return undefined;
    }
    if (kind === 'import') {
      const imported = await prepareStylesheet(page, blob, url, importers, late);
      const own = URL.createObjectURL(imported.blob);
      const releaseAll = () => {
        URL.revokeObjectURL(own);
        imported.release();
        release();
      };
      return { url: own, release: releaseAll };
    }
    const held = await asset.hold();
    const releaseBoth = () => {
      held.release();
      release();
    };
    return { url: held.url, release: releaseBoth };
  } catch {
    release();
    return undefined;
  }
}

/** Decodes as CSS Syntax section 3.2 does: byte order mark, HTTP, `@charset`, the page's own. */
async function decodeCss(blob: Blob, pageCharset: string): Promise<string> {
  const bytes = await blob.arrayBuffer();
  const start = String.fromCharCode(...new Uint8Array(bytes, 0, Math.min(64, bytes.byteLength)));
  const bom = start.startsWith('\xef\xbb\xbf') ? 'utf-8' : undefined;
  const named = bom ?? charset(blob.type) ?? /^@charset "([^"]*)";/.exec(start)?.[1] ?? pageCharset;
  try {
    return new TextDecoder(named).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}
