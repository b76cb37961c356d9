/** zauberflote-media.mjs: answers the service worker, which is asked by the page's films and sounds. See media-library.ts. */
import type { Downloads, Progress } from '../download/types.ts';
import { typeByExtension } from '../sources/media-types.ts';
import { Cursor, LEFT_MS } from './media-cursor.ts';
import type { MediaListener, MediaServer } from './media-library.ts';
import {
  type MediaAsk,
  type MediaDemand,
  type MediaReply,
  type MediaUrls,
  VERSION,
} from './media-messages.ts';

/**
 * So long, in ms, a worker may take to answer for the page: on the first visit it has to be loaded and begin. Then the film comes
 * as without one.
 */
export const CLAIM_MS = 2_000;

/** One film is read at so many places at most: players ask for the end of it and what they play, and leap. */
export const MAX_CURSORS = 4;

export function serveMedia(downloads: Downloads, worker: string): MediaServer {
  const container = navigator.serviceWorker;
  if (!container) throw new Error('this page can have no service worker; on https it could');
  return new Server(downloads, container, worker);
}

interface Served {
  readonly hash: string;
  /** Its media type, if nothing else says it. */
  readonly type: string;
  readonly listener: MediaListener;
  /** Whether it gave anything: what fails later, the browser ends itself, or asks for again. */
  hasBegun: boolean;
  /** The one read last at the end. */
  readonly cursors: Set<Cursor>;
}

class Server implements MediaServer {
  readonly #downloads: Downloads;
  readonly #container: ServiceWorkerContainer;
  readonly #registered: Promise<ServiceWorkerRegistration>;
  /** By address; several elements may show the same, and the last that came answers. */
  readonly #served = new Map<string, Served[]>();

  constructor(downloads: Downloads, container: ServiceWorkerContainer, worker: string) {
    this.#downloads = downloads;
    this.#container = container;
    container.addEventListener('message', ({ data, ports }) => {
      if (data?.zauberflote === VERSION && ports[0]) this.#answer(ports[0], data);
    });
    container.addEventListener('controllerchange', () => this.#tell(() => {}));
    // The worker forgets pages that the visitor has left, also those that come back.
    addEventListener('pageshow', ({ persisted }) => persisted && this.#tell(() => {}));
    container.startMessages();
    this.#registered = container.register(worker);
  }

  async serve(url: string, hash: string, listener: MediaListener) {
    const key = withoutFragment(url);
    const type = typeByExtension(new URL(url).pathname);
    const served: Served = { hash, type, listener, hasBegun: false, cursors: new Set() };
    this.#served.set(key, [...(this.#served.get(key) ?? []), served]);
    const end = () => {
      for (const cursor of served.cursors) cursor.close();
      const others = this.#served.get(key)?.filter((other) => other !== served) ?? [];
      if (others.length > 0) this.#served.set(key, others);
      else this.#served.delete(key);
      this.#tell(() => {});
    };
    try {
      if (await this.#isHeard()) return end;
    } catch (error) {
      end();
      throw error;
    }
    end();
    return undefined;
  }

  /** Whether the worker knows where to ask. @throws {Error} if that of the page says nothing to it */
  async #isHeard(): Promise<boolean> {
    const { active } = await this.#registered;
    // Reloaded past all caches: this page goes without.
    if (!this.#container.controller && active?.state === 'activated') return false;
    return new Promise((resolve, reject) => {
      const tell = () => this.#tell(() => end(true));
      // That of before, or none, may be in its place until it has begun.
      this.#container.addEventListener('controllerchange', tell);
      const timer = setTimeout(() => end(false), CLAIM_MS);
      const end = (isHeard: boolean) => {
        clearTimeout(timer);
        this.#container.removeEventListener('controllerchange', tell);
        const { controller } = this.#container;
        if (isHeard || !controller) resolve(isHeard);
        else
          reject(
            new Error(
              `${controller.scriptURL}, the page's worker, does not answer: importScripts() of zauberflote-sw.js is missing there`,
            ),
          );
      };
      tell();
    });
  }

  #tell(onHeard: () => void): void {
    const { controller } = this.#container;
    if (!controller) return;
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      onHeard();
    };
    const urls: MediaUrls = { zauberflote: VERSION, urls: [...this.#served.keys()] };
    controller.postMessage(urls, [port2]);
  }

  #answer(port: MessagePort, { url, start, end = Number.POSITIVE_INFINITY }: MediaAsk): void {
    const served = this.#served.get(url)?.at(-1);
    port.postMessage((served ? 'taken' : 'unmarked') satisfies MediaReply);
    if (!served) port.close();
    else new Answer(port, served, start, end, (at) => this.#cursorAt(at, url, served));
  }

  /** One that has read up to there, or a new one. @throws {RangeError} if there can be nothing */
  #cursorAt(offset: number, url: string, { hash, listener, cursors }: Served): Cursor {
    for (const cursor of cursors)
      if (!cursor.isBusy && cursor.offset === offset) {
        cursor.isBusy = true;
        cursors.delete(cursor);
        cursors.add(cursor);
        return cursor;
      }
    for (const cursor of cursors) if (!cursor.isBusy) cursor.rest(LEFT_MS);
    // Idle ones first; of quick leaps over a slow line none may be.
    const old = [...cursors].sort((a, b) => Number(a.isBusy) - Number(b.isBusy));
    for (const cursor of old.slice(0, Math.max(0, old.length + 1 - MAX_CURSORS))) cursor.close();
    const range = { start: offset };
    const onProgress = (progress: Progress) => listener.onProgress(progress);
    const cursor: Cursor = new Cursor(
      (onHead) => this.#downloads.stream!(hash, { fallback: url, range, onProgress, onHead }),
      offset,
      () => cursors.delete(cursor),
    );
    cursors.add(cursor);
    return cursor;
  }
}

/** The place was closed for others. */
const GIVEN_UP = new Error('it is read at too many places');

/** One request of a player, as it is answered. */
class Answer {
  readonly #port: MessagePort;
  readonly #served: Served;
  readonly #cursorAt: (offset: number) => Cursor;
  #cursor: Cursor | undefined;
  #at: number;
  #end: number;
  #isOver = false;
  /** Demands are met one after the other. */
  #met: Promise<void>;

  constructor(
    port: MessagePort,
    served: Served,
    start: number,
    end: number,
    cursorAt: (offset: number) => Cursor,
  ) {
    this.#port = port;
    this.#served = served;
    this.#cursorAt = cursorAt;
    this.#at = start;
    this.#end = end;
    port.onmessage = ({ data }: MessageEvent<MediaDemand>) => {
      if (data === 'cancel') this.#over();
      else this.#then(() => this.#send());
    };
    this.#met = Promise.resolve();
    this.#then(() => this.#begin());
  }

  #then(step: () => Promise<void>): void {
    this.#met = this.#met.then(step).catch((error) => this.#fail(error));
  }

  async #begin(): Promise<void> {
    const cursor = await this.#filled();
    if (!cursor) return;
    const { size, type } = await cursor.head();
    if (this.#isOver) return;
    this.#served.hasBegun = true;
    this.#end = Math.min(this.#end, size);
    this.#say({ size, type: type || this.#served.type });
    cursor.rest();
  }

  async #send(): Promise<void> {
    if (this.#at >= this.#end) return this.#finish();
    const cursor = await this.#filled();
    const data = cursor?.take(this.#end - this.#at);
    if (!cursor) return;
    if (!data) return this.#finish();
    this.#at += data.byteLength;
    this.#port.postMessage(data, [data]);
    cursor.rest();
  }

  /** The place that is read from, once something has come there; undefined if nobody waits for it any more. */
  async #filled(): Promise<Cursor | undefined> {
    if (this.#isOver) return undefined;
    // It was closed if the player took long to ask for more.
    if (!this.#cursor || this.#cursor.isClosed) this.#cursor = this.#cursorAt(this.#at);
    const cursor = this.#cursor;
    await cursor.fill();
    if (this.#isOver) return undefined;
    if (cursor.isClosed) throw GIVEN_UP;
    return cursor;
  }

  #finish(): void {
    this.#say(null);
    this.#over();
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    const isBeyond = error instanceof RangeError;
    this.#say(isBeyond ? 'beyond' : { error: String(error) });
    this.#over();
    if (!this.#served.hasBegun && !isBeyond && error !== GIVEN_UP)
      this.#served.listener.onError(error);
  }

  /** Nobody waits for more: what is read next is elsewhere, or nothing. */
  #over(): void {
    this.#isOver = true;
    this.#port.close();
    if (!this.#cursor || this.#cursor.isClosed) return;
    this.#cursor.isBusy = false;
    this.#cursor.rest();
  }

  #say(reply: MediaReply): void {
    this.#port.postMessage(reply);
  }
}

function withoutFragment(url: string): string {
  const parsed = new URL(url);
  parsed.hash = '';
  return parsed.href;
}
