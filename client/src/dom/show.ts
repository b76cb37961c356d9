import { isElsewhere } from '../sources/http.ts';
import type { Asset, Assets, HeldUrl } from './assets.ts';
import { holdUrl } from './assets.ts';
import { chooseImage } from './choose-image.ts';
import {
  describe,
  isMedia,
  isResponsive,
  isScript,
  linkRole,
  ownPart,
  type Part,
  sourcesOf,
} from './elements.ts';
import { isPage, mayScript, mediaType, typeOf, withCharsetOf } from './media-type.ts';
import { type StylesheetLibrary, stylesheetPage } from './stylesheet-library.ts';
import type { Use } from './use.ts';

const PLUGIN = /^(?:embed|object)$/;

/**
 * An object URL of an asset, of the media type its element needs (paper, section 3.5).
 * @param url absolute URL of the asset at its origin
 * @param loadingCss for a stylesheet; without what it resolves to, the origin has to show it
 */
export async function urlFor(
  use: Use,
  { element, target, attribute }: Part,
  assets: Assets,
  asset: Asset,
  blob: Blob,
  url: string,
  loadingCss: Promise<StylesheetLibrary | undefined> | undefined,
): Promise<HeldUrl> {
  if (isScript(element)) return asset.hold(blob, withCharsetOf('text/javascript', blob.type));
  const atOrigin = { url, release: () => {} };
  if (loadingCss) {
    const library = await loadingCss;
    if (!library) return atOrigin;
    const page = stylesheetPage(element.ownerDocument, assets);
    const sheet = await library.prepareStylesheet(page, blob, url);
    use.hold(sheet.release);
    return holdUrl(sheet.blob);
  }
  const declared = attribute === 'poster' ? null : target.getAttribute('type');
  const type = await typeOf(blob, declared, url);
  // Known only now, see isFrame.
  const isForeign = isElsewhere(url) && mayScript(type);
  if (PLUGIN.test(element.localName) && (isPage(type) || isForeign)) return atOrigin;
  const held = asset.hold(blob, type);
  // It says which symbol of an SVG, or where a film begins.
  return { ...held, url: held.url + new URL(url).hash };
}

/**
 * Whether an element shows a page, or leads to one. A page needs its own address: from a blob: URL its relative
 * links would lead nowhere, and one from another host would run as part of this site.
 * @param url absolute URL of the page at its origin
 */
export function isFrame(element: Element, url: string): boolean {
  const { localName } = element;
  if (/^(?:i?frame|a|area)$/.test(localName)) return true;
  const declared = element.getAttribute('type');
  return PLUGIN.test(localName) && isPage(mediaType({ served: '', declared, url }));
}

/** Sets the attribute that shows an asset; everything it needs around it, too. */
export function show(use: Use, part: Part, url: string): void {
  const value = part.attribute === 'srcset' ? `${url} ${part.descriptor}`.trim() : url;
  const old = use.shown?.part;
  // Elsewhere it would still be what is shown: a srcset goes before a src.
  const hasMoved = old?.target !== part.target || old.attribute !== part.attribute;
  if (hasMoved || part.target !== use.owner) unshow(use);
  setAttributes(use.owner, part, value);
  use.settle('shown', { part, value });
  if (url.startsWith('blob:')) fallBackOnError(use, part, url);
}

/**
 * A picture that is not there yet is printed from its origin, unverified, until it is here: browsers load lazy ones when a
 * page is to be printed, and wait for what has an address then.
 */
export async function showForPrint(use: Use): Promise<void> {
  const { owner, signal } = use;
  const isAwaited = () => /waiting|loading/.test(use.state) && !signal.aborted;
  if (owner.localName !== 'img' || !isAwaited()) return;
  const own = ownPart(owner);
  // The browser does not wait for the choice among several sizes, and what is verified may come meanwhile.
  const part = own.fallback ? own : await chooseImage(owner).catch(() => undefined);
  if (part?.fallback && isAwaited()) show(use, part, part.fallback);
}

/** Not sooner after the last time, in ms: what takes addresses away by an observer would go on with us for ever. */
const AGAIN_MS = 50;

/**
 * Gives back what the page took away: whoever makes elements be as the server wrote them (morphdom, Turbo, LiveView,
 * Svelte's hydration) finds no address there. Not where taking it away changes nothing.
 */
export function showAgain(use: Use): void {
  const { owner, slot, shown, signal } = use;
  if (!shown) return;
  if (slot === 'main' && /^(?:audio|i?frame|script|video)$/.test(owner.localName)) return;
  const { target, attribute } = shown.part;
  if (target.hasAttribute(attribute)) return;
  const now = performance.now();
  if (now < use.nextAgain) setTimeout(() => signal.aborted || showAgain(use), AGAIN_MS);
  else {
    use.nextAgain = now + AGAIN_MS;
    setAttributes(owner, shown.part, shown.value);
  }
}

function setAttributes(owner: Element, { element, target, attribute }: Part, value: string): void {
  // Without this, a script that gets its src from a script is async (HTML Standard, 4.12.1.1).
  if (isScript(element) && !element.hasAttribute('async')) element.async = false;
  if (isStylesheet(element) && !element.getAttribute('rel'))
    element.setAttribute('rel', 'stylesheet');
  if (isResponsive(owner))
    for (const other of [owner, ...sourcesOf(owner)])
      if (other.hasAttribute('data-zf-srcset')) other.removeAttribute('srcset');
  target.setAttribute(attribute, value);
  // Where that source is not the one any more, as on a screen that was turned, this stays until the next is here.
  if (target !== owner && owner.matches('img[data-zf-hash]:not([src])'))
    owner.setAttribute('src', standIn(value));
}

/** Without the descriptor of a srcset. */
const standIn = (value: string) => value.split(' ', 1)[0]!;

let warned = false;
/** Watched documents: whether their Content Security Policy has refused a blob: URL. */
const refuses = new WeakMap<Document, boolean>();

function watchPolicy(document: Document): void {
  if (refuses.has(document)) return;
  refuses.set(document, false);
  document.addEventListener('securitypolicyviolation', ({ blockedURI }) => {
    if (blockedURI.startsWith('blob')) refuses.set(document, true);
  });
}

/**
 * Shows the fallback when the page's Content Security Policy refuses an element's blob: URL. Other
 * errors are the file's own. A script cannot start twice: it only gets the message.
 */
function fallBackOnError(use: Use, part: Part, url: string): void {
  const { element, target, fallback } = part;
  if (!fallback) return;
  watchPolicy(element.ownerDocument);
  const failed = (event: Event) => {
    if (event.target !== listener || use.shown?.part !== part || !use.shown.value.startsWith(url))
      return;
    // An event of the picture shown before may still be on its way.
    if (use.owner.localName === 'img' && (use.owner as HTMLImageElement).currentSrc !== url) return;
    if (!refuses.get(element.ownerDocument)) return;
    if (!warned)
      console.warn(
        `Zauberflöte: ${describe(element)} refuses its blob: URL${isScript(element) ? '' : ' and is loaded from its origin, unverified'}: the page's Content Security Policy has to allow blob: (img-src, style-src, script-src, font-src, media-src)`,
      );
    warned = true;
    if (isScript(element)) return;
    event.stopImmediatePropagation();
    show(use, part, fallback);
    if (target.localName === 'source' && isMedia(use.owner)) use.owner.load();
  };
  // The owner, as a <source> of a <picture> gets no event; its listeners come after this one.
  const listener = target.localName === 'source' && !isMedia(use.owner) ? use.owner : target;
  listener.addEventListener('error', failed, { capture: true, signal: use.signal });
}

/**
 * Calls `onKept` when what is shown stays for good: of a picture at once, of a script when it was loaded, as it is never
 * read again. A script is then as the server wrote it: Turbo and others would take it for another one and run it twice,
 * or copy an address that is gone. A picture that is taken out while it loads stays as it is: a handler of its `load` may
 * have done it, and Chromium keeps for ever one that loses its address outside the document, with all around it.
 */
export function whenKept(use: Use, onKept: () => void): void {
  const { owner, slot, signal } = use;
  if (slot === 'poster') return;
  if (owner.localName === 'img') return onKept();
  if (!isScript(owner)) return;
  const loaded = () => {
    onKept();
    unshow(use);
  };
  owner.addEventListener('load', loaded, { signal });
}

/**
 * Takes back what was shown, unless the page has changed it since.
 * @param stops media, too, which play on without their address
 */
export function unshow({ owner, slot, shown }: Use, stops = false): void {
  if (!shown || shown.part.target.getAttribute(shown.part.attribute) !== shown.value) return;
  if (shown.part.target !== owner && owner.getAttribute('src') === standIn(shown.value))
    owner.removeAttribute('src');
  shown.part.target.removeAttribute(shown.part.attribute);
  if (stops && slot === 'main' && isMedia(owner)) owner.load();
}

export function isStylesheet(element: Element): boolean {
  return element.localName === 'link' && linkRole(element) === 'stylesheet';
}
