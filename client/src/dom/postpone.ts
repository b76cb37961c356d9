import { isMedia } from './elements.ts';

/**
 * How far from the visible part a lazy picture or frame starts to load, in CSS pixels: what
 * Chromium uses for `loading=lazy` on a fast connection.
 */
const NEAR_PIXELS = 1250;

/** What the page's author asked to wait for: `loading=lazy`, and `preload=none` on media. */
export function postponement(element: Element): 'near' | 'play' | undefined {
  const is = (name: string, value: string) => element.getAttribute(name)?.toLowerCase() === value;
  if (/^(?:img|iframe)$/.test(element.localName) && is('loading', 'lazy')) return 'near';
  return isMedia(element) && is('preload', 'none') && !element.autoplay ? 'play' : undefined;
}

/** Waits until elements come near the visible part of the page. */
export class Nearness {
  readonly #waiting = new Map<Element, () => void>();
  readonly #observer: IntersectionObserver | undefined;

  constructor() {
    const margin = `${NEAR_PIXELS}px`;
    // scrollMargin does for scrolling boxes inside the page what rootMargin does for the page.
    const options: IntersectionObserverInit & { scrollMargin: string } = {
      rootMargin: margin,
      scrollMargin: margin,
    };
    this.#observer =
      globalThis.IntersectionObserver && new IntersectionObserver(this.#seen, options);
  }

  /** Resolves at once where the browser cannot tell. Never rejects; ends early when aborted. */
  near(element: Element, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#observer) return resolve();
      const stop = () => {
        this.#observer?.unobserve(element);
        this.#waiting.delete(element);
        resolve();
      };
      this.#waiting.set(element, stop);
      this.#observer.observe(element);
      signal.addEventListener('abort', stop, { once: true });
    });
  }

  readonly #seen = (entries: IntersectionObserverEntry[]) => {
    for (const { isIntersecting, target } of entries)
      if (isIntersecting) this.#waiting.get(target)?.();
  };
}

/** Resolves when somebody wants a media element to play. Never rejects; ends early when aborted. */
export async function playWanted(media: Element, signal: AbortSignal): Promise<void> {
  const takeAway = standIn(media);
  await new Promise<unknown>((resolve) => {
    // Where nothing can stand in, a press on the element counts.
    for (const type of ['play', 'pointerdown', 'keydown'])
      media.addEventListener(type, resolve, { once: true, signal });
    signal.addEventListener('abort', resolve, { once: true });
  });
  takeAway();
}

/**
 * Without a source the browser's own play button is off, and a press on it is no event (Chromium, 156): so there is
 * one that has nothing and is not asked for it before somebody presses.
 * @returns takes it away; what plays then waits, without an error, for what comes
 */
function standIn(media: Element): () => void {
  // Not in Safari on iPhones.
  if (!globalThis.MediaSource || media.hasAttribute('src')) return () => {};
  const url = URL.createObjectURL(new MediaSource());
  media.setAttribute('src', url);
  return () => {
    URL.revokeObjectURL(url);
    if (media.getAttribute('src') === url) media.removeAttribute('src');
  };
}
