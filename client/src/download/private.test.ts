import assert from 'node:assert/strict';
import { HashAlgorithm } from '@zauberflote/proto';
import { Bench, FILE, HASH, settle, until } from './test-bench.ts';

describe('What a server may have meant for this visitor alone', () => {
  const content = {
    algorithm: HashAlgorithm.SHA1,
    digest: Uint8Array.from(Buffer.from(HASH, 'hex')),
  };
  const holdings = { content, size: BigInt(FILE.length), chunkSize: 16_384 };
  const given = () => bench.told(2n, 'fragment').map(({ data = [] }) => `${Buffer.from(data)}`);
  const ask = (requestId: number) =>
    bench.hear(2n, { case: 'request', value: { requestId, content, offset: 0n, length: 8 } });
  let bench: Bench;
  let body: ReadableStreamDefaultController;

  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.manager.close());

  /** Somebody wrote its address, and a hash, into a page: a part of it is here, and a peer asks for that. */
  async function begin(file: Buffer, headers: Record<string, string>) {
    bench.state = 'unavailable';
    bench.answer = () => {
      const start = (controller: ReadableStreamDefaultController) => {
        body = controller;
        body.enqueue(file.subarray(0, 20_000));
      };
      const all = { 'content-length': `${file.length}`, ...headers };
      return new Response(new ReadableStream({ start }), { headers: all });
    };
    const result = bench.manager.download(HASH, { fallback: '/account' });
    result.catch(() => {}); // A test may be over, and the manager closed, before somebody waits for it.
    await until(() => bench.fetched.length > 0);
    bench.opens(2n);
    bench.hear(2n, { case: 'holdings', value: holdings });
    await until(() => bench.told(2n, 'holdings').some(({ size }) => size === holdings.size));
    await settle();
    ask(1);
    await settle();
    return result;
  }

  const forOne: Record<string, Record<string, string>> = {
    'that says nothing of caches': {},
    'that no cache may keep': { 'cache-control': 'public, no-store', 'last-modified': 'x' },
    'that no shared cache may keep': { 'cache-control': 'max-age=9, private' },
    'that is another with every cookie': { vary: 'Accept, Cookie', 'last-modified': 'x' },
  };
  for (const [name, headers] of Object.entries(forOne))
    it(`is not given to others before it has the hash: an answer ${name}`, async () => {
      begin(Buffer.alloc(FILE.length, 'account '), headers).catch(() => {});
      await until(() => bench.told(2n, 'refuse').length > 0);
      body.close();
      await settle();
      ask(2);
      assert.deepEqual([given(), bench.told(2n, 'got')], [[], []]);
    });

  it('is given to others as soon as it has', async () => {
    const result = begin(FILE, {});
    await until(() => bench.told(2n, 'refuse').length > 0);
    body.enqueue(FILE.subarray(20_000));
    body.close();
    await result;
    assert.deepEqual(
      bench.told(2n, 'got').flatMap(({ chunks = [] }) => chunks),
      [0, 1, 2, 3],
    );
    ask(2);
    await until(() => given().length > 0);
  });

  const forAll: Record<string, Record<string, string>> = {
    'of a file': { 'last-modified': 'Mon, 30 Nov 2026 05:50:21 GMT' },
    'that caches may keep': { 'cache-control': 'max-age=60' },
    'that all caches may keep': { 'cache-control': 'public, max-age=0, must-revalidate' },
  };
  for (const [name, headers] of Object.entries(forAll))
    it(`is no answer ${name}: it is passed on as it comes`, async () => {
      begin(Buffer.alloc(FILE.length, 'forest. '), headers).catch(() => {});
      await until(() => given().length > 0);
      assert.deepEqual(given(), ['forest. ']);
    });
});
