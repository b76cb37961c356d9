import assert from 'node:assert/strict';
import { CHUNK, FILE, serve } from './test-uplink.ts';
import { MIN_BUDGET_BYTES, SLOW_MS } from './upload-queue.ts';
import { GROWTH, LATE_MS, MIN_WINDOW_BYTES, SOCKET_BYTES, WINDOW_MS } from './upload-window.ts';
import { FAST_FRAGMENT_BYTES, FIRST_FRAGMENT_BYTES, FRAGMENT_BYTES } from './uploads.ts';

/** As {@link serve}, where SCTP takes all it is given, so that nothing waits where the page could see it. */
function setUp(rate: number, windowBytes = Number.POSITIVE_INFINITY) {
  const page = serve(rate);
  page.line.windowBytes = windowBytes;
  return page;
}

describe('UploadWindow', () => {
  it('has no more under way than leaves in the time of the windows, and keeps the uplink busy', async () => {
    for (const rate of [30, 60, 125, 250, 1_000])
      for (const peers of [1, 3, 10]) {
        const { line, ask } = setUp(rate);
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
        line.sayMs = far;
        if (near) line.line(1n).sayMs = near;
        for (let n = 0; n < 300; n++) for (let peer = 1; peer <= 6; peer++) ask(peer);
        await line.run(6_000);
        const [before, ...others] = [line.carried, got(2), got(3)];
        await line.run(4_000);
        const share = (line.carried - before) / (1_000 * 4_000);
        assert.ok(share > 0.9, `${share} of the uplink: ${near} and ${far} ms`);
        // None of those far away has less than a third of its share; beyond, those that came while others did may.
        const least = far > 300 ? 0 : 4_000_000 / 6 / 3;
        for (const [index, had] of others.entries())
          assert.ok(
            got(index + 2) - had > least,
            `${near} and ${far} ms, ${[1, 2, 3, 4, 5, 6].map((peer) => got(peer))}`,
          );
      }
  });

  it('has no more waiting at a peer at first than its socket holds, whatever others take', async () => {
    for (const takes of [500, 4_000])
      for (const others of [0, 2]) {
        const { line, ask } = setUp(50_000);
        line.sayMs = 5;
        const peer = line.line(1n);
        peer.rate = takes;
        for (let other = 2; other < 2 + others; other++) line.line(BigInt(other)).rate = 4_000;
        for (let n = 0; n < 20; n++)
          for (let who = 1; who <= 1 + others; who++) ask(who, 1 << 20, 0);
        // The way there and back takes as long as the word, and a turn of the clock at each end.
        const onTheWay = takes * 15;
        const most = onTheWay * 1.2 + SOCKET_BYTES + FAST_FRAGMENT_BYTES;
        let waited = 0;
        await line.run(WINDOW_MS, () => {
          waited = Math.max(waited, peer.underWay);
        });
        const what = `${takes} KB/s beside ${others}`;
        assert.ok(waited <= most, `${waited} of ${most} bytes: ${what}`);
        assert.ok(peer.carried > 0.75 * takes * WINDOW_MS, `${peer.carried} bytes: ${what}`);
      }
  });

  it('keeps an uplink busy for pages that are busy, and for peers that have gone farther away', async () => {
    for (const [wakeMs, sayMs] of [
      [100, 20],
      [200, 20],
      [5, 100],
      [5, 180],
    ] as const) {
      const { line, ask } = setUp(2_000);
      for (let n = 0; n < 400; n++) ask(1, 1 << 16, 0);
      await line.run(500);
      Object.assign(line, { wakeMs });
      line.line(1n).sayMs = sayMs;
      await line.run(2_000);
      const before = line.carried;
      await line.run(2_000);
      const share = (line.carried - before) / (2_000 * 2_000);
      assert.ok(share > 0.9, `${share}: a page awake every ${wakeMs} ms, ${sayMs} ms away`);
    }
  });

  it('is not held up by a long time of reading', async () => {
    const { line, ask } = serve(5_000, {
      size: FILE.length,
      read: async (offset, length) => {
        await new Promise((resolve) => line.platform.setTimer(30, () => resolve(undefined)));
        return FILE.slice(offset, offset + length);
      },
    });
    line.windowBytes = Number.POSITIVE_INFINITY;
    line.sayMs = 10;
    for (let n = 0; n < 60; n++) ask(1, 1 << 16, 0);
    await line.run(600);
    // With what is read counted as if it waited for the peer, it was 0.48.
    assert.ok(line.carried > 0.65 * 5_000 * 600, `${line.carried} bytes`);
  });

  it('soon gives one that is fast and far away what it takes', async () => {
    const { line, ask } = setUp(12_500);
    line.sayMs = 80;
    for (let n = 0; n < 10; n++) ask(1, 1 << 20, 0);
    await line.run(700);
    // Without a limit for sockets it was 0.70; by the mean rate alone 0.29, with steps for near peers 0.20.
    assert.ok(line.carried > 0.5 * 12_500 * 700, `${line.carried} bytes`);
  });

  it('has little under way when the uplink becomes slower, and uses it when peers get farther away', async () => {
    for (const peers of [1, 3, 10]) {
      const { line, ask } = setUp(5_000);
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

  it('serves clients that say nothing, after a moment', async () => {
    for (const rate of [250, 10_000]) {
      const { line, ask, got } = setUp(rate);
      line.sayMs = Number.POSITIVE_INFINITY;
      for (let n = 0; n < 3; n++) ask(1);
      await line.run(LATE_MS + SLOW_MS + (3 * CHUNK) / rate);
      assert.equal(got(1), 3 * CHUNK);
    }
  });

  it('serves clients that say nothing beside others, and little better', async () => {
    for (const windowBytes of [0, 65_536, Number.POSITIVE_INFINITY]) {
      const { line, ask, got } = setUp(250, windowBytes);
      for (const peer of [1n, 2n]) line.line(peer).sayMs = Number.POSITIVE_INFINITY;
      for (let n = 0; n < 200; n++) for (let peer = 1; peer <= 4; peer++) ask(peer);
      await line.run(10_000);
      const shares = [1, 2, 3, 4].map((peer) => got(peer));
      assert.ok(got(1, 2, 3, 4) > 0.95 * 250 * 10_000, `${shares}`);
      assert.ok(Math.min(...shares) > 0.5 * Math.max(...shares), `${windowBytes}: ${shares}`);
    }
  });

  it('goes on with the others when some lie about what came', async () => {
    const { line, uploads, ask, got } = setUp(250);
    // What a router holds: where there is no end to it, nothing is left for who tells the truth.
    line.windowBytes = 131_072;
    for (let n = 0; n < 200; n++) for (let peer = 1; peer <= 4; peer++) ask(peer);
    // One says it has all before it can, one says nothing ever after, one not all of it.
    line.onReceived = (peer, bytes) => {
      if (peer !== 2n || line.now < 500) uploads.received(peer, peer === 3n ? bytes >> 1 : bytes);
    };
    await line.run(10_000, () => {
      uploads.received(1n, 4_294_967_295);
      uploads.received(5n, 4_294_967_295);
    });
    assert.ok(got(4) > 0.15 * 250 * 10_000, `${[1, 2, 3, 4].map((peer) => got(peer))}`);
    assert.ok(got(2) <= 100_000 + MIN_WINDOW_BYTES + 2 * FRAGMENT_BYTES, `${got(2)}`);
  });

  it('has no more under way to others when one says what it cannot have', async () => {
    const { line, uploads, ask } = setUp(125);
    for (let n = 0; n < 200; n++) for (let peer = 2; peer <= 11; peer++) ask(peer);
    const lie = () => uploads.received(1n, 4_294_967_295);
    for (let n = 0; n < 20; n++) {
      ask(1, 1_000);
      await line.run(200, lie);
    }
    line.most = 0;
    ask(1, 1_000);
    await line.run(2_000, lie);
    const most = 125 * WINDOW_MS * GROWTH + 3 * FRAGMENT_BYTES;
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

  it('serves everybody, however much those before have left unsaid', async () => {
    for (const rate of [60, 1_000]) {
      const { line, ask, got } = setUp(rate);
      const bytes = FIRST_FRAGMENT_BYTES + FRAGMENT_BYTES + 4_000;
      for (let peer = 1; peer <= 16; peer++) {
        ask(peer, bytes);
        await line.run(1_000);
        assert.equal(got(peer), bytes, `peer ${peer} at ${rate} KB/s`);
      }
    }
  });

  it('serves the others when some leave much unsaid, or say that nothing came', async () => {
    for (const rate of [60, 250, 1_000])
      for (const liars of [2, 8])
        for (const says of ['no more', 'nothing']) {
          const { line, uploads, ask, got } = setUp(rate);
          let heard = new Set<bigint>();
          line.onReceived = (peer, bytes) => {
            if (peer < 10n || !heard.has(peer)) uploads.received(peer, bytes);
            heard.add(peer);
          };
          for (let peer = 10; peer < 10 + liars; peer++) ask(peer, FIRST_FRAGMENT_BYTES + 16_383);
          await line.run(3_000);
          heard = new Set();
          for (let n = 0; n < 400; n++) for (const peer of [1, 2]) ask(peer);
          if (says === 'nothing')
            for (let n = 0; n < 20; n++) for (let peer = 10; peer < 10 + liars; peer++) ask(peer);
          let saidAt = 0;
          await line.run(10_000, () => {
            if (says === 'no more' || line.now < saidAt + LATE_MS - 100) return;
            saidAt = line.now;
            for (let peer = 10; peer < 10 + liars; peer++) uploads.received(BigInt(peer), 0);
          });
          assert.ok(
            got(1, 2) > 0.8 * rate * 10_000,
            `${got(1, 2)}: ${liars} say ${says}, ${rate} KB/s`,
          );
        }
  });

  it('keeps the uplink busy for fast peers beside slow ones', async () => {
    for (const windowBytes of [65_536, Number.POSITIVE_INFINITY])
      for (const length of [CHUNK, 8 * CHUNK])
        for (const [rate, slow] of [
          [125, 10],
          [125, 20],
          [250, 20],
          [250, 40],
          [1_000, 40],
        ] as const) {
          const { line, ask, got } = setUp(rate, windowBytes);
          for (let peer = 10; peer < 14; peer++) line.line(BigInt(peer)).rate = slow;
          for (let n = 0; n < 500; n++)
            for (const peer of [1, 2, 3, 10, 11, 12, 13]) ask(peer, length);
          await line.run(5_000);
          const [before, had] = [line.carried, got(1, 2, 3)];
          await line.run(10_000);
          const what = `4 of ${slow} KB/s at ${rate} KB/s, ${length} bytes each, ${windowBytes}`;
          const share = (line.carried - before) / (rate * 10_000);
          assert.ok(share > 0.8, `${share} of the uplink: ${what}`);
          const left = rate - 4 * slow;
          assert.ok(
            got(1, 2, 3) - had > 0.7 * left * 10_000,
            `${got(1, 2, 3) - had} bytes: ${what}`,
          );
        }
  });

  it('sees how far away a peer is although others have left something unsaid', async () => {
    for (const far of [300, 450, 600]) {
      const { line, ask, got } = setUp(1_000);
      for (const peer of [1, 2]) ask(peer, FIRST_FRAGMENT_BYTES + 3_000);
      await line.run(1_000);
      line.sayMs = far;
      for (let n = 0; n < 500; n++) ask(3);
      await line.run(6_000);
      const before = got(3);
      await line.run(4_000);
      assert.ok(got(3) - before > 0.75 * 1_000 * 4_000, `${got(3) - before} bytes, ${far} ms`);
    }
  });

  it('does not take the time between two small files for distance, nor for silence', async () => {
    const { line, ask, got } = setUp(1_000);
    line.sayMs = 300;
    ask(1, 3_000);
    await line.run(5_000);
    const id = ask(1, 2 * CHUNK);
    await line.run(450);
    assert.equal(line.bytes(1n, id).length, 2 * CHUNK, `${got(1)} bytes`);
  });

  it('keeps the uplink busy for ever for equal peers that are all far away', async () => {
    for (const [rate, peers] of [
      [125, 6],
      [250, 6],
      [500, 10],
    ] as const) {
      const { line, ask } = setUp(rate, 131_072);
      line.sayMs = 400;
      for (let n = 0; n < 600; n++) for (let peer = 1; peer <= peers; peer++) ask(peer);
      await line.run(8_000);
      const before = line.carried;
      await line.run(16_000);
      const share = (line.carried - before) / (rate * 16_000);
      assert.ok(share > 0.9, `${share} of the uplink: ${peers} peers at ${rate} KB/s`);
    }
  });

  it('keeps it busy beside slow ones for peers that are far away, too', async () => {
    const { line, ask } = setUp(250, 131_072);
    line.sayMs = 300;
    for (const peer of [10, 11, 12, 13]) line.line(BigInt(peer)).rate = 8;
    for (let n = 0; n < 500; n++) for (const peer of [1, 2, 3, 10, 11, 12, 13]) ask(peer);
    await line.run(5_000);
    const before = line.carried;
    await line.run(30_000);
    const share = (line.carried - before) / (250 * 30_000);
    assert.ok(share > 0.85, `${share} of the uplink`);
  });

  it('leaves most to others when many say only as much as keeps them from being late', async () => {
    const { line, uploads, ask, got } = setUp(1_000, 131_072);
    line.sayMs = 100;
    line.onReceived = (peer, bytes) => {
      if (peer < 10n || line.now < 1_000) uploads.received(peer, bytes);
    };
    for (let n = 0; n < 500; n++)
      for (let peer = 1; peer < 22; peer++) if (peer < 4 || peer > 9) ask(peer);
    let saidAt = 0;
    await line.run(15_000, () => {
      if (line.now < saidAt + LATE_MS - 100) return;
      saidAt = line.now;
      for (let peer = 10; peer < 22; peer++) uploads.received(BigInt(peer), 4_096);
    });
    assert.ok(got(1, 2, 3) > 0.6 * 1_000 * 15_000, `${got(1, 2, 3)} bytes`);
  });

  it('gives a new peer its first fragment although as much is under way as may be', async () => {
    const { line, ask, got } = setUp(60);
    for (let n = 0; n < 100; n++) for (const peer of [1, 2, 3]) ask(peer);
    await line.run(5_000);
    ask(4);
    // Behind what waits: 0.3 s of the uplink, or 32 KB and a fragment, that is 0.8 s.
    await line.run(1_000);
    assert.ok(got(4) > 0, `${line.queued} bytes wait`);
  });

  it('ends a pause to look at distances also when somebody falls silent in it', async () => {
    const { line, ask, got } = setUp(250, 65_536);
    for (let n = 0; n < 600; n++) for (const peer of [1, 2, 3]) ask(peer);
    await line.run(29_000);
    for (const peer of [1n, 2n]) line.line(peer).rate = 0;
    await line.run(6_000);
    const before = got(3);
    await line.run(4_000);
    assert.ok(got(3) - before > 0.8 * 250 * 4_000, `${got(3) - before} bytes`);
  });
});
