import { fromBase64 } from '@zauberflote/proto';
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
export async function playWanted(media: HTMLMediaElement, signal: AbortSignal): Promise<void> {
  if (media.controls && !media.hasAttribute('src') && (await isPressed(media, signal))) return;
  await first(media, ['play', 'pointerdown', 'keydown'], signal, () => {});
}

/** One sample of silence, as a WAV of 45 bytes. */
const SILENCE = 'UklGRiUAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQEAAACA';

/**
 * Without a source the browser's own play button is off, and a press on it is no event (Chromium, 156): so there is
 * one, which has to be sound: that of a blob: URL is looked at whatever `preload` says.
 * @returns false where the page's policy refuses it; the error that this gives is not the page's
 */
async function isPressed(media: HTMLMediaElement, signal: AbortSignal): Promise<boolean> {
  const url = URL.createObjectURL(new Blob([fromBase64(SILENCE)!], { type: 'audio/wav' }));
  media.src = url;
  const type = await first(media, ['play', 'error'], signal, (event) => {
    if (event?.type === 'error') event.stopImmediatePropagation();
    URL.revokeObjectURL(url);
    if (media.getAttribute('src') !== url) return;
    media.removeAttribute('src');
    if (event) media.load();
  });
  return type !== 'error';
}

/** The type of the first such event on an element, or undefined: aborted. `then` is called while it is handled. */
function first(
  element: Element,
  types: readonly string[],
  signal: AbortSignal,
  then: (event?: Event) => void,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const over = new AbortController();
    const end = (event?: Event) => {
      over.abort();
      then(event);
      resolve(event?.type);
    };
    const heard = (event: Event) => {
      // Not that of a source in it.
      if (event.target === element || event.type !== 'error') end(event);
    };
    for (const type of types)
      element.addEventListener(type, heard, { capture: true, signal: over.signal });
    signal.addEventListener('abort', () => end(), { signal: over.signal });
    if (signal.aborted) end();
  });
}
