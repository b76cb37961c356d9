import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { MediaAsk } from '../src/dom/media-messages.ts';

const ADDRESS = 'https://a.example/f.mp4';
type Page = (ask: MediaAsk, port: MessagePort) => void;

let lives = 0;

/** What browsers give a worker, as far as ours makes use of it. */
class Surroundings {
  readonly listeners: Record<string, (event: object) => void> = {};
  readonly fetched: string[] = [];
  readonly pages = new Map<string, Page>();
  /** The browser's caches outlive a worker. */
  readonly entries = new Map<string, string>();
  /** What the worker is kept alive for. */
  waits: Promise<unknown>[] = [];
  /** On which pages were asked; a page closes its own. */
  readonly #ports: MessagePort[] = [];
  readonly #before = { fetch: globalThis.fetch };

  /** The worker begins, for the first time or again. */
  async begin(): Promise<void> {
    const cache = {
      match: async (key: string) => {
        const text = this.entries.get(key);
        // A disk takes its time.
        await pause(5);
        return text === undefined ? undefined : new Response(text);
      },
      put: async (key: string, response: Response) =>
        void this.entries.set(key, await response.text()),
    };
    Object.assign(globalThis, {
      addEventListener: (type: string, listener: (event: object) => void) => {
        this.listeners[type] = listener;
      },
      caches: { open: async () => cache },
      clients: {
        claim: async () => {},
        get: async (id: string) => {
          const page = this.pages.get(id);
          const postMessage = (ask: MediaAsk, [port]: MessagePort[]) => {
            this.#ports.push(port!);
            page?.(ask, port!);
          };
          return page && { id, postMessage };
        },
        matchAll: async () => [...this.pages.keys()].map((id) => ({ id })),
      },
      skipWaiting: async () => {},
      fetch: async ({ headers }: Request) => {
        this.fetched.push(headers.get('range') ?? '');
        return new Response('from the server');
      },
    });
    await import(`./worker.ts?life=${lives++}` as string);
  }

  end(): void {
    for (const name of ['addEventListener', 'caches', 'clients', 'skipWaiting'])
      Reflect.deleteProperty(globalThis, name);
    Object.assign(globalThis, this.#before);
    for (const port of this.#ports) port.close();
  }

  /** A page says what it has marked, and waits until it is heard. */
  async mark(id: string, ...urls: string[]): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    const heard = new Promise<void>((resolve) => {
      port1.onmessage = () => resolve();
    });
    const waitUntil = (promise: Promise<unknown>) => this.waits.push(promise);
    this.listeners.message!({
      data: { zauberflote: 1, urls },
      source: { id },
      ports: [port2],
      waitUntil,
    });
    await heard;
    port1.close();
  }

  /** @returns undefined if it was left to the browser */
  ask(
    clientId: string,
    more: object = {},
    range: string | undefined = 'bytes=0-',
  ): Promise<Response> | undefined {
    let answer: Promise<Response> | undefined;
    const headers = new Headers(range === undefined ? {} : { range });
    const request = { method: 'GET', destination: 'video', url: ADDRESS, headers, ...more };
    const respondWith = (response: Promise<Response>) => {
      answer = response;
    };
    this.listeners.fetch!({ clientId, request, respondWith });
    return answer;
  }
}

/** Has 100 bytes, each its own place. */
const film: Page = ({ start, end = 100 }, port) => {
  port.postMessage('taken');
  port.postMessage({ size: 100, type: 'video/mp4' });
  let at = start;
  port.onmessage = ({ data }) => {
    if (data === 'cancel') return port.close();
    const until = Math.min(at + 10, end, 100);
    port.postMessage(
      at < until ? Uint8Array.from({ length: until - at }, (_, i) => at + i).buffer : null,
    );
    at = until;
  };
};

describe('The service worker', () => {
  let browser: Surroundings;

  beforeEach(async () => {
    browser = new Surroundings();
    browser.pages.set('a', film).set('other', () => assert.fail('it is none of ours'));
    await browser.begin();
    await pause(10);
  });
  afterEach(() => browser.end());

  it('answers for what a page has marked, in parts that say what they are', async () => {
    await browser.mark('a', ADDRESS);
    const response = (await browser.ask('a', {}, 'bytes=90-94'))!;
    assert.deepEqual(
      [
        response.status,
        response.headers.get('content-range'),
        response.headers.get('content-length'),
      ],
      [206, 'bytes 90-94/100', '5'],
    );
    assert.equal(response.headers.get('content-type'), 'video/mp4');
    assert.deepEqual([...new Uint8Array(await response.arrayBuffer())], [90, 91, 92, 93, 94]);
    const whole = (await browser.ask('a', { url: `${ADDRESS}#t=3`, headers: new Headers() }))!;
    assert.equal(whole.status, 200);
    assert.equal((await whole.arrayBuffer()).byteLength, 100);
    assert.deepEqual(browser.fetched, []);
  });

  it('leaves all else to the browser, at once', async () => {
    await browser.mark('a', ADDRESS);
    assert.equal(browser.ask('other'), undefined);
    assert.equal(browser.ask('a', { url: 'https://a.example/unmarked.mp4' }), undefined);
    assert.equal(browser.ask('a', { destination: '' }), undefined, 'what the page fetches itself');
    assert.equal(browser.ask('a', { method: 'HEAD' }), undefined);
    for (const range of ['bytes=-5', 'bytes=0-1,5-6', 'bytes=5-3', 'lines=1-2'])
      assert.equal(browser.ask('a', {}, range), undefined, range);
    await browser.mark('a');
    assert.equal(browser.ask('a'), undefined, 'not marked any more');
  });

  it('knows what was marked when it was stopped and begins again, and holds up nothing of others', async () => {
    await browser.mark('a', ADDRESS);
    await browser.begin();
    // Before it has read what it knew.
    const [ours, others] = await Promise.all([browser.ask('a'), browser.ask('other')]);
    assert.equal(ours!.status, 206);
    assert.equal(await others!.text(), 'from the server');
    assert.equal(browser.ask('other'), undefined);
    assert.equal((await browser.ask('a'))!.status, 206);
  });

  it('forgets pages that are gone', async () => {
    await browser.mark('a', ADDRESS);
    browser.pages.delete('a');
    browser.pages.set('b', film);
    await browser.mark('b', ADDRESS);
    assert.deepEqual(JSON.parse([...browser.entries.values()][0]!), [['b', [ADDRESS]]]);
  });

  it('waits for a page that is busy: its server is not verified', async () => {
    browser.pages.set('a', (ask, port) => setTimeout(() => film(ask, port), 1_200));
    await browser.mark('a', ADDRESS);
    assert.equal((await browser.ask('a'))!.status, 206);
    assert.deepEqual(browser.fetched, []);
  });

  it('asks the server where the page has not marked it after all', async () => {
    await browser.mark('a', ADDRESS);
    browser.pages.set('a', (_, port) => port.postMessage('unmarked'));
    assert.equal(await (await browser.ask('a'))!.text(), 'from the server');
  });

  it('says what a page says: that it ends before, or that it cannot be had', async () => {
    await browser.mark('a', ADDRESS);
    for (const [said, status] of [
      ['beyond', 416],
      [{ error: 'nobody has it' }, 0],
    ] as const) {
      browser.pages.set('a', (_, port) => {
        port.postMessage('taken');
        port.postMessage(said);
      });
      assert.equal((await browser.ask('a'))!.status, status);
    }
    assert.deepEqual(browser.fetched, []);
  });

  it('tells the page when nobody waits any more, before and after it began', async () => {
    await browser.mark('a', ADDRESS);
    const said: unknown[] = [];
    const hears: Page = (_, port) => {
      port.postMessage('taken');
      port.onmessage = ({ data }) => {
        said.push(data);
        port.close();
      };
    };
    browser.pages.set('a', hears);
    const abort = new AbortController();
    const answer = browser.ask('a', { signal: abort.signal })!;
    await pause(5);
    abort.abort();
    assert.equal((await answer).type, 'error');
    await pause(5);
    assert.deepEqual(said, ['cancel']);
    browser.pages.set('a', (ask, port) => {
      hears(ask, port);
      port.postMessage({ size: 100, type: '' });
    });
    await (await browser.ask('a'))!.body!.cancel();
    await pause(5);
    assert.deepEqual(said, ['cancel', 'cancel']);
  });
});
