import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { makeManifest } from '@zauberflote/convert';
import { HashAlgorithm } from '@zauberflote/proto';
import { RANGE_STALL_MS } from '../engine/tuning.ts';
import { Origins } from '../sources/test-origin.ts';
import { Bench, digestOf, FILE, until } from './test-bench.ts';

describe('DownloadManager with a range under way at a real origin', () => {
  const bench = new Bench();
  const origins = new Origins();

  afterEach(() => {
    bench.manager.close();
    origins.close();
  });

  it('breaks it off there when a peer has sent it meanwhile, and goes on with the others', async () => {
    const { manifest, id, chunkSize } = await makeManifest([FILE], FILE.length, {});
    bench.manager.addManifest(manifest);
    bench.now = 0;
    const answers: { readonly response: ServerResponse; readonly rest: Uint8Array }[] = [];
    let isSlow = true;
    const base = await origins.serve(({ headers: { range = '' } }, response) => {
      const [, first, last] = /(\d+)-(\d+)/.exec(range) ?? [];
      response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${FILE.length}` });
      const data = FILE.subarray(Number(first), Number(last) + 1);
      const [start, rest] = [data.subarray(0, 1_000), data.subarray(1_000)];
      response.write(start);
      answers.push({ response, rest });
      if (!isSlow) response.end(rest);
    });
    bench.answer = (url, range = '', signal) => fetch(url, { headers: { range }, signal: signal! });
    const result = bench.manager.download(id, { fallback: `${base}/f` });
    // The manifest is hashed in another thread, and only then can chunks be lent.
    await until(() => bench.leased.includes(chunkSize));
    bench.handlers.onGrant(bench.wanted[0]!, { first: 0, count: 1, unitBytes: chunkSize });
    await until(() => bench.manager.stats().bytes.origin === 1_000);
    bench.now += RANGE_STALL_MS;
    bench.opens(1n);
    const content = { algorithm: HashAlgorithm.MANIFEST_SHA256, digest: digestOf(id) };
    const holdings = { content, size: BigInt(FILE.length), chunkSize };
    bench.hear(1n, { case: 'holdings', value: { ...holdings, bitfield: Uint8Array.of(0x80) } });
    const { response } = answers[0]!;
    assert.equal(response.closed, false);
    bench.serve(1n);
    await once(response, 'close');
    assert.equal(response.writableEnded, false);
    isSlow = false;
    for (const { response, rest } of answers) response.end(rest);
    assert.deepEqual(Buffer.from(await (await result).arrayBuffer()), FILE);
    assert.equal(bench.manager.stats().bytes.peers, chunkSize);
  });
});
