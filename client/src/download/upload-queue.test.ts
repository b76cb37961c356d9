import assert from 'node:assert/strict';
import { HashAlgorithm } from '@zauberflote/proto';
import fc from 'fast-check';
import { TestUplink } from './test-uplink.ts';
import { BUDGET_MS, MIN_BUDGET_BYTES, SLOW_MS } from './upload-queue.ts';
import { LATE_MS, MIN_WINDOW_BYTES, WINDOW_MS } from './upload-window.ts';
import { FRAGMENT_BYTES, type Servable, Uploads } from './uploads.ts';

const CONTENT = { algorithm: HashAlgorithm.SHA1, digest: new Uint8Array(20) };
const CHUNK = 32_768;
const FILE = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 7 + (i >> 10)) & 255);

const served: Servable = {
  size: FILE.length,
  read: (offset, length) => FILE.slice(offset, offset + length),
};

function setUp(rate: number, servable = served) {
  const line = new TestUplink();
  line.rate = rate;
  const uploads = new Uploads(line.connections, () => servable, line.platform);
  line.onWritable = () => uploads.writable();
  line.onReceived = (peer, bytes) => uploads.received(peer, bytes);
  let last = 0;
  /** Asks for the bytes from `offset`; the id of the request. */
  const ask = (peer: number, length = CHUNK, offset = 0): number => {
    const value = { requestId: ++last, content: CONTENT, offset: BigInt(offset), length };
    assert.ok(uploads.request(BigInt(peer), value));
    return last;
  };
  /** Bytes that arrived at a peer. */
  const got = (peer: number) =>
    line.arrived.reduce((sum, one) => sum + (one.peer === BigInt(peer) ? one.data.length : 0), 0);
  return { line, uploads, ask, got };
}

describe('UploadQueue', () => {
  it('serves whole requests one after the other, so that the first are there early', async () => {
    const { line, ask } = setUp(250);
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
      const { line, ask } = setUp(rate);
      for (let n = 0; n < 100; n++) for (let peer = 1; peer <= 10; peer++) ask(peer);
      await line.run(2_000);
      line.most = 0;
      await line.run(3_000);
      const most = Math.max(MIN_BUDGET_BYTES, rate * BUDGET_MS * 1.1) + 2 * FRAGMENT_BYTES;
      assert.ok(line.most <= most, `${line.most} bytes waited at ${rate} KB/s`);
    }
  });

  // From here on SCTP takes all it is given, so that nothing waits where the page could see it.

  it('has no more under way than leaves in the time of the windows, and keeps the uplink busy', async () => {
    for (const rate of [30, 60, 125, 250, 1_000])
      for (const peers of [1, 3, 10]) {
        const { line, ask } = setUp(rate);
        line.windowBytes = Number.POSITIVE_INFINITY;
        for (let n = 0; n < 400; n++) for (let peer = 1; peer <= peers; peer++) ask(peer);
        await line.run(4_000);
        line.most = 0;
        const before = line.carried;
        await line.run(4_000);
        const most = Math.max(MIN_BUDGET_BYTES, rate * WINDOW_MS * 1.2) + 3 * FRAGMENT_BYTES;
        const what = `${peers} peers, ${rate} KB/s`;
        assert.ok(
          line.most > 0 && line.most <= most,
          `${line.most} of ${most} bytes under way: ${what}`,
        );
        const share = (line.carried - before) / (rate * 4_000);
        assert.ok(share > 0.95, `${share} of the uplink: ${what}`);
      }
  });

  it('keeps it busy for peers that are far away, or near and far', async () => {
    for (const far of [150, 300, 600])
      for (const near of [undefined, 10]) {
        const { line, ask, got } = setUp(1_000);
        line.windowBytes = Number.POSITIVE_INFINITY;
        line.sayMs = far;
        if (near) line.line(1n).sayMs = near;
        for (let n = 0; n < 300; n++) for (let peer = 1; peer <= 6; peer++) ask(peer);
        await line.run(6_000);
        const [before, ...others] = [line.carried, got(2), got(3)];
        await line.run(4_000);
        const share = (line.carried - before) / (1_000 * 4_000);
        assert.ok(share > 0.9, `${share} of the uplink: ${near} and ${far} ms`);
        // None of those far away has less than half of its share; beyond, those that came while others did may.
        const least = far > 300 ? 0 : (0.5 * 4_000_000) / 6;
        for (const [index, had] of others.entries())
          assert.ok(got(index + 2) - had > least, `${near} and ${far} ms`);
      }
  });

  it('has little under way when the uplink becomes slower, and uses it when peers get farther away', async () => {
    for (const peers of [1, 3, 10]) {
      const { line, ask } = setUp(5_000);
      line.windowBytes = Number.POSITIVE_INFINITY;
      const rounds = Math.ceil(2_000 / peers);
      for (let n = 0; n < rounds; n++) for (let peer = 1; peer <= peers; peer++) ask(peer);
      await line.run(2_000);
      line.rate = 250;
      await line.run(10_000);
      line.most = 0;
      let before = line.carried;
      await line.run(4_000);
      const most = 250 * WINDOW_MS * 1.2 + 3 * FRAGMENT_BYTES;
      assert.ok(line.most > 0 && line.most <= most, `${line.most} bytes under way to ${peers}`);
      assert.ok(line.carried - before > 0.95 * 250 * 4_000, `${line.carried - before} bytes`);
      for (let peer = 1; peer <= peers; peer++) line.line(BigInt(peer)).sayMs = 120;
      await line.run(4_000);
      before = line.carried;
      await line.run(4_000);
      assert.ok(line.carried - before > 0.7 * 250 * 4_000, `${line.carried - before} bytes, far`);
    }
  });

  it('has little under way to many when the uplink becomes very slow, so that word takes long', async () => {
    const { line, ask } = setUp(5_000);
    line.windowBytes = Number.POSITIVE_INFINITY;
    for (let n = 0; n < 400; n++) for (let peer = 1; peer <= 20; peer++) ask(peer);
    await line.run(2_000);
    line.rate = 60;
    await line.run(30_000);
    line.most = 0;
    await line.run(10_000);
    assert.ok(line.most > 0 && line.most <= 1_500 * 60, `${line.most} bytes under way`);
  });

  it('uses it for peers that are far away when those that are near have gone', async () => {
    for (const far of [200, 300, 450]) {
      const { line, uploads, ask } = setUp(1_000);
      line.windowBytes = Number.POSITIVE_INFINITY;
      for (let n = 0; n < 500; n++) ask(1);
      await line.run(1_000);
      line.sayMs = far;
      for (let n = 0; n < 500; n++) for (const peer of [2, 3]) ask(peer, 3 * CHUNK);
      await line.run(4_000);
      uploads.closed(1n);
      await line.run(40_000);
      const before = line.carried;
      await line.run(4_000);
      assert.ok(line.carried - before > 0.75 * 1_000 * 4_000, `${line.carried - before} ${far} ms`);
    }
  });

  it('serves clients of the version before, which say nothing, from the first moment', async () => {
    for (const rate of [250, 10_000]) {
      const { line, ask, got } = setUp(rate);
      line.windowBytes = Number.POSITIVE_INFINITY;
      line.sayMs = Number.POSITIVE_INFINITY;
      for (let n = 0; n < 3; n++) ask(1);
      await line.run((3 * CHUNK) / rate + 20);
      assert.equal(got(1), 3 * CHUNK);
    }
  });

  it('serves clients of the version before, which say nothing, beside others', async () => {
    const { line, ask, got } = setUp(250);
    for (const peer of [1n, 2n]) line.line(peer).sayMs = Number.POSITIVE_INFINITY;
    for (let n = 0; n < 200; n++) for (let peer = 1; peer <= 4; peer++) ask(peer);
    await line.run(10_000);
    const shares = [1, 2, 3, 4].map(got);
    assert.ok(shares.reduce((a, b) => a + b) > 0.95 * 250 * 10_000, `${shares}`);
    assert.ok(Math.max(...shares) - Math.min(...shares) <= 3 * CHUNK, `${shares}`);
  });

  it('goes on with the others when some lie about what came', async () => {
    const { line, uploads, ask, got } = setUp(250);
    line.windowBytes = Number.POSITIVE_INFINITY;
    for (let n = 0; n < 200; n++) for (let peer = 1; peer <= 4; peer++) ask(peer);
    // One says it has all before it can, one says nothing ever after, one not all of it.
    line.onReceived = (peer, bytes) => {
      if (peer !== 2n || line.now < 500) uploads.received(peer, peer === 3n ? bytes >> 1 : bytes);
    };
    await line.run(10_000, () => {
      uploads.received(1n, 4_294_967_295);
      uploads.received(5n, 4_294_967_295);
    });
    assert.ok(got(4) > 0.3 * 250 * 10_000, `${[1, 2, 3, 4].map(got)}`);
    assert.ok(got(2) <= 100_000 + MIN_WINDOW_BYTES + 2 * FRAGMENT_BYTES, `${got(2)}`);
  });

  it('has no more under way to others when one says what it cannot have', async () => {
    const { line, uploads, ask } = setUp(125);
    line.windowBytes = Number.POSITIVE_INFINITY;
    for (let n = 0; n < 200; n++) for (let peer = 2; peer <= 11; peer++) ask(peer);
    const lie = () => uploads.received(1n, 4_294_967_295);
    for (let n = 0; n < 20; n++) {
      ask(1, 1_000);
      await line.run(200, lie);
    }
    line.most = 0;
    ask(1, 1_000);
    await line.run(2_000, lie);
    const most = 125 * WINDOW_MS * 1.2 + 3 * FRAGMENT_BYTES;
    assert.ok(line.most > 0 && line.most <= most, `${line.most} of ${most} bytes under way`);
  });

  it('keeps on serving when those before have gone without a word', async () => {
    const { line, ask, got } = setUp(250);
    line.windowBytes = 65_536;
    for (let n = 0; n < 400; n++) for (let peer = 1; peer <= 10; peer++) ask(peer);
    await line.run(1_000);
    line.line(11n).rate = 0;
    ask(11, 9_000);
    for (const peer of [1n, 2n, 3n, 4n]) line.line(peer).rate = 0;
    await line.run(2 * LATE_MS);
    const all = () => [5, 6, 7, 8, 9, 10].reduce((sum, peer) => sum + got(peer), 0);
    const before = all();
    await line.run(20_000);
    assert.ok(all() - before > 0.9 * 250 * 20_000, `${all() - before} bytes`);
  });

  it('keeps an uplink of any speed busy, with one asker or ten', async () => {
    for (const rate of [30, 250, 5_000, 40_000])
      for (const askers of [1, 10]) {
        const { line, ask } = setUp(rate);
        const bytes = rate * 2_000;
        const each = Math.ceil(bytes / askers / FILE.length) + 1;
        for (let n = 0; n < each; n++)
          for (let peer = 1; peer <= askers; peer++) ask(peer, FILE.length);
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
        const { line, ask } = setUp(rate);
        line.wakeMs = wakeMs;
        for (let n = 0; n < 40; n++) for (let peer = 1; peer <= 4; peer++) ask(peer, FILE.length);
        await line.run(1_000);
        const before = line.carried;
        await line.run(3_000);
        const share = (line.carried - before) / (rate * 3_000);
        // With 150 ms here and there, what is under way has to last for 320.
        assert.ok(share > 0.8, `${share} of ${rate} KB/s, awake every ${wakeMs} ms`);
      }
  });

  it('goes on at once when one stalls on a slow uplink', async () => {
    const { line, ask, got } = setUp(100);
    for (let n = 0; n < 50; n++) for (let peer = 1; peer <= 3; peer++) ask(peer);
    await line.run(1_000);
    line.line(1n).rate = 0;
    const before = got(2) + got(3);
    await line.run(1_000);
    const bytes = got(2) + got(3) - before;
    assert.ok(bytes > 0.6 * 100 * 1_000, `${bytes} bytes in the first second of that`);
  });

  it('gives askers equal shares in bytes, whatever they ask for at once', async () => {
    const { line, ask, got } = setUp(250);
    for (let n = 0; n < 20; n++) ask(1, 200_000);
    for (let n = 0; n < 200; n++) ask(2, 10_000);
    await line.run(2_000);
    // Who comes later has no claim to what the others got before.
    for (let n = 0; n < 100; n++) ask(3, 25_000);
    const before = [1, 2].map(got);
    await line.run(6_000);
    const shares = [got(1) - before[0]!, got(2) - before[1]!, got(3)];
    assert.ok(Math.max(...shares) - Math.min(...shares) <= 300_000, `${shares}`);
  });

  it('goes on with the others when some take nothing or little', async () => {
    const { line, ask, got } = setUp(250);
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
    const { line, ask, got } = setUp(250);
    line.line(1n).rate = 0;
    const peers = [1, 2, 3, 4, 5, 6, 7, 8];
    for (let n = 0; n < 200; n++) for (const peer of peers) ask(peer);
    await line.run(10_000);
    assert.equal(got(1), 0);
    line.line(1n).rate = Number.POSITIVE_INFINITY;
    const before = peers.map(got);
    await line.run(6_000);
    const shares = peers.map((peer, index) => got(peer) - before[index]!);
    // It has what waited for it, besides.
    assert.ok(Math.max(...shares) - Math.min(...shares) <= 4 * CHUNK, `${shares}`);
  });

  it('serves every asker whole, whatever the others do; seeded', function () {
    this.timeout(180_000);
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
        const { line, uploads, ask } = setUp(
          rate,
          isRead === 'later' ? { size: FILE.length, read: later } : served,
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
