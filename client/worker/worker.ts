/**
 * zauberflote-sw.js: a service worker, or a part of one by importScripts(). What a page's films and sounds ask for at addresses
 * that the page has marked, it asks the page for, which takes it from other visitors; all else is left to the browser.
 *
 * Browsers stop workers as they like, and start them anew: what it has to know of pages is kept in a cache.
 */
import {
  type MediaAsk,
  type MediaDemand,
  type MediaReply,
  type MediaUrls,
  VERSION,
} from '../src/dom/media-messages.ts';

/**
 * A page that has marked a film may be busy; after so long, in ms, its server is asked (DESIGN section 8), and what that sends is
 * not verified.
 */
const ANSWER_MS = 10_000;

/**
 * Most of one answer to a request for a range, in bytes: players ask for the next part themselves. Browsers stop a worker whose
 * answer takes minutes, as that of a film does that plays.
 */
const ANSWER_BYTES = 1_048_576;

/** A cache of the browser that outlives the worker, and what is in it: which pages have marked what. */
const [CACHE, ENTRY] = ['zauberflote-media', '/zauberflote-media'];

/** What TypeScript's library for pages lacks. */
interface Client {
  readonly id: string;
  postMessage(message: unknown, transfer: Transferable[]): void;
}
interface WorkerScope {
  readonly clients: {
    claim(): Promise<void>;
    get(id: string): Promise<Client | undefined>;
    matchAll(): Promise<readonly Client[]>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', listen: (event: Waiting) => void): void;
  addEventListener(type: 'message', listen: (event: WorkerMessage) => void): void;
  addEventListener(type: 'fetch', listen: (event: Fetching) => void): void;
}
interface Waiting {
  waitUntil(promise: Promise<unknown>): void;
}
interface WorkerMessage extends Waiting {
  readonly data: Partial<MediaUrls> | null;
  readonly source: Client | null;
  readonly ports: readonly MessagePort[];
}
interface Fetching {
  readonly request: Request;
  readonly clientId: string;
  respondWith(response: Promise<Response>): void;
}

const worker = globalThis as unknown as WorkerScope;

/** Addresses that each page has marked, by its id; of what the worker was told before it was stopped, once that is read. */
const marked = new Map<string, ReadonlySet<string>>();
let isRecalled = false;
const recalled = recall().then(() => {
  isRecalled = true;
});
let kept = recalled;

worker.addEventListener('install', (event) => event.waitUntil(worker.skipWaiting()));
// The page that is the first to register it has no other chance.
worker.addEventListener('activate', (event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener('message', (event) => {
  const { data, source, ports } = event;
  if (data?.zauberflote !== VERSION || !data.urls || !source) return;
  marked.set(source.id, new Set(data.urls));
  kept = kept.then(keep).catch(() => {}); // Then it is known until the worker is stopped.
  event.waitUntil(kept.then(() => ports[0]?.postMessage('heard')));
});

worker.addEventListener('fetch', (event) => {
  const { request, clientId } = event;
  // Not what the page fetches itself, which is what it answers with.
  const isMedia = request.method === 'GET' && /^(?:audio|video)$/.test(request.destination);
  const range = rangeOf(request);
  if (!isMedia || !clientId || !range) return;
  const [url = ''] = request.url.split('#');
  const isMarked = () => marked.get(clientId)?.has(url);
  if (isRecalled && !isMarked()) return;
  const ask = async () => {
    await recalled;
    return (isMarked() && (await answer(clientId, url, request.signal, range))) || fetch(request);
  };
  event.respondWith(ask());
});

/** What was told to the worker before it was stopped; what it was told since is newer. */
async function recall(): Promise<void> {
  try {
    const response = await (await caches.open(CACHE)).match(ENTRY);
    const pages: [string, string[]][] = (await response?.json()) ?? [];
    for (const [id, urls] of pages) if (!marked.has(id)) marked.set(id, new Set(urls));
  } catch {
    // Nothing is known then.
  }
}

/** For when the worker is stopped. Pages that are gone are forgotten. */
async function keep(): Promise<void> {
  const here = new Set((await worker.clients.matchAll()).map(({ id }) => id));
  for (const [id, { size }] of marked) if (size === 0 || !here.has(id)) marked.delete(id);
  const pages = [...marked].map(([id, urls]) => [id, [...urls]]);
  await (await caches.open(CACHE)).put(ENTRY, new Response(JSON.stringify(pages)));
}

interface AskedRange {
  readonly start: number;
  readonly end: number | undefined;
  /** Whether a part was asked for. */
  readonly isPart: boolean;
}

/** Undefined: one that is for the server to answer. */
function rangeOf({ headers }: Request): AskedRange | undefined {
  const asked = headers.get('range');
  if (asked === null) return { start: 0, end: undefined, isPart: false };
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(asked) ?? [];
  if (first === undefined || (last && Number(last) < Number(first))) return undefined;
  const start = Number(first);
  const most = start + ANSWER_BYTES;
  return { start, end: last ? Math.min(Number(last) + 1, most) : most, isPart: true };
}

/** What the page has there, verified, or an error; undefined if it has marked nothing there any more, or says nothing. */
async function answer(
  clientId: string,
  url: string,
  signal: AbortSignal | undefined,
  { start, end, isPart }: AskedRange,
): Promise<Response | undefined> {
  const client = await worker.clients.get(clientId);
  if (!client) return undefined;
  const { port1: port, port2 } = new MessageChannel();
  const demand = (what: MediaDemand) => port.postMessage(what);
  const replies = new Replies(port);
  const ask: MediaAsk = { zauberflote: VERSION, url, start, end };
  client.postMessage(ask, [port2]);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ANSWER_MS);
  });
  const first = await Promise.race([replies.next(), silence]);
  clearTimeout(timer);
  if (first !== 'taken') {
    if (!first)
      console.warn(
        `Zauberflöte: ${url} comes from its server, unverified: the page did not answer within ${ANSWER_MS / 1000} s`,
      );
    // It may be on its way to answer.
    demand('cancel');
    return undefined;
  }
  // The page says nothing to that.
  const cancel = () => {
    demand('cancel');
    replies.come(null);
  };
  signal?.addEventListener('abort', cancel);
  const head = await replies.next();
  signal?.removeEventListener('abort', cancel);
  if (head === 'beyond') return new Response(null, { status: 416 });
  // The server was asked, too; what it sends may be something else.
  if (!head || typeof head !== 'object' || !('size' in head)) return Response.error();
  const { size, type } = head;
  const until = Math.min(end ?? size, size);
  const headers = new Headers({ 'accept-ranges': 'bytes', 'content-length': `${until - start}` });
  if (type) headers.set('content-type', type);
  if (isPart) headers.set('content-range', `bytes ${start}-${until - 1}/${size}`);
  return new Response(bodyOf(replies, port), { status: isPart ? 206 : 200, headers });
}

/** Bytes as they are taken. */
function bodyOf(replies: Replies, port: MessagePort): ReadableStream<Uint8Array> {
  const demand = (what: MediaDemand) => port.postMessage(what);
  return new ReadableStream(
    {
      async pull(controller) {
        demand('more');
        const reply = await replies.next();
        if (reply instanceof ArrayBuffer) return controller.enqueue(new Uint8Array(reply));
        port.close();
        if (reply === null) controller.close();
        // The player asks again from here.
        else controller.error(new Error('the page has no more of it'));
      },
      cancel() {
        demand('cancel');
        port.close();
      },
    },
    { highWaterMark: 0 },
  );
}

/** What comes by a port, in order. */
class Replies {
  readonly #come: MediaReply[] = [];
  #wake = () => {};

  constructor(port: MessagePort) {
    port.onmessage = ({ data }) => this.come(data);
  }

  come(reply: MediaReply): void {
    this.#come.push(reply);
    this.#wake();
  }

  async next(): Promise<MediaReply> {
    while (this.#come.length === 0)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this.#come.shift() as MediaReply;
  }
}
