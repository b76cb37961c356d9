import { ZfError } from '../errors.ts';
import { parseCandidates } from './srcset.ts';
import { parseUrl } from './url.ts';

/** Elements that carry an asset of ours. */
export const MARKED = '[data-zf-hash],[data-zf-fallback],[data-zf-srcset],[data-zf-poster]';

/** Attributes whose change means another asset, or another use of it; and those that show it, which a page may take away. */
export const WATCHED = [
  'data-zf-hash',
  'data-zf-fallback',
  'data-zf-srcset',
  'data-zf-poster',
  'rel',
  'loading',
  'preload',
  'sizes',
  'media',
  'src',
  'srcset',
  'href',
  'data',
  'poster',
];

/** What an element can want an asset for; only media elements have a poster. */
export type Slot = 'main' | 'poster';

/** One asset that one element wants. */
export interface Part {
  /** Gets the events; named in messages. */
  readonly element: Element;
  /** Gets the attribute. Another than `element` for a `<source>` of a `<picture>`. */
  readonly target: Element;
  /** `''`: the asset is only made available to others (preload). */
  readonly attribute: string;
  readonly hash: string | null;
  readonly fallback: string | null;
  /** `2x`, `640w`: belongs to `srcset`, where it says how large the picture is meant to be. */
  readonly descriptor: string;
}

/**
 * The element whose picture, media or script a marked element decides on: for a `<source>` the
 * `<img>` or the media element, else itself. Null for a `<source>` that belongs to none.
 */
export function ownerOf(element: Element): Element | null {
  const parent = element.parentElement;
  if (element.localName !== 'source' || !parent) return element;
  if (parent.localName === 'picture') return parent.querySelector('img');
  return isMedia(parent) ? parent : null;
}

/** The owners of all marked elements at and under `root`, in document order. */
export function ownersUnder(root: Node): Set<Element> {
  const owners = new Set<Element>();
  const visit = (element: Element) => {
    const owner = ownerOf(element);
    if (owner) owners.add(owner);
  };
  if (isElement(root) && root.matches(MARKED)) visit(root);
  for (const element of (root as Partial<ParentNode>).querySelectorAll?.(MARKED) ?? [])
    visit(element);
  return owners;
}

export function isElement(node: Node): node is Element {
  return node.nodeType === 1;
}

export function isShadowRoot(node: Node): boolean {
  return node.nodeType === 11 && 'host' in node;
}

export function isMedia(element: Element): element is HTMLMediaElement {
  return element.localName === 'video' || element.localName === 'audio';
}

export function isScript(element: Element): element is HTMLScriptElement {
  return element.localName === 'script';
}

/** The `<source>` elements that offer an `<img>` or a media element something, in order. */
export function sourcesOf(owner: Element): Element[] {
  const from = owner.localName === 'img' ? owner.parentElement : owner;
  if (from?.localName !== 'picture' && !(from && isMedia(from))) return [];
  return [...from.children].filter((child) => child.localName === 'source');
}

/** Whether an `<img>` leaves the browser a choice. */
export function isResponsive(owner: Element): boolean {
  return (
    owner.localName === 'img' &&
    [owner, ...sourcesOf(owner)].some((element) => element.hasAttribute('data-zf-srcset'))
  );
}

/** Whether the guard (see guard.js) gave an element its fallback before the client was there, and nothing has changed. */
export function isFilledByGuard(owner: Element): boolean {
  const filled = [owner, ...sourcesOf(owner)].filter((element) => 'zf' in element);
  const isUnchanged = (element: Element & { zf?: unknown }) =>
    ['fallback', 'srcset', 'poster'].map((n) => element.getAttribute(`data-zf-${n}`)).join() ===
    element.zf;
  return filled.length > 0 && filled.every(isUnchanged);
}

/**
 * What an element wants, as a text to compare; undefined if nothing. Another source at the end only
 * adds to the text.
 */
export function wishOf(owner: Element, slot: Slot): string | undefined {
  if (slot === 'poster') return owner.getAttribute('data-zf-poster')?.trim() || undefined;
  const wishes = [owner, ...sourcesOf(owner)].map((element) =>
    ['hash', 'fallback', 'srcset'].map((name) => element.getAttribute(`data-zf-${name}`)),
  );
  if (wishes.flat().every((value) => value === null)) return undefined;
  const role = owner.localName === 'link' ? linkRole(owner) : '';
  return role + wishes.map((wish) => JSON.stringify(wish)).join('');
}

/** The part of an element that names its asset by `data-zf-hash` and `data-zf-fallback`. */
export function ownPart(element: Element): Part {
  return {
    element,
    target: element,
    attribute: attributeOf(element),
    hash: element.getAttribute('data-zf-hash'),
    fallback: element.getAttribute('data-zf-fallback'),
    descriptor: '',
  };
}

/** @throws {ZfError} `bad-fallback` */
export function posterPart(element: Element): Part {
  const poster = parseCandidates(element.getAttribute('data-zf-poster') ?? '')[0]!;
  return { element, target: element, attribute: 'poster', ...poster };
}

/** What a link is for. A link without `rel` is a stylesheet (paper, section 3.5). */
export function linkRole(link: Element): 'stylesheet' | 'preload' | 'other' {
  const rel = (link.getAttribute('rel') ?? '').toLowerCase().split(/\s+/);
  if (rel.includes('stylesheet') || rel.join('') === '') return 'stylesheet';
  return rel.some((word) => /^(?:zf-|module)?preload$|^prefetch$/.test(word)) ? 'preload' : 'other';
}

/** An element as a person finds it in the page. */
export function describe(element: Element): string {
  const shown = ['id', 'data-zf-fallback', 'data-zf-srcset', 'data-zf-poster']
    .filter((name) => element.hasAttribute(name))
    .map((name) => ` ${name}="${element.getAttribute(name)}"`);
  return `<${element.localName}${shown.join('')}>`;
}

function attributeOf(element: Element): string {
  if (element.localName === 'link') return linkRole(element) === 'preload' ? '' : 'href';
  if (element.localName === 'object') return 'data';
  return 'href' in element ? 'href' : 'src';
}

/** Whether a media element may be able to play a source. */
export function mayPlay(media: HTMLMediaElement, source: Element): boolean {
  const query = source.getAttribute('media');
  if (query && !globalThis.matchMedia(query).matches) return false;
  const type = source.getAttribute('type');
  return !type || media.canPlayType(type) !== '';
}

/**
 * What a part names, if it can be had at all.
 * @throws {ZfError} `bad-hash`, `bad-fallback`
 */
export function checked({ hash, fallback }: Part, base: string): { hash: string; url: string } {
  if (!hash?.trim()) throw new ZfError('bad-hash', 'data-zf-hash is missing');
  if (!fallback?.trim()) throw new ZfError('bad-fallback', 'data-zf-fallback is missing');
  const url = parseUrl(fallback, base);
  if (!url || !/^https?:$/.test(url.protocol))
    throw new ZfError(
      'bad-fallback',
      `data-zf-fallback="${fallback}" is not a URL of http or https`,
    );
  return { hash, url: url.href };
}

/**
 * Of the first request for its file, as browsers have it: scripts and styles (and fonts) go before pictures. Files are
 * asked for in several ranges, so without this the first picture would be there when the last is.
 */
export function priorityOf({ localName, attributes }: Element): RequestPriority {
  const named = attributes.getNamedItem('fetchpriority')?.value;
  return named === 'high' || /^(?:link|script)$/.test(localName) ? 'auto' : 'low';
}
