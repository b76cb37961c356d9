/** zauberflote-media.mjs: answers the service worker, which is asked by the page's films and sounds. See media-library.ts. */
import type { Downloads, Progress, StreamHead } from '../download/types.ts';
import { typeByExtension } from '../sources/media-types.ts';
import type { MediaListener, MediaServer } from './media-library.ts';
import { type MediaAsk, type MediaHello, type MediaReply, VERSION } from './media-messages.ts';

/** The first visit waits so long, in ms, for the worker to answer for the page; then the film comes as without one. */
export const CLAIM_MS = 2_000;

/** After what was last read of it a film is fetched on for so long, in ms, as a player asks for a part now and then. */
export const IDLE_MS = 60_000;

/** One film is read at so many places at most: players ask for the end of it and what they play, and leap. */
export const MAX_CURSORS = 4;

export function serveMedia(downloads: Downloads, worker: string): MediaServer {
  const container = navigator.serviceWorker;
  if (!container) throw new Error('this page can have no service worker; on https it could');
  return new Server(downloads, container, worker);
}

interface Served {
  readonly hash: string;
  readonly listener: MediaListener;
  /** Whether it gave anything: what fails later, the browser ends itself, or asks for again. */
  hasBegun: boolean;
  readonly cursors: Set<Cursor>;
}

class Server implements MediaServer {
  readonly ready: Promise<boolean>;
  readonly #downloads: Downloads;
  readonly #container: ServiceWorkerContainer;
  /** By address; several elements may show the same, and the last that came answers. */
  readonly #served = new Map<string, Served[]>();

  constructor(downloads: Downloads, container: ServiceWorkerContainer, worker: string) {
    this.#downloads = downloads;
    this.#container = container;
    container.addEventListener('message', ({ data, ports }) => {
      if (data?.zauberflote === VERSION && ports[0]) this.#answer(ports[0], data);
    });
    container.addEventListener('controllerchange', () => this.#greet());
    container.startMessages();
    this.ready = isControlled(container, worker);
  }

  serve(url: string, hash: string, listener: MediaListener): () => void {
    const key = withoutFragment(url);
    const served: Served = { hash, listener, hasBegun: false, cursors: new Set() };
    this.#served.set(key, [...(this.#served.get(key) ?? []), served]);
    this.#greet();
    return () => {
      for (const cursor of served.cursors) cursor.close();
      const others = this.#served.get(key)?.filter((other) => other !== served) ?? [];
      if (others.length > 0) this.#served.set(key, others);
      else this.#served.delete(key);
    };
  }

  #greet(): void {
    const hello: MediaHello = { zauberflote: VERSION };
    this.#container.controller?.postMessage(hello);
  }

  async #answer(port: MessagePort, { url, start, end = Number.POSITIVE_INFINITY }: MediaAsk) {
    const say = (reply: MediaReply) => port.postMessage(reply);
    const served = this.#served.get(url)?.at(-1);
    say(served ? 'taken' : 'unmarked');
    if (!served) return;
    const cursor = this.#cursorAt(start, url, served);
    cursor.isBusy = true;
    let left = end - start;
    const done = () => {
      port.onmessage = null;
      cursor.rest();
    };
    const send = async () => {
      const data = left > 0 ? await cursor.read(left) : undefined;
      left -= data?.byteLength ?? 0;
      if (data) port.postMessage(data, [data]);
      else {
        say(null);
        done();
      }
    };
    const fail = (error: unknown) => {
      const isBeyond = error instanceof RangeError;
      say(isBeyond ? 'beyond' : { error: String(error) });
      port.onmessage = null;
      cursor.close();
      if (!served.hasBegun && !isBeyond) served.listener.onError(error);
    };
    try {
      const { size, type } = await cursor.open();
      served.hasBegun = true;
      left = Math.min(left, size - start);
      say({ size, type: type || typeByExtension(new URL(url).pathname) });
      port.onmessage = ({ data }) => {
        if (data === 'more') send().catch(fail);
        // What is read next is elsewhere, or nothing.
        else if (data === 'cancel') done();
      };
    } catch (error) {
      fail(error);
    }
  }

  /** One that has read up to there, or a new one. */
  #cursorAt(offset: number, url: string, { hash, listener, cursors }: Served): Cursor {
    for (const cursor of cursors)
      if (!cursor.isBusy && cursor.offset === offset) {
        // Again at the end of the line of those to be closed.
        cursors.delete(cursor);
        cursors.add(cursor);
        return cursor;
      }
    for (const cursor of cursors) {
      if (cursors.size < MAX_CURSORS) break;
      if (!cursor.isBusy) cursor.close();
    }
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

/** A place in a file, from where it is read on. */
class Cursor {
  isBusy = false;
  offset: number;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  readonly #onClose: () => void;
  readonly #head: Promise<StreamHead>;
  /** What came and was not asked for yet; undefined: the end of the file. */
  #next: Uint8Array<ArrayBuffer> | undefined = new Uint8Array();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    open: (onHead: (head: StreamHead) => void) => ReadableStream<Uint8Array<ArrayBuffer>>,
    offset: number,
    onClose: () => void,
  ) {
    this.offset = offset;
    this.#onClose = onClose;
    let opened = (_: StreamHead) => {};
    this.#head = new Promise((resolve) => {
      opened = resolve;
    });
    this.#reader = open(opened).getReader();
  }

  /** Waits for the first bytes. */
  async open(): Promise<StreamHead> {
    clearTimeout(this.#timer);
    await this.#fill();
    if (!this.#next) throw new RangeError(`there is nothing at byte ${this.offset}`);
    return this.#head;
  }

  /** The next bytes, so many at most; undefined at the end. */
  async read(most: number): Promise<ArrayBuffer | undefined> {
    await this.#fill();
    const data = this.#next?.slice(0, most);
    if (!data) return undefined;
    this.#next = this.#next!.subarray(data.length);
    this.offset += data.length;
    return data.buffer;
  }

  /** Nobody asks for the moment. */
  rest(): void {
    this.isBusy = false;
    this.#timer = setTimeout(() => this.close(), IDLE_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#onClose();
    this.#reader.cancel().catch(() => {});
  }

  async #fill(): Promise<void> {
    if (this.#next?.length === 0) this.#next = (await this.#reader.read()).value;
  }
}

/** Registers the worker, and waits until it answers for the page. */
async function isControlled(container: ServiceWorkerContainer, worker: string): Promise<boolean> {
  const registration = await container.register(worker);
  if (container.controller) return true;
  // Reloaded past all caches: this page goes without.
  if (registration.active?.state === 'activated') return false;
  await new Promise<void>((resolve) => {
    container.addEventListener('controllerchange', () => resolve(), { once: true });
    setTimeout(resolve, CLAIM_MS);
  });
  return !!container.controller;
}

function withoutFragment(url: string): string {
  const parsed = new URL(url);
  parsed.hash = '';
  return parsed.href;
}
