import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { makeManifest } from '@zauberflote/convert';
import { Bench, FILE, until } from './test-bench.ts';

describe('DownloadManager with an origin that refuses ranges', () => {
  let bench: Bench;
  let asked: (string | undefined)[];

  beforeEach(() => {
    bench = new Bench();
    asked = [];
  });

  afterEach(() => bench.manager.close());

  /** Nobody else is there, and the first chunk is lent. */
  const download = async (answer: (range?: string) => Response) => {
    const { manifest, id, chunkSize } = await makeManifest([FILE], FILE.length, {});
    bench.manager.addManifest(manifest);
    bench.answer = (_, range) => {
      asked.push(range);
      return answer(range);
    };
    const result = bench.manager.download(id, { fallback: '/f' });
    await until(() => bench.leased.includes(chunkSize));
    await pause(20);
    const contentKey = bench.wanted[0] as string;
    bench.handlers.onGrant(contentKey, { first: 0, count: 1, unitBytes: chunkSize });
    bench.handlers.onPeers({ contentKey, holders: [], totalHolders: 0, totalPartial: 0 });
    return result;
  };

  for (const status of [400, 403, 500, 501])
    it(`gets the whole from one that answers ${status}`, async () => {
      const blob = await download(
        (range) => new Response(range ? '' : FILE, { status: range ? status : 200 }),
      );
      assert.equal(blob.size, FILE.length);
      assert.deepEqual(asked.map(Boolean), [true, false]);
    });

  for (const status of [404, 410])
    it(`takes the word of one that answers ${status}`, async () => {
      const answer = () => new Response('', { status });
      await assert.rejects(download(answer), { message: new RegExp(`/f answered ${status}`) });
      assert.equal(asked.length, 1);
    });

  for (const status of [429, 502, 503, 504])
    it(`asks one that answers ${status} again, not sooner than it says`, async () => {
      const { setTimer } = bench;
      bench.now = 0;
      const times: number[] = [];
      // From the first answer on what is waited for passes in no time: before, the download would be over first.
      bench.setTimer = (ms, run) => {
        if (ms > 5_000 || times.length === 0) return setTimer(ms, run);
        return setTimer(0, () => {
          bench.now! += ms;
          run();
        });
      };
      const headers = { 'retry-after': '3' };
      const blob = await download(() => {
        times.push(bench.now!);
        return times.length > 1 ? new Response(FILE) : new Response('', { status, headers });
      });
      assert.equal(blob.size, FILE.length);
      assert.ok(times[1]! - times[0]! >= 3_000, String(times));
    });
});
