import { createHash } from 'node:crypto';
import { GUARD, guardSnippet } from '../../../client/guard/guard.ts';
import type { Span, Tree } from './tree.ts';
import { get, parentOf } from './tree.ts';

/** What the converter writes into the head stands between these comments, so that it finds it again. */
const START = 'zauberflote-convert';
const END = '/zauberflote-convert';

/**
 * Pictures that are not there yet have no room, although they say their size (docs/guide.md, section 5). `:where` gives
 * way to every rule of the page.
 */
const STYLE =
  ':where(img[data-zf-fallback],img[data-zf-srcset]){display:inline-block;overflow:hidden}';

/**
 * Without JavaScript the twins are shown, so not the originals; a twin takes the place of its original in a grid as well. In rules of their own, as a browser drops one in which
 * it does not know a selector.
 */
const HIDDEN =
  'noscript[data-zf-twin]{display:contents}' +
  '[data-zf-fallback],[data-zf-srcset],[data-zf-poster]{display:none!important}' +
  'video:has(>[data-zf-fallback]),audio:has(>[data-zf-fallback]){display:none!important}';

export interface HeadParts {
  /** Address of zauberflote.js. */
  readonly script: string;
  /** Addresses of trackers, parted by spaces. */
  readonly tracker: string;
  /** Address of zauberflote-sw.js, if there is one. */
  readonly worker?: string | undefined;
  /** To be in the page, each once. */
  readonly manifests: readonly Uint8Array[];
  /** There are twins for those without JavaScript. */
  readonly hasTwins: boolean;
}

/** What goes into the head of a page with marks. It holds nothing that would end the head. */
export function headBlock({ script, tracker, worker, manifests, hasTwins }: HeadParts): string {
  const snippet = guardSnippet(script, tracker);
  const loader = worker
    ? snippet.replace(/ async(?=><\/script>$)/, ` data-worker="${worker}"$&`)
    : snippet;
  const inline = manifests.map(
    (manifest) =>
      `<script type="application/zauberflote-manifest">${Buffer.from(manifest).toString('base64')}</script>\n`,
  );
  return (
    `<!--${START}-->${loader}\n<style>${STYLE}</style>\n` +
    `${hasTwins ? `<noscript><style>${HIDDEN}</style></noscript>\n` : ''}${inline.join('')}<!--${END}-->`
  );
}

/** What a Content Security Policy has to name, by directive, for the page to work as it did. */
export const POLICY_HASHES = {
  guard: sri(GUARD),
  style: sri(STYLE),
  /** Only browsers without JavaScript apply it. */
  hidden: sri(HIDDEN),
};

function sri(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/** Where the block of an earlier conversion is; undefined if there is none. */
export function findBlock({ comments }: Tree): Span | undefined {
  const start = comments.find(({ data }) => data === START);
  const end = comments.find(
    (comment) => comment.data === END && start && comment.start > start.start,
  );
  return start && end && { start: start.start, end: end.end };
}

/** Whether somebody marked the page, or gave it the client, by hand. */
export function isMarked({ elements }: Tree): boolean {
  return elements.some(({ element: { tagName, attrs } }) =>
    attrs.some(
      ({ name, value }) =>
        /^data-zf-(?:hash|fallback|srcset|poster)$/.test(name) ||
        (tagName === 'script' &&
          (name === 'data-tracker' || value === 'application/zauberflote-manifest')),
    ),
  );
}

/**
 * Where the block goes: as early as can be, but after what says how to read the page, for which browsers look in its
 * first bytes only, and after what says where it is.
 * @returns undefined if what says how to read it is not in the head
 */
export function blockPlace(tree: Tree): number | undefined {
  let at: number | undefined;
  for (const { element, place } of tree.elements) {
    const { tagName } = element;
    const isFirst =
      tagName === 'base' ||
      (tagName === 'meta' &&
        (get(element, 'charset') !== null ||
          get(element, 'http-equiv')?.toLowerCase() === 'content-type'));
    if (!isFirst || place !== 'page') continue;
    if (parentOf(element)?.tagName === 'head') at = tree.startTag(element)?.end;
    else if (tagName === 'meta') return undefined;
  }
  if (at !== undefined) return at;
  for (const name of ['head', 'html']) {
    const found = tree.elements.find(({ element }) => element.tagName === name);
    const tag = found?.element.sourceCodeLocation?.startTag;
    if (tag) return tag.endOffset;
  }
  const mark = /^(?:\ufeff|\xef\xbb\xbf)/.exec(tree.text)?.[0].length ?? 0;
  return Math.max(tree.doctypeEnd, mark);
}
