import type { Change, Marker } from './marker.ts';
import { Stays } from './marker.ts';
import { type Attribute, childrenOf, type Element, get, parentOf } from './tree.ts';

/** Whether an attribute names something that is fetched. */
const isNamed = (attribute: Attribute | undefined): attribute is Attribute =>
  attribute !== undefined && !/^\s*(?:$|data:|blob:|about:)/i.test(attribute.value);

/** An `<img>`, alone or with the `<source>` elements of its `<picture>`: all of it or nothing. */
export async function markPicture(marker: Marker, img: Element): Promise<void> {
  const parent = parentOf(img);
  const picture = parent?.tagName === 'picture' ? parent : undefined;
  const members = picture ? childrenOf(picture) : [img];
  const attributes = members.flatMap((member) =>
    ['src', 'srcset'].map((name) => marker.tree.attribute(member, name)),
  );
  if (!attributes.some(isNamed)) {
    const lazy = ['data-src', 'data-srcset', 'data-original'].find((name) => get(img, name));
    if (lazy) throw new Stays('lazy', `a script of the page loads it (${lazy})`, get(img, lazy)!);
    return;
  }
  const changes: Change[] = [];
  for (const member of members) {
    if (!/^(?:img|source)$/.test(member.tagName) || (member.tagName === 'img' && member !== img))
      throw new Stays('markup', 'its <picture> holds more than sources and one <img>');
    const src = member === img ? marker.tree.attribute(member, 'src') : undefined;
    const srcset = marker.tree.attribute(member, 'srcset');
    if (src?.value.trim()) changes.push(await marker.single(member, src));
    if (srcset?.value.trim()) changes.push(await marker.list(member, srcset));
  }
  // A source of a picture has no src.
  if (changes.length === 0) return;
  for (let at = parent; at; at = parentOf(at))
    if (at.tagName === 'object')
      throw new Stays('kind', 'it is shown only where its <object> is not', changes[0]!.url);
  marker.want('pictures', 'pictures stay as they are');
  marker.large(changes);
  marker.mark(img, changes, shownPart(marker, picture ?? img, Boolean(picture)));
}

/** A `<video>` or `<audio>` with its sources and poster: all of it or nothing. */
export async function markMedia(marker: Marker, media: Element): Promise<void> {
  const { tree } = marker;
  const sources = childrenOf(media).filter(({ tagName }) => tagName === 'source');
  const all = [media, ...sources].map(
    (element) => [element, tree.attribute(element, 'src')] as const,
  );
  const poster = tree.attribute(media, 'poster');
  const named = all.filter((pair): pair is [Element, Attribute] => isNamed(pair[1]));
  if (named.length === 0 && !isNamed(poster)) return;
  marker.want('media', 'without --worker marked media play only when they are there as a whole');
  const changes: Change[] = [];
  for (const [element, src] of named) changes.push(await marker.single(element, src));
  if (isNamed(poster)) changes.push(await marker.list(media, poster));
  marker.large(changes);
  marker.mark(media, changes, shownPart(marker, media, true));
}

/** A stylesheet. */
export async function markStyle(marker: Marker, link: Element): Promise<void> {
  const href = marker.tree.attribute(link, 'href');
  if (!isNamed(href)) return;
  const rel = relOf(link);
  if (rel.includes('alternate') || get(link, 'disabled') !== null)
    throw new Stays('kind', 'browsers do not load it before it is chosen', href.value);
  marker.want(
    'styles',
    'a marked stylesheet does not hold up the page, which shows without it at first',
  );
  if (!marker.isUtf8) throw new Stays('encoding', 'the page is not in UTF-8', href.value);
  if (get(link, 'integrity'))
    throw new Stays(
      'integrity',
      'the client changes addresses in the text, so its integrity would not hold',
      href.value,
    );
  const change = await marker.single(link, href);
  marker.large([change]);
  marker.mark(link, [change], shownPart(marker, link, false));
  const files = (await countFiles(marker, change)) ?? 0;
  if (files > 0)
    marker.leave(
      link,
      'css-files',
      `the ${files} files it names come by HTTP, unless zf-preload links mark them`,
      href.value,
    );
}

export function relOf(link: Element): string[] {
  return (get(link, 'rel') ?? '').toLowerCase().split(/\s+/).filter(Boolean);
}

async function countFiles(marker: Marker, { assets }: Change): Promise<number> {
  const css = Buffer.from(await marker.files.bytes(assets[0]!.path)).toString('latin1');
  return [...css.matchAll(/\burl\(\s*["']?(?!data:|#)|@import\s+["']/gi)].length;
}

/** What a twin shows. @throws {Stays} if it is not clear where that ends */
function shownPart(
  marker: Marker,
  element: Element,
  hasEnd: boolean,
): { start: number; end: number } {
  const { tree } = marker;
  const start = tree.startTag(element)!;
  if (!hasEnd) return start;
  const end = element.sourceCodeLocation?.endTag;
  if (!end) throw new Stays('markup', `<${element.tagName}> has no end tag`);
  return { start: start.start, end: end.endOffset };
}
