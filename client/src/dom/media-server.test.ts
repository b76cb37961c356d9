import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { Downloads, StreamOptions } from '../download/types.ts';
import { IDLE_MS } from './media-cursor.ts';
import { MAX_CURSORS, serveMedia } from './media-server.ts';

const FILM = Uint8Array.from({ length: 64 }, (_, i) => i);
const PART = 8;
const ADDRESS = 'https://a.example/f.mp4';

/** A film that comes in parts of 8 bytes, each when the test lets it. */
class Slow {
  readonly places: { readonly start: number; isClosed: boolean }[] = [];
  #gates: (() => void)[] = [];
  fails = false;

  readonly stream = (_: string, { range, onHead }: StreamOptions = {}) => {
    const place = { start: range?.start ?? 0, isClosed: false };
    if (!Number.isSafeInteger(place.start)) throw new RangeError('no range of bytes');
    this.places.push(place);
    let at = place.start;
    return new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        pull: async (controller) => {
          await new Promise<void>((resolve) => this.#gates.push(resolve));
          if (place.isClosed) return;
          if (this.fails) throw new Error('nobody has it');
          onHead?.({ size: FILM.length, type: '' });
          if (at >= FILM.length) return controller.close();
          controller.enqueue(FILM.slice(at, at + PART));
          at += PART;
        },
        cancel: () => {
          place.isClosed = true;
        },
      },
      { highWaterMark: 0 },
    );
  };

  get open(): number[] {
    return this.places.filter(({ isClosed }) => !isClosed).map(({ start }) => start);
  }

  /** Lets one part come of each that is waited for. */
  async come(): Promise<void> {
    await pause(2);
    for (const open of this.#gates.splice(0)) open();
    await pause(2);
  }
}

describe('The page that answers the service worker', () => {
  let slow: Slow;
  /** What the page's worker, if there is one, does with what it is told. */
  let controller: {
    scriptURL: string;
    postMessage(data: unknown, ports: MessagePort[]): void;
  } | null;
  let container: EventTarget & { register(): Promise<unknown>; controller: typeof controller };
  let errors: unknown[];
  let page: EventTarget;
  const told: unknown[] = [];
  const asks: MessagePort[] = [];
  const ends: (() => void)[] = [];
  const before = Object.getOwnPropertyDescriptor(navigator, 'serviceWorker');

  const ours = {
    scriptURL: 'https://a.example/zauberflote-sw.js',
    postMessage: (data: unknown, [port]: MessagePort[]) => {
      told.push(data);
      port?.postMessage('heard');
    },
  };
  const another = {
    scriptURL: 'https://a.example/other-sw.js',
    // What nobody listens to is collected.
    postMessage: (_: unknown, [port]: MessagePort[]) => port?.close(),
  };

  beforeEach(() => {
    slow = new Slow();
    controller = ours;
    errors = [];
    told.length = 0;
    page = new EventTarget();
    Object.assign(globalThis, { addEventListener: page.addEventListener.bind(page) });
    const container_ = new EventTarget();
    container = Object.assign(container_, {
      startMessages: () => {},
      register: async () => ({ active: { state: 'activated' } }),
      controller,
    });
    Object.defineProperty(container, 'controller', { get: () => controller });
    Object.defineProperty(navigator, 'serviceWorker', { value: container, configurable: true });
  });
  afterEach(() => {
    for (const end of ends.splice(0)) end();
    for (const port of asks.splice(0)) port.close();
  });
  after(() => {
    Reflect.deleteProperty(globalThis, 'addEventListener');
    if (before) Object.defineProperty(navigator, 'serviceWorker', before);
    else Reflect.deleteProperty(navigator, 'serviceWorker');
  });

  const listener = { onProgress() {}, onError: (error: unknown) => errors.push(error) };
  const server = () => serveMedia({ stream: slow.stream } as unknown as Downloads, '/sw.js');
  const serve = async () => {
    const end = await server().serve(ADDRESS, 'zf1-x', listener);
    assert.ok(end);
    ends.push(end);
    return end;
  };
  /** The worker asks for bytes. */
  const ask = (start: number, end?: number) => {
    const { port1: port, port2 } = new MessageChannel();
    asks.push(port);
    const replies: unknown[] = [];
    port.onmessage = ({ data }) => replies.push(data);
    const data = { zauberflote: 1, url: ADDRESS, start, end };
    container.dispatchEvent(Object.assign(new Event('message'), { data, ports: [port2] }));
    return {
      port,
      replies,
      more: () => port.postMessage('more'),
      cancel: () => port.postMessage('cancel'),
      bytes: () =>
        replies.flatMap((data) => (data instanceof ArrayBuffer ? [...new Uint8Array(data)] : [])),
    };
  };

  it('gives what is asked for, as it is asked, and no more', async () => {
    await serve();
    const { replies, more, bytes } = ask(3, 14);
    await slow.come();
    assert.deepEqual(replies, ['taken', { size: 64, type: 'video/mp4' }]);
    for (let i = 0; i < 4; i++) {
      more();
      await slow.come();
    }
    assert.deepEqual(bytes(), [...FILM.subarray(3, 14)]);
    assert.equal(replies.at(-1), null);
  });

  it('gives the right bytes to who asks again from where another broke off while it waited', async () => {
    await serve();
    const first = ask(0);
    await slow.come();
    first.more();
    await pause(2);
    first.more();
    await pause(2);
    first.cancel();
    await pause(2);
    const second = ask(PART);
    await slow.come();
    second.more();
    await slow.come();
    assert.deepEqual(first.bytes(), [...FILM.subarray(0, PART)]);
    assert.deepEqual(second.bytes(), [...FILM.subarray(PART, 2 * PART)]);
    assert.deepEqual(slow.open, [0], 'it reads on in the same place');
  });

  it('reads on for who takes long, and not for a worker that says nothing any more', async () => {
    await serve();
    const real = globalThis.setTimeout;
    // A minute passes in 60 ms.
    const fast = (run: () => void, ms = 0) => real(run, ms >= IDLE_MS ? ms / 1_000 : ms);
    globalThis.setTimeout = Object.assign(fast, real) as typeof setTimeout;
    try {
      const paused = ask(0);
      await slow.come();
      paused.more();
      await pause(150);
      assert.deepEqual(slow.open, []);
      paused.more();
      await slow.come();
      assert.deepEqual(paused.bytes(), [...FILM.subarray(0, 2 * PART)]);
    } finally {
      globalThis.setTimeout = real;
    }
  });

  it('reads at few places, however often somebody leaps before anything comes', async () => {
    await serve();
    const leaps = [0, 8, 16, 24, 32, 40, 48].map((at) => ask(at));
    await pause(5);
    assert.deepEqual(slow.open, [16, 24, 32, 40, 48].slice(-MAX_CURSORS));
    await slow.come();
    leaps.at(-1)!.more();
    await pause(5);
    assert.deepEqual(leaps.at(-1)!.bytes(), [...FILM.subarray(48, 56)]);
    assert.match(
      JSON.stringify(leaps[0]!.replies),
      /"error":"Error: it is read at too many places"/,
    );
    assert.deepEqual(errors, []);
  });

  it('gives up what is not waited for any more before it is known what there is', async () => {
    await serve();
    const { cancel, replies } = ask(0);
    await pause(2);
    cancel();
    await slow.come();
    assert.deepEqual(replies, ['taken']);
  });

  it('begins anew after a failure, which it tells if nothing came before', async () => {
    await serve();
    slow.fails = true;
    const { replies } = ask(0);
    await slow.come();
    assert.deepEqual(replies, ['taken', { error: 'Error: nobody has it' }]);
    assert.equal(errors.length, 1);
    slow.fails = false;
    const again = ask(0, 4);
    await slow.come();
    again.more();
    await pause(2);
    assert.deepEqual(again.bytes(), [0, 1, 2, 3]);
  });

  it('says that there is nothing beyond the end, nor at what is no place', async () => {
    await serve();
    const end = ask(FILM.length);
    const absurd = ask(1e20);
    await slow.come();
    assert.deepEqual(end.replies, ['taken', 'beyond']);
    assert.deepEqual(absurd.replies, ['taken', 'beyond']);
    assert.deepEqual(errors, []);
  });

  it('answers for one element when another with the same film is gone, and for none when all are', async () => {
    const both = server();
    const end = await both.serve(ADDRESS, 'zf1-x', listener);
    const endOther = await both.serve(`${ADDRESS}#t=5`, 'zf1-x', listener);
    endOther!();
    const { replies } = ask(0);
    await pause(2);
    assert.deepEqual(replies, ['taken']);
    end!();
    const none = ask(0);
    await pause(2);
    assert.deepEqual(none.replies, ['unmarked']);
    assert.deepEqual(slow.open, []);
  });

  it('tells the worker anew when the page comes back, which that may have forgotten', async () => {
    await serve();
    page.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: false }));
    assert.equal(told.length, 1);
    page.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
    assert.deepEqual(told[1], told[0]);
    assert.equal(told.length, 2);
  });

  it('takes no other worker for ours, which would let the film come unverified', async () => {
    controller = another;
    await assert.rejects(server().serve(ADDRESS, 'zf1-x', listener), /other-sw\.js.*importScripts/);
    const { replies } = ask(0);
    await pause(2);
    assert.deepEqual(replies, ['unmarked']);
  });

  it('waits for ours where another, or none, was before it', async () => {
    for (const old of [another, null]) {
      controller = old;
      container.register = async () => ({ active: old && { state: 'activating' } });
      const serving = server().serve(ADDRESS, 'zf1-x', listener);
      await pause(20);
      controller = ours;
      container.dispatchEvent(new Event('controllerchange'));
      assert.ok(await serving);
    }
  });

  it('goes without where the page was reloaded past all caches, or no worker comes', async () => {
    controller = null;
    assert.equal(await server().serve(ADDRESS, 'zf1-x', listener), undefined);
    container.register = async () => ({ active: null });
    assert.equal(await server().serve(ADDRESS, 'zf1-x', listener), undefined);
    container.register = () => Promise.reject(new Error('404'));
    await assert.rejects(server().serve(ADDRESS, 'zf1-x', listener), /404/);
  });
});
