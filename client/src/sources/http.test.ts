import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { browserPlatform } from '../platform.ts';
import { fetchWhole, HTTP_STALL_MS } from './http.ts';

describe('fetchWhole', () => {
  const servers: Server[] = [];

  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function serve(listener: RequestListener): Promise<string> {
    const server = createServer(listener).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`;
  }

  const platform = browserPlatform();
  const options = { signal: new AbortController().signal, fresh: false, onProgress: () => {} };

  it('gives the body, its type and the progress', async () => {
    const body = Buffer.alloc(300_000, 'zf');
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'image/png', 'content-length': body.length });
      response.end(body);
    });
    const seen: [number, number | undefined][] = [];
    const onProgress = (loaded: number, total: number | undefined) => seen.push([loaded, total]);
    const { data, mediaType } = await fetchWhole(platform, url, { ...options, onProgress });
    assert.deepEqual(Buffer.from(data), body);
    assert.equal(mediaType, 'image/png');
    assert.deepEqual(seen.at(-1), [300_000, 300_000]);
    assert.ok(seen.every(([loaded], i) => i === 0 || loaded > (seen[i - 1]?.[0] as number)));
  });

  it('does not take the length of a compressed body for that of its content', async () => {
    const body = Buffer.alloc(50_000, 'a');
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(gzipSync(body));
    });
    let total: number | undefined = 1;
    const onProgress = (_: number, all: number | undefined) => {
      total = all;
    };
    const { data, mediaType } = await fetchWhole(platform, url, { ...options, onProgress });
    assert.equal(data.length, 50_000);
    assert.equal(mediaType, '');
    assert.equal(total, undefined);
  });

  it('gives an empty body', async () => {
    const url = await serve((_, response) => response.end());
    assert.equal((await fetchWhole(platform, url, options)).data.length, 0);
  });

  it('names the status of a refusal', async () => {
    const url = await serve((_, response) => response.writeHead(503).end('busy'));
    await assert.rejects(fetchWhole(platform, url, options), /\/file answered 503/);
  });

  it('names the URL when nobody answers', async () => {
    const url = await serve(() => {});
    servers.splice(0).map((server) => server.close());
    await assert.rejects(fetchWhole(platform, url, options), /\/file could not be fetched/);
  });

  it('fails on a truncated body', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-length': 1000 });
      response.write('abc', () => response.destroy());
    });
    await assert.rejects(fetchWhole(platform, url, options));
  });

  it('asks past caches when told to', async () => {
    const seen: (string | undefined)[] = [];
    const asked = {
      ...platform,
      fetch: (_: RequestInfo | URL, init?: RequestInit) => {
        seen.push(init?.cache);
        return Promise.resolve(new Response('x'));
      },
    };
    await fetchWhole(asked, '/x', options);
    await fetchWhole(asked, '/x', { ...options, fresh: true });
    assert.deepEqual(seen, ['default', 'reload']);
  });

  it('stops when aborted, before and in the middle', async () => {
    const controller = new AbortController();
    const url = await serve((_, response) => {
      response.writeHead(200);
      response.write('part');
    });
    const body = fetchWhole(platform, url, {
      ...options,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await assert.rejects(body, { name: 'AbortError' });
    await assert.rejects(fetchWhole(platform, url, { ...options, signal: controller.signal }), {
      name: 'AbortError',
    });
  });

  it('gives up a body that stalls', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200);
      response.write('part');
    });
    const timers: (() => void)[] = [];
    const clock = {
      ...platform,
      setTimer: (ms: number, run: () => void) => {
        assert.equal(ms, HTTP_STALL_MS);
        timers.push(run);
        return () => timers.splice(timers.indexOf(run), 1);
      },
    };
    const onProgress = () => timers[0]?.();
    await assert.rejects(
      fetchWhole(clock as typeof platform, url, { ...options, onProgress }),
      /sent nothing for 60 s/,
    );
    assert.deepEqual(timers, []);
  });
});
