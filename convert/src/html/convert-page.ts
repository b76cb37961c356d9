import { markMedia, markPicture, markStyle, relOf } from './elements.ts';
import { blockPlace, headBlock, isMarked } from './head.ts';
import { Marker } from './marker.ts';
import { readPage } from './page-text.ts';
import { policyLacks } from './policy.ts';
import { markScripts } from './scripts.ts';
import { splice } from './splice.ts';
import { parseSrcset } from './srcset.ts';
import { type Element, get, Tree } from './tree.ts';
import type { Asset, ConvertedPage, Files, PageOptions, Reason, Skip } from './types.ts';
import { undo } from './undo.ts';
import type { SiteUrls } from './urls.ts';

/** Directives of a Content Security Policy by what is marked. */
const BLOBS = {
  pictures: 'img-src',
  scripts: 'script-src',
  styles: 'style-src',
  media: 'media-src',
};

/**
 * Marks a page: writes into its text what docs/guide.md has by hand, and nothing else. A page that was converted
 * before comes out as if it had not been.
 * @param path of the page, from the site's folder
 */
export async function convertPage(
  bytes: Uint8Array,
  path: string,
  urls: SiteUrls,
  options: PageOptions,
  files: Files,
): Promise<ConvertedPage> {
  const stays = (reason: Reason, detail: string, as = bytes): ConvertedPage => {
    const skip: Skip = { line: 0, element: '', url: '', reason, detail };
    return { bytes: as, marks: [], skips: [skip], beside: [] };
  };
  const page = readPage(bytes);
  if (typeof page === 'string') return stays('encoding', page);
  const found = new Tree(page.text);
  const before = undo(found);
  if (before === undefined && isMarked(found))
    return stays('by-hand', 'it is marked by hand already');
  const tree = before === undefined ? found : new Tree(before);
  const original = before === undefined ? bytes : page.encode(before);
  if (!isWhole(tree))
    return stays(
      'fragment',
      'it is a part of a page: no doctype, <html>, <head> or <body>',
      original,
    );
  const policies = tree.elements.flatMap(({ element }) =>
    element.tagName === 'meta' &&
    get(element, 'http-equiv')?.toLowerCase() === 'content-security-policy'
      ? [get(element, 'content') ?? '']
      : [],
  );
  const needs = {
    script: options.script,
    trackers: options.trackers,
    origin: urls.origin,
    hasTwins: options.noscript,
    blobs: [...options.kinds].map((kind) => BLOBS[kind]),
  };
  const lacks = [...new Set(policies.flatMap((policy) => policyLacks(policy, needs)))];
  if (lacks.length > 0)
    return stays('policy', `its Content Security Policy lacks: ${lacks.join('; ')}`, original);

  const at = blockPlace(tree);
  if (at === undefined)
    return stays('markup', 'it says in its body how it is to be read (<meta charset>)', original);
  const base = baseOf(tree, urls.ofPage(path));
  const marker = new Marker(tree, page.isUtf8, options, files, urls, base, at);
  await markElements(marker);
  const skips = marker.skips.toSorted((a, b) => a.line - b.line);
  if (marker.marks.length === 0) return { bytes: original, marks: [], skips, beside: [] };
  const { inline, beside } = share([...marker.assets.values()], options.maxInlineBytes);
  const block = headBlock({
    script: urls.own(options.script, base),
    tracker: options.trackers.join(' '),
    worker: options.worker && urls.own(options.worker, base),
    manifests: inline.map(({ manifest }) => manifest),
    hasTwins: marker.hasTwins,
  });
  const text = splice(tree.text, [{ start: at, end: at, text: block }, ...marker.edits]);
  const marks = marker.marks.toSorted((a, b) => a.line - b.line);
  return { bytes: page.encode(text), marks, skips, beside };
}

async function markElements(marker: Marker): Promise<void> {
  const { elements } = marker.tree;
  for (const { element } of elements) if (element.tagName === 'link') preload(marker, element);
  const scripts: Element[] = [];
  let handler: string | undefined;
  for (const { element, place } of elements) {
    const { tagName } = element;
    const calls = ['onload', 'onerror'].find((name) => get(element, name)?.includes('('));
    if (calls && place === 'page' && tagName !== 'script') handler ??= `${calls} of <${tagName}>`;
    const isNamed = /^(?:audio|img|link|script|video)$/.test(tagName);
    if (place !== 'page') {
      const why =
        place === 'template'
          ? 'scripts of the page use what is in a <template>'
          : 'without JavaScript it could not be shown';
      const named = get(element, 'src') ?? get(element, 'href') ?? '';
      if ((isNamed || (tagName === 'image' && place === 'foreign')) && named)
        marker.leave(element, place, why, named);
      continue;
    }
    await marker.attempt(element, async () => {
      if (tagName === 'img') await markPicture(marker, element);
      else if (tagName === 'video' || tagName === 'audio') await markMedia(marker, element);
      else if (tagName === 'link' && relOf(element).includes('stylesheet'))
        await markStyle(marker, element);
      else if (tagName === 'script') scripts.push(element);
      else other(marker, element);
    });
  }
  await markScripts(marker, scripts, handler);
}

/** What the guide advises against marking, in the report only. */
function other(marker: Marker, element: Element): void {
  const name = { embed: 'src', object: 'data', iframe: 'src', input: 'src', link: 'href' }[
    element.tagName
  ];
  const url = name && get(element, name);
  if (
    !url ||
    /^data:/i.test(url) ||
    (element.tagName === 'link' && !relOf(element).some((word) => /icon$/.test(word)))
  )
    return;
  const why: Record<string, string> = {
    iframe: 'frames always come from the server',
    link: 'browsers fetch icons before scripts run',
  };
  marker.leave(
    element,
    'kind',
    why[element.tagName] ?? `<${element.tagName}> is marked by hand only`,
    url,
  );
}

/** Notes what a link has the browser fetch early. */
function preload(marker: Marker, link: Element): void {
  if (!relOf(link).some((word) => /^(?:preload|modulepreload|prefetch)$/.test(word))) return;
  marker.preloads(get(link, 'href') ?? '');
  for (const { url } of parseSrcset(get(link, 'imagesrcset') ?? '') ?? []) marker.preloads(url);
}

/** Parts of pages, which are put into others, have none of these; nor do they get a client of their own. */
function isWhole({ doctypeEnd, elements }: Tree): boolean {
  return (
    doctypeEnd > 0 ||
    elements.some(
      ({ element: { tagName, sourceCodeLocation } }) =>
        /^(?:html|head|body)$/.test(tagName) && sourceCodeLocation,
    )
  );
}

function baseOf({ elements }: Tree, page: URL): URL {
  const base = elements.find(
    ({ element, place }) =>
      place === 'page' && element.tagName === 'base' && get(element, 'href') !== null,
  );
  return (base && URL.parse(get(base.element, 'href')!, page)) || page;
}

/** Puts manifests into the page, in the order of its elements, as long as there is room. */
function share(assets: readonly Asset[], room: number): { inline: Asset[]; beside: Asset[] } {
  const inline: Asset[] = [];
  const beside: Asset[] = [];
  let left = room;
  for (const asset of assets) {
    const size = 4 * Math.ceil(asset.manifest.length / 3);
    if (size <= left || asset.isTaken) {
      inline.push(asset);
      left -= size;
    } else beside.push(asset);
  }
  return { inline, beside };
}
