import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { HttpError, RangeHead } from '../../client/src/sources/http.ts';
import { TestNginx } from '../../client/src/sources/test-nginx.ts';
import { content, Origins } from '../../client/src/sources/test-origin.ts';
import { type Browser, launch } from '../browsers/chromium.ts';

const CLIENT = new URL('../../client/src/', import.meta.url);
const FILE = content(300_000);
const SUM = sum(FILE);

/** What a page says of a fetch. `sum` is of the bytes that came. */
interface Told {
  readonly heads: RangeHead[];
  readonly bytes: number;
  readonly sum: number;
  readonly error?: { readonly [K in keyof HttpError]?: HttpError[K] };
}

/** The page offers `get(url, options)`; `cut`: aborts at the first bytes; `tell`: then asks that URL. */
const PAGE = `<!doctype html><link rel="icon" href="data:,"><script type="module">
import { fetchRange } from './sources/http.ts';
import { browserPlatform } from './platform.ts';
window.get = async (url, { offset = 0, length, cut, tell } = {}) => {
  const told = { heads: [], bytes: 0, sum: 0 };
  const controller = new AbortController();
  try {
    await fetchRange(browserPlatform(), url, { offset, length, fresh: false, signal: controller.signal,
      onHead: (head) => told.heads.push(head),
      onData(data) {
        for (const byte of data) told.sum = Math.imul(told.sum, 31) + byte | 0;
        told.bytes += data.length;
        if (cut) controller.abort();
        if (tell) fetch(tell, { mode: 'no-cors' }).catch(() => {});
        tell = '';
      } });
  } catch ({ name, kind, status, message }) { told.error = { name, kind, status, message }; }
  return told;
};
</script>`;

function sum(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) sum = (Math.imul(sum, 31) + byte) | 0;
  return sum;
}

/** The client's modules as they are, without types, so that a page can import one room. */
const page: RequestListener = ({ url = '' }, response) => {
  const body = url.endsWith('.ts')
    ? stripTypeScriptTypes(readFileSync(new URL(`.${url}`, CLIENT), 'utf8'))
    : PAGE;
  response.writeHead(200, {
    'content-type': url.endsWith('.ts') ? 'text/javascript' : 'text/html',
  });
  response.end(body);
};

describe('Ranges of an origin in Chromium', () => {
  const origins = new Origins();
  let nginx: TestNginx;
  let browser: Browser;
  /** The page's own origin; paths other than / and the client's go to `answer`. */
  let own: string;
  let other: string;
  let requests: IncomingMessage[];
  let answer: (request: IncomingMessage, response: ServerResponse) => void;

  const CORS = { 'access-control-allow-origin': '*' };

  before(async () => {
    const asset: RequestListener = (request, response) => {
      requests.push(request);
      answer(request, response);
    };
    own = await origins.serve((request, response) =>
      (request.url?.startsWith('/asset') ? asset : page)(request, response),
    );
    other = await origins.serve(asset);
    nginx = await TestNginx.start(FILE);
    browser = await launch();
    await browser.driver.get(own);
  });

  beforeEach(() => {
    requests = [];
  });

  after(async () => {
    await browser?.quit();
    await nginx?.stop();
    origins.close();
  });

  function get(url: string, options: object = {}): Promise<Told> {
    return browser.driver.executeAsyncScript(
      'const done = arguments[2]; get(arguments[0], arguments[1]).then(done, (e) => done(String(e)))',
      url,
      options,
    );
  }

  const ranged = (request: IncomingMessage, response: ServerResponse, headers = {}) => {
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const start = Number(from);
    const end = to ? Number(to) + 1 : FILE.length;
    const range = `bytes ${start}-${end - 1}/${FILE.length}`;
    response.writeHead(206, { 'content-range': range, ...headers });
    response.end(FILE.subarray(start, end));
  };

  for (const [offset, length] of [
    [0, 100],
    [100, undefined],
    [5, 1000],
  ] as const)
    it(`come from elsewhere without a preflight: ${offset} + ${length ?? '…'}`, async () => {
      answer = (request, response) => ranged(request, response, CORS);
      const told = await get(`${other}/asset`, { offset, length });
      const end = length === undefined ? FILE.length : offset + length;
      assert.equal(told.error, undefined);
      assert.equal(told.sum, sum(FILE.subarray(offset, end)));
      // Content-Range is hidden, and this answer has no Content-Length.
      const { end: said, total, ranged: is } = told.heads[0] as RangeHead;
      assert.deepEqual([said ?? null, total ?? null, is], [length ? end : null, null, true]);
      const { headers } = requests[0] as IncomingMessage;
      assert.deepEqual(
        requests.map(({ method }) => method),
        ['GET'],
      );
      assert.deepEqual(
        [headers.range, headers['accept-encoding'], headers['cache-control']],
        [`bytes=${offset}-${length ? end - 1 : ''}`, 'identity', 'no-cache'],
      );
    });

  it('tell the size where Content-Range is exposed', async () => {
    const exposed = { ...CORS, 'access-control-expose-headers': 'Content-Range' };
    answer = (request, response) => ranged(request, response, exposed);
    const told = await get(`${other}/asset`, { offset: 5, length: 10 });
    assert.deepEqual(told.heads, [
      { offset: 5, end: 15, total: FILE.length, mediaType: '', ranged: true, isPrivate: false },
    ]);
  });

  it('come past a copy that the cache has from before their host allowed CORS', async () => {
    // Chromium lets a page have nothing but pictures and media without CORS.
    const picture = Buffer.concat([Buffer.from('GIF89a'), FILE]);
    const keep = { 'cache-control': 'max-age=3600', 'content-type': 'image/gif' };
    answer = (_, response) => response.writeHead(200, keep).end(picture);
    const load = `const [url, done] = arguments; const image = new Image();
      image.onload = image.onerror = done; image.src = url;`;
    const url = `${other}/asset/kept`;
    await browser.driver.executeAsyncScript(load.replace('= done', '= () => done()'), url);
    answer = (_, response) => response.writeHead(200, { ...keep, ...CORS }).end(picture);
    const told = await get(url);
    assert.equal(told.error, undefined);
    assert.equal(told.sum, sum(picture));
    assert.equal(requests.length, 2);
  });

  for (const options of [{}, { offset: 5 }])
    it(`are unreachable where CORS refuses: ${JSON.stringify(options)}`, async () => {
      answer = (request, response) => ranged(request, response);
      const { error, heads } = await get(`${other}/asset`, options);
      assert.equal(error?.kind, 'unreachable');
      assert.match(error?.message ?? '', /could not be fetched \(network, or refused by CORS\)/);
      assert.deepEqual(heads, []);
      // The second time past the cache, which has no ranges.
      assert.equal(requests.length, 'offset' in options ? 1 : 2);
    });

  it('of one URL come at the same time', async () => {
    const waiting: (() => void)[] = [];
    answer = (request, response) => {
      waiting.push(() => ranged(request, response, { 'cache-control': 'max-age=3600' }));
      if (waiting.length === 3) for (const go of waiting) go();
    };
    const told = await browser.driver.executeAsyncScript<Told[]>(
      `const done = arguments[1];
       Promise.all([1000, 2000, 3000].map((offset) => get(arguments[0], { offset, length: 500 }))).then(done)`,
      `${own}/asset`,
    );
    assert.deepEqual(
      told.map((one) => one.sum),
      [1000, 2000, 3000].map((at) => sum(FILE.subarray(at, at + 500))),
    );
  });

  it('follow a redirect to another origin', async () => {
    answer = (request, response) =>
      request.url === '/asset'
        ? response.writeHead(302, { location: `${other}/new` }).end()
        : ranged(request, response, CORS);
    const told = await get(`${own}/asset`, { offset: 7, length: 70 });
    assert.equal(told.sum, sum(FILE.subarray(7, 77)));
    assert.deepEqual(
      requests.map(({ url, method, headers }) => [url, method, headers.range]),
      ['/asset', '/new'].map((url) => [url, 'GET', 'bytes=7-76']),
    );
  });

  for (const from of ['own', 'other'] as const)
    for (const [what, length, options] of [
      ['of known length', FILE.length, {}],
      ['that is chunked', undefined, {}],
      ['that is a range', 290_000, { offset: 10_000 }],
    ] as const)
      it(`never complete a body ${what} that breaks off (${from} origin)`, async () => {
        const range = 'offset' in options;
        let broken: ServerResponse | undefined;
        answer = ({ url }, response) => {
          if (url === '/asset/break') {
            broken?.destroy();
            response.end();
            return;
          }
          broken = response.writeHead(range ? 206 : 200, {
            ...CORS,
            ...(length && { 'content-length': length }),
            ...(range && { 'content-range': 'bytes 10000-299999/300000' }),
          });
          broken.write(FILE.subarray(0, 100_000));
        };
        const url = `${from === 'own' ? own : other}/asset`;
        const { error, bytes } = await get(url, { ...options, tell: `${own}/asset/break` });
        assert.equal(error?.kind, 'truncated', JSON.stringify(error));
        assert.ok(bytes > 0 && bytes <= 100_000);
      });

  it('cut short close the connection', async () => {
    const closed = Promise.withResolvers<void>();
    answer = (request, response) => {
      request.socket.once('close', () => closed.resolve());
      response.writeHead(206, { 'content-range': 'bytes 5-299999/300000' });
      response.write(FILE.subarray(5, 100_000));
    };
    const { error } = await get(`${own}/asset`, { offset: 5, cut: true });
    assert.equal(error?.name, 'AbortError');
    await closed.promise;
  });

  for (const path of ['gzip-always', 'gzip-stored'])
    it(`never come compressed: Chromium refuses ${path}`, async () => {
      const { error, bytes } = await get(`${nginx.url}/cors/${path}`, { offset: 5, length: 50 });
      assert.deepEqual([error?.kind, bytes], ['unreachable', 0]);
    });

  it('become the whole file, of known size, where nginx elsewhere has no ranges', async () => {
    const told = await get(`${nginx.url}/cors/rangeless`, { offset: 5, length: 50 });
    assert.equal(told.sum, SUM);
    const { offset, end, total, ranged } = told.heads[0] as RangeHead;
    assert.deepEqual([offset, end, total, ranged], [0, FILE.length, FILE.length, false]);
  });

  for (const path of ['plain', 'gzip', 'gzip-made', 'moved']) {
    it(`come from nginx elsewhere: ${path}`, async () => {
      const told = await get(`${nginx.url}/cors/${path}`, { offset: 299_000, length: 5000 });
      assert.equal(told.sum, sum(FILE.subarray(299_000)), JSON.stringify(told));
      // Shorter than asked: Content-Length is the one thing to tell.
      assert.deepEqual(told.heads[0]?.end, FILE.length);
    });
  }

  for (const path of [
    'plain',
    'rangeless',
    'gzip',
    'gzip-made',
    'gzip-always',
    'gzip-stored',
    'moved',
  ])
    it(`or the whole file, of unknown size, comes from nginx elsewhere: ${path}`, async () => {
      const told = await get(`${nginx.url}/cors/${path}`);
      assert.equal(told.sum, SUM, JSON.stringify(told));
      assert.equal(told.bytes, FILE.length);
      assert.equal(told.heads[0]?.total ?? null, null);
    });

  it('are refused by an nginx that does not know CORS', async () => {
    const told = await get(`${nginx.url}/plain`, { offset: 5, length: 5 });
    assert.equal(told.error?.kind, 'unreachable');
  });
});
