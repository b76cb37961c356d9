import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { browserPlatform } from '../platform.ts';
import { fetchWhole, HTTP_STALL_MS, HttpError } from './http.ts';
import { content, get, Origins } from './test-origin.ts';

const FILE = content(300_000);

describe('fetchRange', () => {
  const origins = new Origins();
  const platform = browserPlatform();
  afterEach(() => origins.close());

  for (const [named, header] of [
    ['without a word of ranges', {}],
    ['that ranges can be had of', { 'accept-ranges': 'bytes' }],
  ] as const)
    it(`gets a whole file ${named} as a browser would: without Range, through its cache`, async () => {
      const ranges: unknown[] = [];
      const url = await origins.serve(({ headers }, response) => {
        ranges.push(headers.range);
        const length = { 'content-length': FILE.length };
        response.writeHead(200, { 'content-type': 'image/png', ...length, ...header });
        response.end(FILE);
      });
      const { heads, data, error } = await get(url);
      assert.equal(error, undefined);
      assert.deepEqual(data, FILE);
      const size = FILE.length;
      const place = { offset: 0, end: size, total: size, ranged: false };
      const isWhole = !('accept-ranges' in header);
      assert.deepEqual(heads, [{ ...place, mediaType: 'image/png', isPrivate: true, isWhole }]);
      assert.deepEqual(ranges, [undefined]);
    });

  for (const [offset, length, range] of [
    [0, 100, 'bytes=0-99'],
    [0, 1, 'bytes=0-0'],
    [7, 1000, 'bytes=7-1006'],
    [299_000, undefined, 'bytes=299000-'],
  ] as const)
    it(`gets ${range}`, async () => {
      const end = offset + (length ?? FILE.length - offset);
      const seen: unknown[] = [];
      const url = await origins.serve(({ headers }, response) => {
        seen.push([headers.range, headers['accept-encoding']]);
        response.writeHead(206, { 'content-range': `bytes ${offset}-${end - 1}/${FILE.length}` });
        response.end(FILE.subarray(offset, end));
      });
      const { heads, data, error } = await get(url, { offset, length });
      assert.equal(error, undefined);
      assert.deepEqual(data, FILE.subarray(offset, end));
      assert.deepEqual(heads, [
        { offset, end, total: FILE.length, mediaType: '', ranged: true, isPrivate: true },
      ]);
      // As browsers do: offsets are those of the file as it is, not of a compressed form.
      assert.deepEqual(seen, [[range, 'identity']]);
    });

  it('asks past caches when told to, and for ranges always', async () => {
    const seen: unknown[] = [];
    const asked = {
      ...platform,
      fetch: (_: RequestInfo | URL, init?: RequestInit) => {
        seen.push(init?.cache);
        return Promise.resolve(new Response('x'));
      },
    };
    for (const fresh of [false, true])
      for (const offset of [0, 5]) await get('/x', { fresh, offset }, asked);
    assert.deepEqual(seen, ['default', 'no-store', 'reload', 'no-store']);
  });

  it('gives an empty file', async () => {
    const { heads, data, error } = await get(await origins.serve((_, response) => response.end()));
    assert.equal(error, undefined);
    assert.equal(data.length, 0);
    assert.equal(heads[0]?.total, 0);
  });

  it('names the status of a refusal, and the URL', async () => {
    const url = await origins.serve((_, response) => response.writeHead(500).end('no'));
    const { heads, error } = await get(`${url}/file`, { offset: 5 });
    assert.ok(error instanceof HttpError);
    assert.deepEqual([error.kind, error.status, error.size], ['status', 500, undefined]);
    assert.match(error.message, /\/file answered 500$/);
    assert.deepEqual(heads, []);
  });

  it('tells the size that a range was beyond', async () => {
    const url = await origins.serve(({ url }, response) =>
      response.writeHead(416, url === '/said' ? { 'content-range': 'bytes */1234' } : {}).end(),
    );
    for (const [path, size] of [
      ['/said', 1234],
      ['/unsaid', undefined],
    ] as const) {
      const { error } = await get(url + path, { offset: 5000, length: 10 });
      assert.ok(error instanceof HttpError);
      assert.deepEqual([error.kind, error.status, error.size], ['status', 416, size]);
    }
  });

  for (const offset of [0, 5])
    it(`names the URL when nobody answers (from byte ${offset})`, async () => {
      const url = await origins.serve(() => {});
      origins.close();
      const { error } = await get(`${url}/file`, { offset });
      assert.ok(error instanceof HttpError);
      assert.equal(error.kind, 'unreachable');
      assert.match(error.message, /\/file could not be fetched \(network, or refused by CORS\)/);
      assert.ok(error.cause instanceof TypeError);
    });

  describe('when aborted', () => {
    it('asks nothing if it was before', async () => {
      let requests = 0;
      const url = await origins.serve((_, response) => {
        requests++;
        response.end();
      });
      const { error } = await get(url, { signal: AbortSignal.abort() });
      assert.equal((error as Error).name, 'AbortError');
      assert.equal(requests, 0);
    });

    for (const when of ['onHead', 'onData'] as const)
      it(`in ${when} calls nothing more and closes the connection`, async () => {
        const closed = Promise.withResolvers<void>();
        const url = await origins.serve((request, response) => {
          request.socket.once('close', () => closed.resolve());
          response.writeHead(206, { 'content-range': 'bytes 5-299999/300000' });
          response.write(FILE.subarray(5, 150_000));
        });
        const controller = new AbortController();
        let calls = 0;
        const reason = new Error('peers have the rest');
        const { heads, error } = await get(url, {
          offset: 5,
          signal: controller.signal,
          onData: () => void calls++,
          [when]: () => {
            calls++;
            controller.abort(reason);
          },
        });
        assert.equal(error, reason);
        assert.deepEqual([heads.length, calls], [1, 1]);
        await closed.promise;
      });

    it('calls nothing more though data had come already', async () => {
      const controller = new AbortController();
      let calls = 0;
      const deaf = {
        ...platform,
        fetch: () => Promise.resolve(new Response(new Blob(['come already']).stream())),
      };
      const onHead = () => queueMicrotask(() => queueMicrotask(() => controller.abort()));
      const options = { signal: controller.signal, onHead, onData: () => void calls++ };
      const { error } = await get('/x', options, deaf);
      assert.equal((error as Error).name, 'AbortError');
      assert.equal(calls, 0);
    });

    it('while it waits for an answer closes the connection', async () => {
      const controller = new AbortController();
      const closed = Promise.withResolvers<void>();
      const url = await origins.serve((request) => {
        request.socket.once('close', () => closed.resolve());
        controller.abort();
      });
      const { error } = await get(url, { offset: 5, signal: controller.signal });
      assert.equal((error as Error).name, 'AbortError');
      await closed.promise;
    });
  });

  it('closes the connection when its caller throws, and throws that', async () => {
    const closed = Promise.withResolvers<void>();
    const url = await origins.serve((request, response) => {
      request.socket.once('close', () => closed.resolve());
      response.writeHead(200).write('part');
    });
    const mistake = new TypeError('of the caller');
    const onData = () => {
      throw mistake;
    };
    assert.equal((await get(url, { onData })).error, mistake);
    await closed.promise;
  });

  describe('of an origin that pauses', () => {
    let now: number;
    let timers: { at: number; run: () => void }[];
    const clock = {
      ...platform,
      setTimer(ms: number, run: () => void) {
        const timer = { at: now + ms, run };
        timers.push(timer);
        return () => (timers = timers.filter((other) => other !== timer));
      },
    };
    const pass = (ms: number) => {
      now += ms;
      for (const { at, run } of [...timers]) if (at <= now) run();
    };

    beforeEach(() => {
      now = 0;
      timers = [];
    });

    it('waits for every next byte as long as for the first', async () => {
      let answer: ServerResponse | undefined;
      const url = await origins.serve((_, response) => {
        pass(HTTP_STALL_MS - 1);
        answer = response.writeHead(206, { 'content-range': 'bytes 10-14/20' });
        answer.write('a');
      });
      let pieces = 1;
      const onData = () => {
        pass(HTTP_STALL_MS - 1);
        if (pieces++ < 5) answer?.write('a');
        else answer?.end();
      };
      const { data, error } = await get(url, { offset: 10, length: 5, onData }, clock);
      assert.equal(error, undefined);
      assert.equal(String(data), 'aaaaa');
      assert.equal(now, 6 * (HTTP_STALL_MS - 1));
      assert.deepEqual(timers, []);
    });

    for (const [what, begin] of [
      ['never answers', () => pass(HTTP_STALL_MS)],
      ['sends no body', (response: ServerResponse) => response.writeHead(200).flushHeaders()],
      ['stops in the middle', (response: ServerResponse) => response.writeHead(200).write('part')],
    ] as const)
      it(`gives up one that ${what}, and closes the connection`, async () => {
        const closed = Promise.withResolvers<void>();
        const url = await origins.serve((request, response) => {
          request.socket.once('close', () => closed.resolve());
          begin(response);
        });
        const stop = () => pass(HTTP_STALL_MS);
        const on = what === 'sends no body' ? { onHead: stop } : { onData: stop };
        const { error } = await get(`${url}/file`, on, clock);
        assert.ok(error instanceof HttpError);
        assert.equal(error.kind, 'stalled');
        assert.match(error.message, /\/file sent nothing for 60 s/);
        assert.deepEqual(timers, []);
        await closed.promise;
      });
  });
});

describe('fetchWhole', () => {
  const origins = new Origins();
  after(() => origins.close());

  it('gives the body, its type and the progress', async () => {
    const url = await origins.serve((_, response) => {
      response.writeHead(200, { 'content-type': 'image/png', 'content-length': FILE.length });
      response.end(FILE);
    });
    const seen: [number, number | undefined, number][] = [];
    const { data, mediaType } = await fetchWhole(browserPlatform(), url, {
      signal: new AbortController().signal,
      fresh: false,
      onProgress: (...progress) => seen.push(progress),
    });
    assert.deepEqual(Buffer.from(data), FILE);
    assert.equal(mediaType, 'image/png');
    assert.deepEqual(seen.at(-1)?.slice(0, 2), [300_000, 300_000]);
    assert.equal(
      seen.reduce((sum, [, , more]) => sum + more, 0),
      300_000,
    );
    assert.ok(seen.every(([loaded], i) => i === 0 || loaded > (seen[i - 1]?.[0] as number)));
  });
});
