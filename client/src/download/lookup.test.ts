import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { makeManifest } from '@zauberflote/convert';
import { HashAlgorithm, MAX_MANIFEST_BYTES, RefuseReason } from '@zauberflote/proto';
import { ROOM_MS } from '../engine/tuning.ts';
import { MemoryCaches } from '../store/test-caches.ts';
import { LOOKUP_MS } from './finding.ts';
import { Bench, digestOf, FILE, settle, until } from './test-bench.ts';

const URL = 'https://origin.example/f';

describe('A manifest that is not in the page', () => {
  let bench: Bench;
  let manifest: Uint8Array<ArrayBuffer>;
  let id: string;
  /** The manifest as a content. */
  let content: { algorithm: HashAlgorithm; digest: Uint8Array<ArrayBuffer> };

  beforeEach(async () => {
    bench = new Bench();
    ({ manifest, id } = await makeManifest([FILE], FILE.length));
    content = { algorithm: HashAlgorithm.SHA256, digest: digestOf(id) };
  });
  afterEach(() => bench.manager.close());

  const refuse = () => new Response('', { status: 404 });
  const isOfManifest = (body: { content?: object | undefined }) =>
    (body.content as typeof content | undefined)?.algorithm === HashAlgorithm.SHA256;
  const has = (peer: bigint, size = manifest.length) =>
    bench.hear(peer, {
      case: 'holdings',
      value: { content, size: BigInt(size), complete: true },
    });
  /** Serves what a peer is asked for, of manifest and file, until the download ends. */
  const serve = async (peer: bigint, result: Promise<Blob>): Promise<Blob> => {
    let isOver = false;
    const end = () => {
      isOver = true;
    };
    result.then(end, end);
    let served = 0;
    while (!isOver) {
      for (const { requestId = 0, offset = 0n, length = 0, ...of } of bench
        .requests(peer)
        .slice(served)) {
        served++;
        const from = Number(offset);
        const whole = isOfManifest(of) ? manifest : FILE;
        const data = Uint8Array.from(whole.subarray(from, from + length));
        bench.hear(peer, { case: 'fragment', value: { requestId, offset: 0, data } });
      }
      await settle();
    }
    return result;
  };

  it('is asked of who has the file, as a content of its own, without a word to the tracker', async () => {
    const result = bench.manager.download(id);
    await settle();
    bench.named(1n);
    await settle();
    const said = bench.told(1n, 'holdings').filter(isOfManifest);
    assert.equal(said.length, 1);
    has(1n);
    const blob = await serve(1n, result);
    assert.deepEqual(Buffer.from(await blob.arrayBuffer()), FILE);
    assert.deepEqual(bench.fetched, []);
    assert.equal(bench.wanted.length, 1);
    assert.ok(bench.had.every(([key]) => key === bench.wanted[0]));
  });

  it('comes of peers that the tracker named before it was missed', async () => {
    const result = bench.manager.download(id);
    while (bench.wanted.length === 0) await Promise.resolve();
    bench.named(1n);
    await until(() => bench.told(1n, 'holdings').some(isOfManifest));
    has(1n);
    await serve(1n, result);
  });

  it('comes of peers where the origin has neither manifest nor file', async () => {
    bench.answer = refuse;
    const result = bench.manager.download(id, { fallback: URL });
    await until(() => bench.fetched.length === 2);
    await settle();
    bench.named(1n);
    await settle();
    has(1n);
    const blob = await serve(1n, result);
    assert.equal(blob.size, FILE.length);
    assert.deepEqual(bench.fetched, [`${URL}.zf`, URL]);
  });

  it('comes of the origin where that is first, which those are told who wait for it here', async () => {
    let answer = (_: Response) => {};
    const gate = new Promise<Response>((resolve) => {
      answer = resolve;
    });
    bench.answer = (url) => (url.endsWith('.zf') ? gate : new Response(FILE));
    const result = bench.manager.download(id, { fallback: URL });
    await settle();
    bench.named(1n);
    await settle();
    bench.hear(1n, { case: 'holdings', value: { content } });
    answer(new Response(manifest));
    await until(() => bench.told(1n, 'holdings').some((one) => isOfManifest(one) && one.complete));
    await serve(1n, result);
    assert.deepEqual(bench.fetched.slice(0, 1), [`${URL}.zf`]);
    assert.equal(bench.requests(1n).filter(isOfManifest).length, 0);
  });

  it('is given to others with the file, and only as long as that is here', async () => {
    bench.manager.addManifest(manifest);
    const ask = (requestId: number) =>
      bench.hear(2n, {
        case: 'request',
        value: { requestId, content, offset: 0n, length: manifest.length },
      });
    bench.opens(2n);
    ask(1);
    // What a page merely names is nobody's business.
    assert.deepEqual(bench.told(2n, 'refuse'), [{ requestId: 1, reason: RefuseReason.NOT_HELD }]);
    const result = bench.manager.download(id, { fallback: URL });
    await settle();
    bench.named();
    await result;
    bench.hear(2n, { case: 'holdings', value: { content } });
    assert.deepEqual(bench.told(2n, 'holdings').filter(isOfManifest), [
      { content, size: BigInt(manifest.length), complete: true },
    ]);
    ask(2);
    const fragments = bench.told(2n, 'fragment').map(({ data }) => Buffer.from(data!));
    assert.deepEqual(Buffer.concat(fragments), Buffer.from(manifest));
  });

  it('is not taken of who says that it is larger than one can be', async () => {
    const result = bench.manager.download(id);
    await settle();
    bench.named(1n, 2n);
    await settle();
    has(1n, MAX_MANIFEST_BYTES + 1);
    await settle();
    assert.deepEqual(bench.requests(1n), []);
    has(2n);
    await Promise.all([serve(1n, result), serve(2n, result)]);
  });

  it('is not one because it has the hash of one', async () => {
    const none = Buffer.from('no manifest');
    const digest = createHash('sha256').update(none).digest();
    content = { ...content, digest: Uint8Array.from(digest) };
    manifest = Uint8Array.from(none);
    const result = bench.manager.download(`zf1-${digest.toString('base64url')}`);
    await settle();
    bench.named(1n);
    await settle();
    has(1n);
    await assert.rejects(serve(1n, result), { name: 'ZfError', code: 'no-source' });
  });

  it('is not asked for any more when nobody wants the file', async () => {
    const abort = new AbortController();
    const result = bench.manager.download(id, { signal: abort.signal });
    await settle();
    bench.named(1n);
    await settle();
    has(1n);
    await settle();
    const [{ requestId } = {}] = bench.requests(1n).filter(isOfManifest);
    assert.ok(requestId);
    abort.abort();
    await assert.rejects(result, { code: 'aborted' });
    assert.deepEqual(bench.told(1n, 'cancel'), [{ requestId }]);
    assert.equal(bench.manager.stats().downloads, 0);
  });

  it('is found by a download of its own beside it', async () => {
    const result = bench.manager.download(id);
    const own = bench.manager.download(`sha256-${Buffer.from(content.digest).toString('base64')}`);
    await settle();
    bench.size = manifest.length;
    bench.named(1n);
    const [of] = bench.wanted;
    const holders = [{ peer: 1n, size: FILE.length, partial: false }];
    bench.handlers.onPeers({ contentKey: of!, holders, totalHolders: 1, totalPartial: 0 });
    await settle();
    has(1n);
    const blob = await serve(1n, result);
    assert.equal(blob.size, FILE.length);
    const bytes = new Uint8Array(await (await own).arrayBuffer());
    assert.deepEqual(bytes, manifest);
  });

  /** Lets the page's timers go off, without the time they take, until the download ends. @returns when that was, in ms, and how */
  const run = async (result: Promise<Blob>, timers: Map<number, [number, () => void]>) => {
    let ending: string | undefined;
    result.then(
      ({ size }) => {
        ending = `${size} bytes`;
      },
      ({ code }) => {
        ending = code;
      },
    );
    for (let turns = 0; !ending && turns < 2_000; turns++) {
      await settle();
      const [next] = [...timers].sort(([, [a]], [, [b]]) => a - b);
      // Hashes are made in other threads.
      if (!next || ending) {
        await pause(1);
        continue;
      }
      timers.delete(next[0]);
      bench.now = Math.max(bench.now as number, next[1][0]);
      next[1][1]();
    }
    return { ending, at: bench.now as number };
  };
  const stopClock = () => {
    const timers = new Map<number, [number, () => void]>();
    let last = 0;
    bench.now = 0;
    bench.setTimer = (ms, go) => {
      const id = ++last;
      timers.set(id, [(bench.now as number) + ms, go]);
      return () => void timers.delete(id);
    };
    return timers;
  };
  /** One that says it downloads, and has nothing. */
  const newcomer = (peer: bigint) => {
    const holders = [{ peer, size: 0, partial: true }];
    const contentKey = bench.wanted.at(-1) as string;
    bench.handlers.onPeers({ contentKey, holders, totalHolders: 0, totalPartial: 1 });
    bench.opens(peer);
    bench.hear(peer, { case: 'holdings', value: { content } });
  };

  for (const state of ['suspended', 'waiting', 'unavailable'] as const)
    it(`is not waited for where the origin has failed and nobody can be asked: ${state}`, async () => {
      bench.answer = refuse;
      bench.state = state;
      const timers = stopClock();
      const { ending, at } = await run(bench.manager.download(id, { fallback: URL }), timers);
      assert.deepEqual([ending, at < 1_000], ['no-source', true], `after ${at} ms`);
    });

  for (const [fallback, most] of [
    [URL, LOOKUP_MS],
    [undefined, ROOM_MS],
  ] as const)
    it(`is waited for ${most} ms at most, whatever peers claim`, async () => {
      bench.answer = refuse;
      const timers = stopClock();
      const result = bench.manager.download(id, { fallback });
      await settle();
      newcomer(1n);
      let claim = 100;
      const say = () => {
        has(1n, ++claim);
        newcomer(BigInt(claim));
        bench.setTimer(5_000, say);
      };
      say();
      const { ending, at } = await run(result, timers);
      assert.deepEqual([ending, at <= most + 1_000], ['no-source', true], `after ${at} ms`);
    });

  it('leaves no timer once peers gave it and the origin was taken leave of', async () => {
    bench.answer = (_url, _range, signal) =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    const set: number[] = [];
    const { setTimer } = bench;
    bench.setTimer = (ms, go) => {
      const stop = setTimer(ms, go);
      if (ms !== LOOKUP_MS && ms !== ROOM_MS) return stop;
      set.push(ms);
      return () => {
        if (set.includes(ms)) set.splice(set.indexOf(ms), 1);
        stop();
      };
    };
    const result = bench.manager.download(id, { fallback: URL });
    await settle();
    assert.deepEqual(set, [ROOM_MS]);
    bench.named(1n);
    await settle();
    has(1n);
    await serve(1n, result);
    await settle();
    assert.deepEqual(set, []);
  });

  it('is asked of an origin that another caller knows', async () => {
    bench.answer = (url) => new Response(url.endsWith('.zf') ? manifest : FILE);
    const result = bench.manager.download(id);
    await settle();
    newcomer(1n);
    assert.deepEqual(bench.fetched, []);
    const other = bench.manager.download(id, { fallback: URL });
    await settle();
    assert.deepEqual(bench.fetched, [`${URL}.zf`]);
    await until(() => bench.fetched.includes(URL) || bench.leased.length > 0);
    bench.manager.close();
    for (const one of [result, other]) await assert.rejects(one, { code: 'aborted' });
  });

  it('is taken when the page gets to where it has it', async () => {
    const result = bench.manager.download(id);
    await settle();
    bench.named(1n);
    await settle();
    bench.manager.addManifest(manifest);
    await serve(1n, result);
    assert.equal(bench.requests(1n).filter(isOfManifest).length, 0);
  });

  it('is not looked for where the download was given up before that', async () => {
    const signals: (AbortSignal | undefined)[] = [];
    bench.answer = (_url, _range, signal) => {
      signals.push(signal);
      return new Promise(() => {});
    };
    for (let turns = 1; turns < 40; turns++) {
      const abort = new AbortController();
      const result = bench.manager.download(id, { fallback: URL, signal: abort.signal });
      for (let i = 0; i < turns; i++) await Promise.resolve();
      abort.abort();
      await assert.rejects(result, { code: 'aborted' });
      await settle();
      assert.ok(
        signals.every((signal) => signal?.aborted),
        `after ${turns} turns`,
      );
    }
  });

  it('can be had of who said so, also while what was kept is looked through', async () => {
    bench.manager.close();
    const caches = new MemoryCaches();
    caches.answerMs = 100;
    bench = new Bench(caches.storage);
    bench.answer = (url) => (url.endsWith('.zf') ? new Response(manifest) : new Promise(() => {}));
    bench.manager.download(id, { fallback: URL }).catch(() => {});
    await until(() => bench.wanted.length > 0);
    bench.named(1n);
    bench.hear(1n, { case: 'holdings', value: { content } });
    await until(() => bench.told(1n, 'holdings').some((one) => isOfManifest(one) && one.complete));
    const value = { requestId: 1, content, offset: 0n, length: manifest.length };
    bench.hear(1n, { case: 'request', value });
    assert.deepEqual(bench.told(1n, 'refuse'), []);
  });

  it('is said to be missing, with where it could be, where nobody has it', async () => {
    const result = bench.manager.download(id);
    await settle();
    bench.named();
    await assert.rejects(result, { code: 'no-source' });
  });
});
