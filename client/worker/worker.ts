/**
 * zauberflote-sw.js: a service worker, or a part of one by importScripts(). What a page's films and sounds ask for at addresses
 * that the page has marked, it asks the page for, which takes it from other visitors; all else is left to the browser.
 *
 * It keeps nothing that matters: browsers stop workers as they like, and start them anew.
 */
import {
  type MediaAsk,
  type MediaDemand,
  type MediaReply,
  VERSION,
} from '../src/dom/media-messages.ts';

/** A page that does not answer within this time, in ms, may be one without us: its server is asked. */
const ANSWER_MS = 1_000;

/**
 * Most of one answer to a request for a range, in bytes: players ask for the next part themselves. Browsers stop a worker whose
 * answer takes minutes, as that of a film does that plays.
 */
const ANSWER_BYTES = 1_048_576;

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
  readonly data: { zauberflote?: unknown } | null;
  readonly source: Client | null;
}
interface Fetching {
  readonly request: Request;
  readonly clientId: string;
  respondWith(response: Promise<Response>): void;
}

const worker = globalThis as unknown as WorkerScope;

/** Pages that did not answer, by their ids: not asked before they say something. */
const silent = new Set<string>();

worker.addEventListener('install', (event) => event.waitUntil(worker.skipWaiting()));
// The page that is the first to register it has no other chance.
worker.addEventListener('activate', (event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener('message', ({ data, source }) => {
  if (data?.zauberflote === VERSION && source) silent.delete(source.id);
});

worker.addEventListener('fetch', (event) => {
  const { request, clientId } = event;
  const range = rangeOf(request);
  // Not what the page fetches itself, which is what it answers with.
  const isMedia = request.method === 'GET' && /^(?:audio|video)$/.test(request.destination);
  if (isMedia && range && clientId && !silent.has(clientId))
    event.respondWith(
      answer(clientId, request, range).then((answered) => answered ?? fetch(request)),
    );
});

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
  if (first === undefined) return undefined;
  const start = Number(first);
  const most = start + ANSWER_BYTES;
  return { start, end: last ? Math.min(Number(last) + 1, most) : most, isPart: true };
}

/** What the page has there, verified, or an error; undefined if it has marked nothing there, or is none of ours. */
async function answer(
  clientId: string,
  request: Request,
  { start, end, isPart }: AskedRange,
): Promise<Response | undefined> {
  const client = await worker.clients.get(clientId);
  if (!client) return undefined;
  const { port1: port, port2 } = new MessageChannel();
  const replies = new Replies(port);
  const [url = ''] = request.url.split('#');
  const ask: MediaAsk = { zauberflote: VERSION, url, start, end };
  client.postMessage(ask, [port2]);
  const first = await Promise.race([
    replies.next(),
    new Promise<undefined>((resolve) => setTimeout(resolve, ANSWER_MS)),
  ]);
  if (first === undefined) {
    silent.add(clientId);
    void forget();
    // It was busy.
    void replies.next().then(() => silent.delete(clientId));
  }
  if (first !== 'taken') {
    port.postMessage('cancel' satisfies MediaDemand);
    return undefined;
  }
  const head = await replies.next();
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
    port.onmessage = ({ data }) => {
      this.#come.push(data);
      this.#wake();
    };
  }

  async next(): Promise<MediaReply> {
    while (this.#come.length === 0)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this.#come.shift() as MediaReply;
  }
}

/** Pages that are gone. */
async function forget(): Promise<void> {
  const here = new Set((await worker.clients.matchAll()).map(({ id }) => id));
  for (const id of silent) if (!here.has(id)) silent.delete(id);
}
