import assert from 'node:assert/strict';
import { makeManifest } from '@zauberflote/convert';
import { contentKey, HashAlgorithm } from '@zauberflote/proto';
import fc from 'fast-check';
import { seeded } from '../../../demo/random.ts';
import { REST_MS } from './active-download.ts';
import { Bench, digestOf, FILE, HASH, settle, until } from './test-bench.ts';

const CHUNK = 4_096;
/** No two chunks are alike. */
const random = seeded(7);
const CLIP = Buffer.from(Uint8Array.from(FILE, () => Math.floor(random() * 256)));

type Reader = ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;

/** What is left of a stream. */
async function rest(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Buffer> {
  return Buffer.from(await new Response(stream).arrayBuffer());
}

/** Without a list of all bytes where they differ. */
function same(bytes: Buffer, right: Buffer): void {
  const at = bytes.findIndex((byte, i) => byte !== right[i]);
  assert.deepEqual([at, bytes.length], [-1, right.length], 'first byte that is wrong, and length');
}

async function next(reader: Reader): Promise<Buffer> {
  const { value, done } = await reader.read();
  assert.ok(!done, 'it ended');
  return Buffer.from(value);
}

describe('DownloadManager.stream', () => {
  let id: string;
  let manifest: Uint8Array<ArrayBuffer>;
  let bench: Bench;

  before(async () => {
    ({ id, manifest } = await makeManifest([CLIP], CLIP.length, { chunkSize: CHUNK }));
  });
  beforeEach(() => {
    bench = new Bench();
    bench.manager.addManifest(manifest);
  });
  afterEach(() => bench.manager.close());

  /** A seeder connects, as soon as it is asked who there is. */
  async function seeder(peer = 1n): Promise<void> {
    await until(() => bench.wanted.length > 0);
    const holdings = { algorithm: HashAlgorithm.MANIFEST_SHA256, digest: digestOf(id) };
    bench.named(peer);
    const size = BigInt(CLIP.length);
    bench.hear(peer, { case: 'holdings', value: { content: holdings, size, complete: true } });
  }

  /** Serves what is asked for while the stream is read. */
  async function served<T>(result: Promise<T>, file = CLIP): Promise<T> {
    let isOver = false;
    result
      .catch(() => {})
      .finally(() => {
        isOver = true;
      });
    while (!isOver) {
      bench.serve(1n, file);
      await settle();
    }
    return result;
  }

  /** It sends these chunks, which it was asked for, and no others. */
  function give(...chunks: number[]): void {
    for (const { requestId = 0, offset = 0n, length = 0 } of bench.requests(1n)) {
      const at = Number(offset);
      const data = Uint8Array.from(CLIP.subarray(at, at + length));
      if (chunks.includes(at / CHUNK))
        bench.hear(1n, { case: 'fragment', value: { requestId, offset: 0, data } });
    }
  }

  const chunksAsked = () =>
    bench.requests(1n).map(({ offset = 0n }) => Math.floor(Number(offset) / CHUNK));

  it('fetches nothing before it is read from', async () => {
    const stream = bench.manager.stream(id, { fallback: '/f' });
    await settle();
    assert.deepEqual([bench.wanted, bench.manager.stats().downloads], [[], 0]);
    await stream.cancel();
  });

  it('gives what is verified, in order, before the rest has come', async () => {
    const reader = bench.manager.stream(id).getReader();
    const first = next(reader);
    await seeder();
    await until(() => bench.requests(1n).length > 1);
    give(0);
    same(await first, CLIP.subarray(0, CHUNK));
    assert.equal(bench.manager.stats().downloads, 1);
    reader.cancel();
  });

  it('gives a range, and asks for no other part', async () => {
    const [start, end] = [3 * CHUNK + 7, 5 * CHUNK + 1];
    const stream = bench.manager.stream(id, { range: { start, end } });
    const result = rest(stream);
    await seeder();
    same(await served(result), CLIP.subarray(start, end));
    assert.deepEqual(chunksAsked().sort(), [3, 4, 5]);
  });

  it('gives any range, whatever else is wanted, in whatever order peers send', async () => {
    const range = fc.tuple(fc.nat(CLIP.length), fc.nat(CLIP.length));
    await fc.assert(
      fc.asyncProperty(
        fc.array(range, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        async (ranges, isAll) => {
          bench.manager.close();
          bench = new Bench();
          bench.manager.addManifest(manifest);
          const whole = isAll ? bench.manager.download(id) : undefined;
          const results = ranges.map(([one, other]) => {
            const [start, end] = [Math.min(one, other), Math.max(one, other)];
            const stream = bench.manager.stream(id, { range: { start, end } });
            return rest(stream).then((bytes) => same(bytes, CLIP.subarray(start, end)));
          });
          const isAnything = isAll || ranges.some(([one, other]) => one !== other);
          if (isAnything) await seeder();
          await served(Promise.all([...results, whole]));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('ends where the content does', async () => {
    const range = { start: CLIP.length - 10, end: CLIP.length + 1_000 };
    const result = rest(bench.manager.stream(id, { range }));
    await seeder();
    same(await served(result), CLIP.subarray(-10));
    const none = bench.manager.stream(id, { range: { start: CLIP.length } });
    assert.equal((await rest(none)).length, 0);
  });

  it('refuses ranges that are none, and says so of one that is beyond the content', async () => {
    for (const range of [{ start: -1 }, { start: 1.5 }, { start: 2, end: 1 }, { end: Number.NaN }])
      assert.throws(() => bench.manager.stream(id, { range }), RangeError);
    assert.throws(() => bench.manager.stream('zf1-x'), { code: 'bad-hash' });
    const { length } = CLIP;
    const beyond = rest(bench.manager.stream(id, { range: { start: length + 1 } }));
    await assert.rejects(beyond, (error: Error) => {
      const { name, message } = (error.cause as Error | undefined) ?? error;
      assert.match(`${name} ${message}`, new RegExp(`^RangeError.* ${length + 1} .* ${length}`));
      return true;
    });
    assert.equal((await rest(bench.manager.stream(id, { range: { start: 5, end: 5 } }))).length, 0);
  });

  it('gives nothing of a content that is verified as a whole before it is', async () => {
    const liar = Buffer.from(FILE);
    liar[FILE.length - 1]! ^= 1;
    let answer = () => {};
    bench.answer = () =>
      new Promise((resolve) => {
        answer = () => resolve(new Response(FILE));
      });
    const stream = bench.manager.stream(HASH, {
      fallback: '/f',
      range: { start: 100, end: 50_000 },
    });
    const reader = stream.getReader();
    const first = next(reader);
    let isThere = false;
    first.then(() => {
      isThere = true;
    });
    await settle();
    bench.named(1n);
    bench.serve(1n, liar);
    await settle();
    await until(() => bench.fetched.length > 0);
    assert.equal(isThere, false);
    answer();
    // The origin has the right one.
    const bytes = [await first];
    for (let part = await reader.read(); !part.done; part = await reader.read())
      bytes.push(Buffer.from(part.value));
    same(Buffer.concat(bytes), FILE.subarray(100, 50_000));
    assert.deepEqual(bench.fetched, ['/f']);
  });

  it('gives what is here without asking anybody', async () => {
    const result = bench.manager.download(id);
    await seeder();
    await served(result);
    const { length } = bench.sent;
    const said: number[] = [];
    const range = { start: 1, end: CHUNK + 1 };
    const onProgress = ({ loaded }: { loaded: number }) => said.push(loaded);
    const stream = bench.manager.stream(id, { range, onProgress });
    same(await rest(stream), CLIP.subarray(1, CHUNK + 1));
    assert.deepEqual([bench.sent.length, said], [length, [CLIP.length]]);
  });

  it('goes on from its own copy when all has come', async () => {
    const reader = bench.manager.stream(id).getReader();
    const first = next(reader);
    await seeder();
    bench.manager.download(id);
    const bytes = [await served(first)];
    await served(until(() => bench.manager.stats().assets === 1));
    for (let part = await reader.read(); !part.done; part = await reader.read())
      bytes.push(Buffer.from(part.value));
    same(Buffer.concat(bytes), CLIP);
  });

  it('gives copies, which do not change what others are given', async () => {
    const reader = bench.manager.stream(id).getReader();
    const first = reader.read();
    await seeder();
    const { value } = await served(first);
    structuredClone(value, { transfer: [value!.buffer] });
    const again = rest(bench.manager.stream(id, { range: { end: CHUNK } }));
    same(await served(again), CLIP.subarray(0, CHUNK));
    reader.cancel();
  });

  it('is told what it is before the first bytes, once, also of what is here', async () => {
    const typed = await makeManifest([CLIP], CLIP.length, {
      chunkSize: CHUNK,
      mediaType: 'video/webm',
    });
    bench.manager.addManifest(typed.manifest);
    ({ id } = typed);
    try {
      const heads: unknown[] = [];
      const options = { onHead: (head: unknown) => heads.push(head), range: { start: 100 } };
      const result = rest(bench.manager.stream(id, options));
      await seeder();
      await served(result);
      const head = { size: CLIP.length, type: 'video/webm' };
      assert.deepEqual(heads, [head]);
      await served(bench.manager.download(id));
      await rest(bench.manager.stream(id, options));
      assert.deepEqual(heads, [head, head]);
    } finally {
      ({ id } = await makeManifest([CLIP], CLIP.length, { chunkSize: CHUNK }));
    }
  });

  it('is told that all is here only when that is verified', async () => {
    bench.now = 0;
    const told: string[] = [];
    const onProgress = ({ loaded, total }: { loaded: number; total: number | undefined }) =>
      told.push(loaded === total ? 'all' : 'some');
    const result = rest(bench.manager.stream(id, { onProgress }));
    result.catch(() => {});
    await seeder();
    const last = Math.ceil(CLIP.length / CHUNK) - 1;
    const others = [...Array(last).keys()];
    await until(() => {
      bench.now = (bench.now ?? 0) + 100;
      give(...others);
      return chunksAsked().includes(last) && told.length > 0;
    });
    bench.now += 100;
    const spoilt = Buffer.from(CLIP);
    spoilt[last * CHUNK]! ^= 1;
    bench.serve(1n, spoilt);
    assert.deepEqual([...new Set(told)], ['some']);
    await until(() => bench.barred.length > 0);
    assert.deepEqual([...new Set(told)], ['some']);
  });

  it('counts what it takes from what was here', async () => {
    const result = bench.manager.download(id);
    await seeder();
    await served(result);
    await rest(bench.manager.stream(id, { range: { start: 5, end: 1_005 } }));
    assert.equal(bench.manager.stats().bytes.store, 1_000);
  });

  it('is told of the progress', async () => {
    const said: number[] = [];
    const stream = bench.manager.stream(id, { onProgress: ({ loaded }) => said.push(loaded) });
    const result = rest(stream);
    await seeder();
    await served(result);
    assert.equal(said.at(-1), CLIP.length);
  });

  it('fails as a download does', async () => {
    bench.state = 'unavailable';
    bench.answer = () => new Response(null, { status: 404 });
    const reader = bench.manager.stream(id, { fallback: '/f' }).getReader();
    await assert.rejects(reader.read(), { name: 'ZfError', code: 'no-source' });
  });

  describe('that is left', () => {
    const reasons: Record<string, (reader: Reader, abort: AbortController) => unknown> = {
      'as it is cancelled': (reader) => reader.cancel(),
      'by its signal': (_, abort) => abort.abort(),
    };
    for (const [name, leave] of Object.entries(reasons))
      it(`takes back what it asked for: ${name}`, async () => {
        const abort = new AbortController();
        const reader = bench.manager.stream(id, { signal: abort.signal }).getReader();
        const first = reader.read();
        first.catch(() => {});
        await seeder();
        await until(() => bench.requests(1n).length > 1);
        const asked = bench.requests(1n).map(({ requestId }) => requestId);
        leave(reader, abort);
        const taken = bench.told(1n, 'cancel').map(({ requestId }) => requestId);
        assert.deepEqual(taken.sort(), asked.sort());
      });

    it('asks nobody when it is cancelled at once', async () => {
      const reader = bench.manager.stream(id, { fallback: '/f' }).getReader();
      const first = reader.read();
      reader.cancel();
      assert.equal((await first).done, true);
      await settle();
      assert.deepEqual([bench.wanted, bench.fetched, bench.manager.stats().downloads], [[], [], 0]);
    });

    it('fails by its signal, before and while it is read', async () => {
      const abort = new AbortController();
      const options = { signal: abort.signal };
      const reader = bench.manager.stream(id, options).getReader();
      const first = reader.read();
      await settle();
      abort.abort();
      await assert.rejects(first, { code: 'aborted' });
      const late = bench.manager.stream(id, options).getReader();
      await assert.rejects(late.read(), { code: 'aborted' });
    });

    it('leaves what came to the next one, and after a while to none', async () => {
      const timers = new Map<() => void, number>();
      bench.setTimer = (ms, run) => {
        timers.set(run, ms);
        return () => timers.delete(run);
      };
      const reader = bench.manager.stream(id).getReader();
      const first = next(reader);
      await seeder();
      await until(() => bench.requests(1n).length > 1);
      give(0, 1);
      await first;
      same(await next(reader), CLIP.subarray(CHUNK, 2 * CHUNK));
      reader.cancel();
      const asked = bench.requests(1n).length;
      const again = bench.manager.stream(id, { range: { end: 2 * CHUNK } }).getReader();
      same(await next(again), CLIP.subarray(0, CHUNK));
      assert.equal(bench.requests(1n).length, asked);
      await settle();
      assert.ok(![...timers.values()].includes(REST_MS), 'it rests while it is read');
      again.cancel();
      assert.equal(bench.manager.stats().downloads, 1);
      for (const [run, ms] of timers) if (ms === REST_MS) run();
      await settle();
      assert.equal(bench.manager.stats().downloads, 0);
      const content = { algorithm: HashAlgorithm.MANIFEST_SHA256, digest: digestOf(id) };
      assert.deepEqual(bench.dropped, [contentKey(content)]);
    });

    it('leaves it also when somebody wanted all, and does not any more', async () => {
      const reader = bench.manager.stream(id).getReader();
      const first = next(reader);
      await seeder();
      await until(() => bench.requests(1n).length > 1);
      give(0);
      await first;
      reader.cancel();
      const abort = new AbortController();
      const all = bench.manager.download(id, { signal: abort.signal });
      await settle();
      abort.abort();
      await assert.rejects(all, { code: 'aborted' });
      const again = bench.manager.stream(id).getReader();
      same(await next(again), CLIP.subarray(0, CHUNK));
      again.cancel();
    });

    it('does not keep the page from welcoming others, as a download does', async () => {
      const welcomed = () => bench.welcomed.at(-1);
      const small = await makeManifest([CLIP.subarray(0, 9)], 9);
      bench.manager.addManifest(small.manifest);
      bench.answer = () =>
        new Response(CLIP.subarray(0, 9), {
          status: 206,
          headers: { 'content-range': 'bytes 0-8/9' },
        });
      const had = bench.manager.download(small.id, { fallback: '/s' });
      await until(() => bench.wanted.length > 0);
      assert.equal(welcomed(), false);
      bench.handlers.onState('unavailable', undefined);
      await had;
      assert.equal(welcomed(), true);
      bench.wanted.length = 0;
      const reader = bench.manager.stream(id).getReader();
      reader.read().catch(() => {});
      await until(() => bench.wanted.length > 0);
      assert.equal(welcomed(), true);
      const abort = new AbortController();
      const all = bench.manager.download(id, { signal: abort.signal });
      await settle();
      assert.equal(welcomed(), false);
      abort.abort();
      await assert.rejects(all, { code: 'aborted' });
      assert.equal(welcomed(), true);
      reader.cancel();
    });

    it('ends at once what could not wait with a part', async () => {
      const reader = bench.manager.stream(HASH, { fallback: '/f' }).getReader();
      reader.read().catch(() => {});
      await until(() => bench.wanted.length > 0);
      reader.cancel();
      await settle();
      assert.equal(bench.manager.stats().downloads, 0);
    });

    it('leaves a download of all of it alone', async () => {
      const result = bench.manager.download(id);
      const reader = bench.manager.stream(id).getReader();
      const first = next(reader);
      await seeder();
      reader.cancel();
      await first.catch(() => {});
      const blob = await served(result);
      same(Buffer.from(await blob.arrayBuffer()), CLIP);
    });
  });
});
