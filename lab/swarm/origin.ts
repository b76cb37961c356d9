import type { Clock } from './clock.ts';

/** Bytes that leave the origin in one go: its link is shared by all who are served in these steps. */
const STEP_BYTES = 4_096;

/** Body parts not yet sent, of one response. */
interface Sending {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  readonly data: Uint8Array<ArrayBuffer>;
  at: number;
}

/** A web server in virtual time behind the `fetch` of its visitors: ranges, slow bodies, aborts. */
export class Origin {
  /** What it has, by URL. */
  readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
  /** Bytes per second, for all visitors together. 0: it is down. */
  rate = 1_000_000;
  /** Whether it knows ranges; else it answers with the whole file. */
  ranges = true;
  /** Bytes of bodies that left it. */
  bytes = 0;
  readonly #clock: Clock;
  /** One way, in ms. */
  readonly #latencyMs: number;
  /** Whose turn it is comes first. */
  readonly #queue: Sending[] = [];
  #state: 'idle' | 'sending' = 'idle';

  constructor(clock: Clock, latencyMs: number) {
    this.#clock = clock;
    this.#latencyMs = latencyMs;
  }

  readonly fetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const { signal } = init;
    await this.#wait(2 * this.#latencyMs);
    signal?.throwIfAborted();
    if (this.rate === 0) throw new TypeError('connection refused');
    const file = this.files.get(String(input));
    if (!file) return new Response('', { status: 404 });
    const range = this.ranges ? new Headers(init.headers).get('range') : null;
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? [];
    if (first === undefined) return this.#respond(file, signal, 200, {});
    const [start, end] = [Number(first), Math.min(Number(last || file.length) + 1, file.length)];
    if (start >= file.length)
      return new Response('', {
        status: 416,
        headers: { 'content-range': `bytes */${file.length}` },
      });
    const contentRange = `bytes ${start}-${end - 1}/${file.length}`;
    return this.#respond(file.subarray(start, end), signal, 206, { 'content-range': contentRange });
  };

  #respond(
    data: Uint8Array<ArrayBuffer>,
    signal: AbortSignal | null | undefined,
    status: number,
    headers: Record<string, string>,
  ): Response {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const sending = { controller, data, at: 0 };
        const stop = () => {
          this.#forget(sending);
          controller.error(signal?.reason);
        };
        signal?.addEventListener('abort', stop, { once: true });
        this.#queue.push(sending);
        this.#next();
      },
    });
    return new Response(body, {
      status,
      headers: {
        ...headers,
        'last-modified': 'Mon, 30 Nov 2026 00:00:00 GMT',
        'content-length': String(data.length),
      },
    });
  }

  /** Sends a step of the response whose turn it is. */
  #next(): void {
    const sending = this.#queue[0];
    if (this.#state === 'sending' || !sending) return;
    if (this.rate === 0) return this.#breakAll();
    this.#state = 'sending';
    const part = sending.data.subarray(sending.at, sending.at + STEP_BYTES);
    this.#clock.after((part.length / this.rate) * 1_000, () => {
      this.#state = 'idle';
      this.bytes += part.length;
      if (this.#forget(sending)) this.#deliver(sending, part);
      this.#next();
    });
  }

  #deliver(sending: Sending, part: Uint8Array<ArrayBuffer>): void {
    const { controller, data } = sending;
    sending.at += part.length;
    if (part.length > 0) controller.enqueue(part.slice());
    if (sending.at < data.length) this.#queue.push(sending);
    else controller.close();
  }

  /** It went down: what it was sending ends in the middle. */
  #breakAll(): void {
    for (const { controller } of this.#queue.splice(0))
      controller.error(new TypeError('connection reset'));
  }

  /** False if it was aborted before. */
  #forget(sending: Sending): boolean {
    const index = this.#queue.indexOf(sending);
    if (index >= 0) this.#queue.splice(index, 1);
    return index >= 0;
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.after(ms, resolve));
  }
}
