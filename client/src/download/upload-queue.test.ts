import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CHUNK, FILE, serve, served } from './test-uplink.ts';
import { BUDGET_MS, MIN_BUDGET_BYTES, SLOW_MS } from './upload-queue.ts';
import { FRAGMENT_BYTES } from './uploads.ts';

/** Bytes of a long request. */
const LONG = 32 * CHUNK;

describe('UploadQueue', () => {
  it('serves whole requests one after the other, so that the first are there early', async () => {
    const { line, ask } = serve(250);
    const ids = [1, 2, 3, 4, 5, 6, 7, 8].map((peer) => ask(peer));
    const doneAt = new Map<number, number>();
    await line.run(1_500, () => {
      for (const [index, id] of ids.entries())
        if (line.bytes(BigInt(index + 1), id).length === CHUNK && !doneAt.has(id))
          doneAt.set(id, line.now);
    });
    // All at once, they would all be there after 1,049 ms.
    const times = [...doneAt.values()];
    assert.equal(times.length, 8);
    assert.ok(times[1]! <= 600 && times[3]! <= 850, `done after ${times} ms`);
  });

  it('lets no more wait than leaves in a tenth of a second, and a message', async () => {
    for (const rate of [150, 250, 1_000]) {
      const { line, ask } = serve(rate);
      for (let n = 0; n < 100; n++) for (let peer = 1; peer <= 10; peer++) ask(peer);
      await line.run(2_000);
      line.most = 0;
      await line.run(3_000);
      const most = Math.max(MIN_BUDGET_BYTES, rate * BUDGET_MS * 1.1) + 2 * FRAGMENT_BYTES;
      assert.ok(line.most <= most, `${line.most} bytes waited at ${rate} KB/s`);
    }
  });

  it('keeps an uplink of any speed busy, with one asker or ten', async () => {
    for (const rate of [30, 250, 5_000, 40_000])
      for (const askers of [1, 10]) {
        const { line, ask } = serve(rate);
        const bytes = rate * 2_000;
        const each = Math.ceil(bytes / askers / LONG) + 1;
        for (let n = 0; n < each; n++) for (let peer = 1; peer <= askers; peer++) ask(peer, LONG);
        await line.run(2_000);
        const { carried } = line;
        assert.ok(
          carried > 0.9 * bytes,
          `${carried} of ${bytes} bytes at ${rate} KB/s to ${askers}`,
        );
      }
  });

  it('keeps it busy for a page that is slow to hear of room', async () => {
    for (const rate of [250, 5_000])
      for (const wakeMs of [60, 150]) {
        const { line, ask } = serve(rate);
        line.wakeMs = wakeMs;
        for (let n = 0; n < 40; n++) for (let peer = 1; peer <= 4; peer++) ask(peer, LONG);
        await line.run(1_000);
        const before = line.carried;
        await line.run(3_000);
        const share = (line.carried - before) / (rate * 3_000);
        // With 150 ms here and there, what is under way has to last for 320.
        assert.ok(share > 0.8, `${share} of ${rate} KB/s, awake every ${wakeMs} ms`);
      }
  });

  it('goes on at once when one stalls on a slow uplink', async () => {
    const { line, ask, got } = serve(100);
    for (let n = 0; n < 50; n++) for (let peer = 1; peer <= 3; peer++) ask(peer);
    await line.run(1_000);
    line.line(1n).rate = 0;
    const before = got(2) + got(3);
    await line.run(1_000);
    const bytes = got(2) + got(3) - before;
    assert.ok(bytes > 0.6 * 100 * 1_000, `${bytes} bytes in the first second of that`);
  });

  it('gives askers equal shares in bytes, whatever they ask for at once', async () => {
    const { line, ask, got } = serve(250);
    for (let n = 0; n < 20; n++) ask(1, 200_000);
    for (let n = 0; n < 200; n++) ask(2, 10_000);
    await line.run(2_000);
    // Who comes later has no claim to what the others got before.
    for (let n = 0; n < 100; n++) ask(3, 25_000);
    const before = [1, 2].map((peer) => got(peer));
    await line.run(6_000);
    const shares = [got(1) - before[0]!, got(2) - before[1]!, got(3)];
    assert.ok(Math.max(...shares) - Math.min(...shares) <= 300_000, `${shares}`);
  });

  it('goes on with the others when some take nothing or little', async () => {
    const { line, ask, got } = serve(250);
    for (const [peer, rate] of [0, 0, 5, 5].entries()) line.line(BigInt(peer + 1)).rate = rate;
    for (let n = 0; n < 200; n++) for (let peer = 1; peer <= 6; peer++) ask(peer);
    await line.run(20_000);
    // Each of the four may hold the uplink up until it is seen to be slow, then now and then.
    const fast = got(5) + got(6);
    assert.ok(fast > 0.7 * 250 * 20_000, `${fast} bytes to the fast ones`);
    for (const peer of [1n, 2n, 3n, 4n])
      assert.ok(line.line(peer).queued <= MIN_BUDGET_BYTES + FRAGMENT_BYTES);
    assert.ok(got(3) >= MIN_BUDGET_BYTES / 2 && got(4) >= MIN_BUDGET_BYTES / 2);
  });

  it('serves one that did not take anything as any other when it does', async () => {
    const { line, ask, got } = serve(250);
    line.line(1n).rate = 0;
    const peers = [1, 2, 3, 4, 5, 6, 7, 8];
    for (let n = 0; n < 200; n++) for (const peer of peers) ask(peer);
    await line.run(10_000);
    assert.equal(got(1), 0);
    line.line(1n).rate = Number.POSITIVE_INFINITY;
    const before = peers.map((peer) => got(peer));
    await line.run(6_000);
    const shares = peers.map((peer, index) => got(peer) - before[index]!);
    // It has what waited for it, besides.
    assert.ok(Math.max(...shares) - Math.min(...shares) <= 4 * CHUNK, `${shares}`);
  });

  it('serves every asker whole, whatever the others do; seeded', () => {
    const asker = fc.record({
      rate: fc.constantFrom(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 300, 20, 0),
      requests: fc.array(
        fc.record({ at: fc.nat(2_000), length: fc.integer({ min: 1, max: 100_000 }) }),
        { minLength: 1, maxLength: 8 },
      ),
      /** Which are taken back, and when. */
      cancels: fc.array(fc.record({ at: fc.nat(3_000), index: fc.nat(7) }), { maxLength: 3 }),
      leavesAt: fc.option(fc.nat(3_000), { freq: 5 }),
    });
    const swarm = fc.record({
      rate: fc.constantFrom(60, 250, 2_000, 20_000),
      isRead: fc.constantFrom('at once', 'later'),
      askers: fc.array(asker, { minLength: 1, maxLength: 8 }),
    });
    return fc.assert(
      fc.asyncProperty(swarm, async ({ rate, isRead, askers }) => {
        const later = async (offset: number, length: number) => FILE.slice(offset, offset + length);
        const { line, uploads, ask } = serve(
          rate,
          isRead === 'later' ? { size: LONG, read: later } : served,
        );
        const asked: { peer: number; id: number; length: number; isOff: boolean }[] = [];
        const left = new Set<number>();
        const plan = askers.flatMap(({ rate: takes, requests, cancels, leavesAt }, peer) => {
          line.line(BigInt(peer)).rate = takes;
          const mine: (typeof asked)[number][] = [];
          return [
            ...requests.map(({ at, length }) => ({
              at,
              run: () => {
                if (left.has(peer)) return;
                const one = { peer, id: ask(peer, length, length), length, isOff: false };
                mine.push(one);
                asked.push(one);
              },
            })),
            ...cancels.map(({ at, index }) => ({
              at,
              run: () => {
                const one = mine[index];
                if (!one) return;
                one.isOff = true;
                uploads.cancel(BigInt(peer), one.id);
                const before = line.sent.length;
                const isSilent = () =>
                  line.sent
                    .slice(before)
                    .every(
                      ({ body }) => body?.case !== 'fragment' || body.value.requestId !== one.id,
                    );
                checks.push(isSilent);
              },
            })),
            ...(leavesAt === null
              ? []
              : [
                  {
                    at: leavesAt,
                    run: () => {
                      left.add(peer);
                      line.gone.add(BigInt(peer));
                      line.line(BigInt(peer)).queue.length = 0;
                      line.line(BigInt(peer)).queued = 0;
                      uploads.closed(BigInt(peer));
                    },
                  },
                ]),
          ];
        });
        const checks: (() => boolean)[] = [];
        plan.sort((a, b) => a.at - b.at);
        await line.run(3_000, () => {
          while (plan[0] && plan[0].at <= line.now) plan.shift()!.run();
        });
        // The time of all bytes, that of the slowest, and a delay by each that takes little.
        const bytes = asked.reduce((sum, { length }) => sum + length, 0);
        const slowest = askers.some((one) => one.rate === 20) ? 800_000 / 20 : 0;
        await line.run(bytes / Math.min(rate, 300) + slowest + askers.length * 2 * SLOW_MS + 500);
        for (const { peer, id, length, isOff } of asked)
          if (!isOff && !left.has(peer) && askers[peer]!.rate > 0)
            assert.deepEqual(line.bytes(BigInt(peer), id), FILE.subarray(length, 2 * length));
        for (const isSilent of checks) assert.ok(isSilent());
        const stuck = askers.filter((one) => one.rate === 0).length;
        assert.ok(line.queued <= stuck * 2 * MIN_BUDGET_BYTES + stuck * rate * BUDGET_MS);
      }),
      { numRuns: 100, seed: 20150629 },
    );
  });
});
