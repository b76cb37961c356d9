import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GATHER_QUIET_MS } from '@zauberflote/client/src/connection/attempt.ts';
import { FRAGMENT_BYTES } from '@zauberflote/client/src/download/uploads.ts';
import { DUE_FACTOR, DUE_MS, MIN_RANGE_BYTES } from '@zauberflote/client/src/engine/tuning.ts';
import { chunkSizeFor } from '@zauberflote/proto';
import type { Cell, Summary } from '../results.ts';
import { mean } from '../stats/index.ts';
import { compare, readSummary, scenarioOf } from './agreement.ts';
import { Clock } from './clock.ts';
import { CONNECT_ROUND_TRIPS } from './contacts.ts';
import { Link } from './link.ts';
import { parse } from './options.ts';
import { OriginClient, RESPONSE_HEADER_BYTES } from './origin.ts';
import type { Scenario } from './scenario.ts';
import { DEFAULTS } from './scenario.ts';
import { simulate } from './simulate.ts';
import { Visitor } from './visitor.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

const scenario = (changes: Partial<Scenario>): Scenario => ({
  ...DEFAULTS,
  peers: 20,
  churn: 0,
  ...changes,
});

function close(actual: number | undefined, expected: number, tolerance: number): void {
  assert.ok(
    actual !== undefined && Math.abs(actual - expected) <= tolerance,
    `${actual} is not within ${tolerance} of ${expected}`,
  );
}

describe('lab/sim: clock', () => {
  it('runs events by time, equal times in the order of scheduling, and none called off', () => {
    const clock = new Clock();
    const seen: string[] = [];
    const note = (name: string) => () => seen.push(`${name} ${clock.now}`);
    clock.after(3, note('c'));
    clock.after(1, note('a'));
    clock.after(2, note('never'))();
    clock.after(1, () => {
      note('b')();
      clock.after(0, note('b2'));
      clock.after(5, note('e'));
    });
    clock.after(3, note('d'));
    clock.run(100);
    assert.deepEqual(seen, ['a 1', 'b 1', 'b2 1', 'c 3', 'd 3', 'e 6']);
  });

  it('sorts any number of events', () => {
    const clock = new Clock();
    const seen: number[] = [];
    for (let i = 0; i < 1_000; i++) clock.after((i * 7_919) % 997, () => seen.push(clock.now));
    clock.run(1_000);
    assert.deepEqual(
      seen,
      [...seen].sort((a, b) => a - b),
    );
    assert.equal(seen.length, 1_000);
  });

  it('refuses to run backwards', () => {
    const clock = new Clock();
    clock.after(2, () => void clock.at(1, () => {}));
    assert.throws(() => clock.run(10), /1 ms is before 2 ms/);
  });

  it('refuses to run for ever', () => {
    const clock = new Clock();
    const again = () => void clock.after(1, again);
    again();
    assert.throws(() => clock.run(1_000), /not at rest after 1000 ms/);
  });
});

describe('lab/sim: link', () => {
  /** When the last parcel of each flow has left a link of 100 bytes per second. */
  function drain(flows: Record<string, readonly number[]>, overhead = 1): Record<string, number> {
    const clock = new Clock();
    const link = new Link(clock, 100, overhead);
    const ends: Record<string, number> = {};
    for (const [name, parcels] of Object.entries(flows)) {
      const flow = {};
      for (const bytes of parcels)
        link.send(flow, bytes, () => {
          ends[name] = clock.now;
        });
    }
    clock.run(1e9);
    return ends;
  }

  it('gives each flow the same share, and what one leaves to the others', () => {
    // By hand: in turn until a has sent its 200 bytes at 3.9 s, then b alone sends its last 200.
    const a = Array(20).fill(10);
    const b = Array(40).fill(10);
    assert.deepEqual(drain({ a, b }), { a: 3_900, b: 6_000 });
  });

  it('gives a flow of three parcels its turn among two others', () => {
    assert.deepEqual(drain({ a: [100, 100, 100], b: [100], c: [50] }), {
      a: 4_500,
      b: 2_000,
      c: 2_500,
    });
  });

  it('takes longer by the headers', () => {
    assert.deepEqual(drain({ a: [100] }, 1.1), { a: 1_100 });
  });

  it('throws away what waits of a flow', () => {
    const clock = new Clock();
    const link = new Link(clock, 100, 1);
    const flow = {};
    const sent: number[] = [];
    for (const n of [1, 2, 3]) link.send(flow, 100, () => sent.push(n));
    link.send({}, 100, () => sent.push(4));
    clock.after(500, () => link.drop(flow));
    clock.run(1e9);
    assert.deepEqual(sent, [1, 4]);
    assert.equal(clock.now, 2_000);
  });
});

describe('lab/sim: a swarm', () => {
  // Much to reckon: a bound for what hangs, not for a machine that is busy.

  const bytes = DEFAULTS.bytes;

  it('takes one leecher the time of one link and the round trips before it', () => {
    // Fast enough that the origin is not asked to help, and so near that word of the first bytes comes
    // before a fragment has left.
    const up = 1_000_000;
    const rttMs = 20;
    const { result } = simulate(
      scenario({
        peers: 1,
        seeders: 1,
        rttMs,
        peerUpBytesPerSecond: up,
        peerDownBytesPerSecond: 0,
      }),
    );
    // Connecting to the tracker and asking it at once; offer and answer by way of it; ICE, DTLS and
    // SCTP; request and first byte; the hash of the last chunk.
    const trips = 2 + (1 + 1) + CONNECT_ROUND_TRIPS + 1;
    const expected = trips * rttMs + 2 * GATHER_QUIET_MS + (bytes / up) * 1_000;
    close(result.timeMs?.max, expected, 2);
    assert.equal(result.originBytes, 0);
    assert.equal(result.peerBytes, bytes);
  });

  it('takes one leecher without peers what the origin takes, and the round trips', () => {
    const rttMs = 40;
    const { result } = simulate(scenario({ peers: 1, rttMs, peerDownBytesPerSecond: 0 }));
    // The tracker lends a part at once, then TCP's handshake, request and body; each range has a header.
    const headers = result.originRequests * RESPONSE_HEADER_BYTES;
    assert.ok(result.originRequests > 1 && result.originRequests <= bytes / MIN_RANGE_BYTES);
    assert.equal(result.originBytes, bytes + headers);
    const expected = (2 + 2) * rttMs + ((bytes + headers) / DEFAULTS.originBytesPerSecond) * 1_000;
    close(result.timeMs?.max, expected, 2);
    close(result.ofFluidLimit?.mean, expected / 12_288, 0.001);
  });

  it('takes little longer from one seeder than one visitor alone, as that sends first what it sent least', () => {
    const crowd = { peers: 10, seeders: 1, arrivalMs: 5_000, churn: 0 };
    let sum = 0;
    for (let seed = 1; seed <= 4; seed++)
      sum += simulate(scenario({ ...crowd, seed })).result.timeMs!.mean;
    // In the order in which they ask it is 3.9 s; one alone takes 3.2.
    assert.ok(sum / 4 < 3_500, `${sum / 4} ms on average`);
  });

  it('gets a visitor of a slow seeder what the origin has time to send', () => {
    const origin = 1_000_000;
    const slow = { peers: 1, seeders: 1, peerUpBytesPerSecond: 30_000 };
    const { result } = simulate(scenario({ ...slow, originBytesPerSecond: origin }));
    const alone = (bytes / origin) * 1_000 + 2 * DEFAULTS.rttMs;
    assert.ok(result.timeMs!.max <= 2.5 * alone, `${result.timeMs?.max} ms, ${alone} without us`);
  });

  /** When a download is due whose origin gives 1 MB/s and whose peers are reached after 400 ms. */
  const DUE = 400 + Math.max((DUE_FACTOR * bytes) / 1_000, bytes / 1_000 + DUE_MS);

  it('keeps no crowd waiting for slow uplinks where the origin has time for all', () => {
    const crowd = { peers: 10, originBytesPerSecond: 10_000_000, peerUpBytesPerSecond: 125_000 };
    for (const seeders of [0, 1, 3]) {
      let sum = 0;
      for (let seed = 1; seed <= 4; seed++)
        sum += simulate(scenario({ ...crowd, seeders, arrivalMs: 0, seed })).result.timeMs!.mean;
      // At 1 MB/s down. Peers alone would need 6 s.
      assert.ok(sum / 4 <= 1.2 * DUE, `${seeders} seeders: ${sum / 4} ms on average`);
    }
  });

  it('keeps nobody waiting who comes in a rush that the origin has time for', () => {
    // They want 8 MB/s of it, and 1 MB/s each of their own lines. Peers alone would need 5.9 s.
    const rush = { peers: 100, originBytesPerSecond: 10_000_000, peerUpBytesPerSecond: 125_000 };
    const { result } = simulate(scenario(rush));
    assert.ok(result.timeMs!.mean <= 1.25 * DUE, `${result.timeMs?.mean} ms on average`);
  });

  it('costs an origin that has time for all a small share of what plain HTTP does, once some have it', () => {
    const visitors = { peers: 60, arrivalMs: 120_000, originBytesPerSecond: 10_000_000 };
    const { result } = simulate(scenario(visitors));
    assert.ok(result.originCopies <= 7, `${result.originCopies} copies of 60`);
    assert.ok(result.timeMs!.mean <= 1.1 * DUE, `${result.timeMs?.mean} ms on average`);
    assert.ok(result.timeMs!.max <= 2_500, `${result.timeMs?.max} ms`);
  });

  it('lets small files come from peers, although the origin is fast', () => {
    const visitors = { peers: 60, arrivalMs: 120_000, originBytesPerSecond: 10_000_000 };
    for (const size of [10_000, 30_000, 100_000]) {
      const { result } = simulate(scenario({ ...visitors, bytes: size }));
      assert.ok(result.originCopies <= 2, `${result.originCopies} copies of ${size} bytes`);
    }
  });

  it('does not fall upon an origin that only looks fast, as a cache before it gave the script', () => {
    for (const [peers, arrivalMs] of [
      [10, 0],
      [100, 10_000],
    ] as const) {
      const crowd = scenario({ peers, arrivalMs });
      const means = [0, 1_000_000].map((scriptBytesPerSecond) => {
        const { result } = simulate({ ...crowd, scriptBytesPerSecond });
        assert.ok(result.originCopies <= 1.1, `${result.originCopies} copies of ${peers}`);
        return result.timeMs!.mean;
      });
      assert.ok(means[1]! <= 1.1 * means[0]!, `${peers}: ${means} ms on average`);
    }
  });

  for (const [seeders, up, size] of [
    [1, 30_000, 100_000],
    [1, 30_000, 300_000],
    [3, 125_000, 1_000_000],
  ] as const)
    it(`makes no visitor of ${seeders} at ${up} B/s wait for ${size} bytes from a slower origin`, () => {
      const least = (size / up / seeders) * 1_000 + 15 * DEFAULTS.rttMs;
      for (const origin of [500, 2_000, 5_000])
        for (let seed = 1; seed <= 4; seed++) {
          const slow = { seeders, peerUpBytesPerSecond: up, originBytesPerSecond: origin };
          const { result } = simulate(scenario({ ...slow, peers: 1, bytes: size, seed }));
          const what = `origin ${origin} B/s, seed ${seed}: ${result.timeMs?.max} ms for ${least}`;
          assert.ok(result.timeMs!.max <= 1.1 * least, what);
        }
    });

  it('leaves a crowd to its seeders when they are not that slow', () => {
    // About as long as makes a visitor ask the origin, too: of one crowd it is chance how many do.
    const crowd = { peers: 10, seeders: 3, peerUpBytesPerSecond: 125_000, arrivalMs: 2_000 };
    const copies = Array.from({ length: 8 }, (_, i) => {
      const { result } = simulate(scenario({ ...crowd, seed: i + 1 }));
      return result.originCopies;
    });
    assert.ok(mean(copies) < 0.2, `${copies} copies`);
  });

  it('spends the time on a slow downlink too', () => {
    const down = 50_000;
    const { result } = simulate(
      scenario({ peers: 1, seeders: 1, peerUpBytesPerSecond: 0, peerDownBytesPerSecond: down }),
    );
    const least = (bytes / down) * 1_000;
    const { max } = result.timeMs!;
    assert.ok(max >= least && max <= least + 20 * DEFAULTS.rttMs, `${max} for ${least}`);
  });

  it('spreads a leecher over its seeders', () => {
    const { all, result } = simulate(scenario({ peers: 1, seeders: 3 }));
    // The first has a head start: others are connected to when it has shown to be slow.
    for (const { uploaded } of all.slice(0, 3))
      close(uploaded, bytes / 3, 5 * chunkSizeFor(bytes) + FRAGMENT_BYTES);
    assert.equal(result.peerBytes, bytes);
    assert.ok(result.uploadsGini > 0 && result.uploadsGini < 0.4, `${result.uploadsGini}`);
  });

  it('lets leechers send to each other when seeders are slow', () => {
    const slow = { peers: 10, seeders: 10, arrivalMs: 300, peerUpBytesPerSecond: 128_000 };
    const { all } = simulate(scenario({ ...slow, originBytesPerSecond: 512_000 }));
    const sent = (of: typeof all) => of.reduce((sum, { uploaded }) => sum + uploaded, 0);
    const [seeders, leechers] = [sent(all.slice(0, 10)), sent(all.slice(10))];
    assert.ok(leechers > seeders / 3, `leechers sent ${leechers} bytes, seeders ${seeders}`);
  });

  it('goes on when seeders vanish without a word, who then send no more', () => {
    const { result, all } = simulate(
      scenario({ peers: 10, seeders: 4, arrivalMs: 0, churn: 0, crash: 0.5, crashAtMs: 800 }),
    );
    assert.equal(result.completed, 10);
    assert.deepEqual(
      all.slice(0, 4).map(({ gone }) => gone),
      [true, true, false, false],
    );
    const lost = all.slice(0, 2).reduce((sum, { uploaded }) => sum + uploaded, 0);
    assert.ok(lost > 0 && lost <= 2 * 0.8 * result.scenario.peerUpBytesPerSecond, `${lost}`);
  });

  const stories: readonly Partial<Scenario>[] = [
    { seed: 1, seeders: 2, arrivalMs: 1_000 },
    { seed: 2, seeders: 5, arrivalMs: 60_000, churn: 0.5 },
    { seed: 3, seeders: 0, arrivalMs: 5_000, churn: 1 },
    { seed: 4, seeders: 1, peers: 60, arrivalMs: 0, peerUpBytesPerSecond: 20_000 },
    { seed: 5, seeders: 3, rttMs: 0, originBytesPerSecond: 0, peerDownBytesPerSecond: 0 },
    { seed: 6, seeders: 30, peers: 1, bytes: 1 },
  ];
  for (const story of stories)
    it(`loses no byte and leaves nobody waiting: ${JSON.stringify(story)}`, () => {
      const { result, world, all } = simulate(scenario(story));
      const { peers = 20 } = story;
      assert.equal(result.completed + result.left, peers);
      assert.equal(result.failed, 0);
      const received = all.reduce((sum, one) => sum + one.fromPeers + one.fromOrigin, 0);
      assert.equal(received + world.lostBytes, result.peerBytes + result.originBytes);
      for (const one of all.slice(story.seeders))
        if (one.ending === 'complete')
          assert.ok(one.fromPeers + one.fromOrigin >= world.scenario.bytes);
      assert.ok(result.wastedBytes >= 0);
      // Who comes late finds others done, so this limit holds only for those who come together.
      if (story.arrivalMs === 0) assert.ok((result.ofFluidLimit?.max ?? 0) > 1);
      assert.equal(result.fluidLimitPeers, peers - result.left);
      if (result.timeMs && result.leastMeanMs)
        assert.ok(result.timeMs.mean > result.leastMeanMs, `${result.leastMeanMs}`);
      const online = all.filter(({ gone }) => !gone).length;
      assert.equal(world.registry.stats().peers, online);
      assert.equal(world.registry.stats().holdings, online);
    });

  it('lets a crowd without a seeder share what the origin sends once', () => {
    const { result, world } = simulate(scenario({ peers: 20, arrivalMs: 0 }));
    assert.equal(result.completed, 20);
    // Leases, holdings and news all work, or it would be many copies and many times the limit.
    assert.ok(result.originCopies < 1.25, `${result.originCopies} copies`);
    assert.ok(result.ofFluidLimit!.max < 1.4, `${result.ofFluidLimit!.max} times the limit`);
    for (const event of ['grant', 'holdings', 'got', 'range-data', 'checked'] as const)
      assert.ok((world.engineTime.byEvent.get(event)?.count ?? 0) > 0, event);
  });

  it('lets a crowd play a film while it comes, which the origin sends it once or twice', () => {
    const film = { bytes: 2_500_000, playBytesPerSecond: 125_000, peers: 10, arrivalMs: 0 };
    const wait = (changes: Partial<Scenario>) => {
      const results = [1, 2, 3].map(
        (seed) => simulate(scenario({ ...film, ...changes, seed })).result,
      );
      return {
        ms: mean(results.map(({ waitMs }) => waitMs!.mean)),
        copies: mean(results.map(({ originCopies }) => originCopies)),
      };
    };
    // Plain HTTP would take them 49 and 156 s, of a film of 20.
    const strong = wait({ originBytesPerSecond: 512_000 });
    assert.ok(strong.ms < 3_000 && strong.copies < 2.3, JSON.stringify(strong));
    const weak = wait({ originBytesPerSecond: 160_000 });
    assert.ok(weak.ms < 4_000 && weak.copies < 1.1, JSON.stringify(weak));
    // Seconds of what is played come in order; who is alone waits for nothing else.
    const alone = wait({ peers: 1, originBytesPerSecond: 160_000 });
    assert.ok(alone.ms < 1_500 && alone.copies < 1.01, JSON.stringify(alone));
  });

  it('keeps the work of an engine about the same in a crowd ten times as large', () => {
    const events = (peers: number) =>
      simulate(scenario({ peers, arrivalMs: 1_000 })).result.engineEventsPerPeer;
    const [few, many] = [events(20), events(200)];
    assert.ok(many < 1.5 * few, `${few} events per peer in a crowd of 20, ${many} in one of 200`);
  });

  it('runs other swarms beside one without a word between them', () => {
    const crowd = scenario({ peers: 30, arrivalMs: 500, churn: 0.2 });
    const alone = simulate(crowd);
    const beside = simulate(crowd, 2);
    assert.deepEqual(beside.result, alone.result);
    assert.equal(beside.engine.beside, 2);
    assert.ok(beside.engine.msPerPeer > 0);
  });

  it('costs an origin without ranges one copy and a little, however many come at once', () => {
    const ranged = simulate(scenario({ peers: 10, arrivalMs: 0 })).result;
    const { result } = simulate(scenario({ peers: 10, arrivalMs: 0, ranges: false }));
    assert.equal(result.completed, 10);
    assert.ok(result.originCopies < 1.05, `${result.originCopies} copies`);
    const [whole, parts] = [result, ranged].map(({ timeMs }) => timeMs?.mean ?? 0);
    assert.ok(whole! < 1.1 * parts!, `${whole} of ${parts} ms`);
  });

  it('asks the origin for what is asked, and stops it when that is not wanted any more', () => {
    const { world } = simulate(scenario({ peers: 1, seeders: 1 }));
    const visitor = new Visitor(world, Infinity);
    const client = new OriginClient(visitor, world.origin);
    const before = world.origin.bytes;
    const heard: string[] = [];
    const handlers = {
      onHead: (end: number, ranged: boolean) =>
        heard.push(`${ranged ? 'part' : 'whole'} to ${end}`),
      onData: (bytes: number) => void bytes,
      onEnd: () => heard.push('end'),
      onBeyond: () => heard.push('beyond'),
    };
    const fetch = (offset: number, length?: number) => client.fetch({ offset, length }, handlers);
    fetch(bytes - 1_000, 5_000);
    world.clock.run(1e9);
    fetch(bytes);
    world.clock.run(1e9);
    assert.deepEqual(heard.splice(0), [`part to ${bytes}`, 'end', 'beyond']);
    assert.equal(world.origin.bytes - before, 1_000 + 2 * RESPONSE_HEADER_BYTES);
    const abort = fetch(0);
    world.clock.after(1_000, abort);
    world.clock.run(1e9);
    assert.deepEqual(heard, [`whole to ${bytes}`]);
    // A second less the request's way there, and half a round trip until the origin hears of it.
    const sent = (world.origin.bytes - before) / DEFAULTS.originBytesPerSecond;
    close(sent, 1, 0.1);
  });

  it('lets the share leave that was asked for, half of them before they have it', () => {
    const { result, all } = simulate(scenario({ peers: 200, seeders: 20, churn: 0.5, seed: 11 }));
    const gone = all.filter((one) => one.gone).length;
    close(gone, 100, 25);
    close(result.left, 50, 20);
    assert.equal(result.completed + result.left, 200);
    assert.ok(result.lostBytes > 0);
  });

  it('bounds the mean of those who come late by what they can need, not by what all at once would', () => {
    // 100 peers over a day find seeders with nothing else to do.
    const { result } = simulate(scenario({ peers: 100, seeders: 5, arrivalMs: 86_400_000 }));
    const { bytes: size, peerDownBytesPerSecond, peerUpBytesPerSecond } = result.scenario;
    const atOnce = (100 * size) / (64_000 + 105 * peerUpBytesPerSecond);
    close(result.fluidLimitMs ?? undefined, atOnce * 1_000, 1);
    assert.ok(result.leastMeanMs! < result.fluidLimitMs!);
    close(result.leastMeanMs!, (size / peerDownBytesPerSecond) * 1_000, 30);
    assert.ok(result.timeMs!.mean > result.leastMeanMs!);
  });

  it('leaves those who left out of the fluid limit, but not what they could send', () => {
    const { result } = simulate(scenario({ peers: 60, seeders: 3, churn: 1, arrivalMs: 0 }));
    const stayed = 60 - result.left;
    assert.ok(stayed > 0 && result.left > 0);
    close(result.fluidLimitMs!, (stayed * bytes * 1_000) / (64_000 + 63 * 250_000), 1);
  });

  it('gives the same result for the same seed, to the byte, and another for another', () => {
    const run = (seed: number) =>
      JSON.stringify(simulate(scenario({ peers: 40, seeders: 2, churn: 0.2, seed })).result);
    assert.equal(run(7), run(7));
    assert.notEqual(run(7).replace(/"seed":7/, ''), run(8).replace(/"seed":8/, ''));
  });
});

describe('lab/sim: the command', () => {
  it('reads every option', () => {
    const args =
      '--peers 10 --seeders 2 --arrival 1s --origin-rate 512KB --peer-up 2Mbit --peer-down 800kbit ' +
      '--rtt 20ms --churn 0.25 --crash 0.5 --crash-at 2s --bytes 5000 --seed 9 --beside 3 --out file --no-ranges --script-rate 1MB --play 1Mbit';
    assert.deepEqual(parse(args.split(' ')), {
      kind: 'run',
      beside: 3,
      out: 'file',
      scenario: {
        peers: 10,
        seeders: 2,
        arrivalMs: 1_000,
        originBytesPerSecond: 512_000,
        scriptBytesPerSecond: 1_000_000,
        ranges: false,
        peerUpBytesPerSecond: 250_000,
        peerDownBytesPerSecond: 100_000,
        rttMs: 20,
        churn: 0.25,
        crash: 0.5,
        crashAtMs: 2_000,
        bytes: 5_000,
        playBytesPerSecond: 125_000,
        seed: 9,
        originOverhead: 1,
        peerOverhead: 1,
      },
    });
  });

  for (const [args, message] of [
    ['--peers 0', /--peers: '0' is no whole number from 1/],
    ['--rtt fast', /--rtt: 'fast' is no time/],
    ['--peer-up 2Gbit', /--peer-up: '2Gbit' is no rate/],
    ['--peer-up 7.9kbit', /--peer-up: '7.9kbit' is out of range: give 8kbit to 8000Mbit/],
    ['--origin-rate 0.001kbit', /--origin-rate: '0.001kbit' is out of range/],
    ['--peer-down 8001Mbit', /--peer-down: '8001Mbit' is out of range/],
    ['--churn 1.5', /--churn: '1.5' is not from 0 to 1/],
    ['--leechers 3', /--leechers/],
  ] as const)
    it(`refuses ${args}`, () => {
      assert.throws(() => parse(args.split(' ')), message);
    });

  it('writes the same result twice, apart from what the machine took', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sim-'));
    try {
      const run = (file: string) => {
        const out = join(folder, file);
        const args = [MAIN, '--peers', '10', '--arrival', '1s', '--seed', '5', '--out', out];
        const text = execFileSync(process.execPath, args, { encoding: 'utf8' });
        assert.match(text, /^completed +1?\d, failed 0/m);
        assert.match(
          text,
          /^of fluid limit +mean .*× of 12\.29 s, had all come at once(, for \d peers, leavers left out)?$/m,
        );
        assert.match(text, /^of least mean +\d+\.\d\d× of 1[12]\.\d\d s, the bound for peers who/m);
        const { result, machine, conditions } = JSON.parse(readFileSync(out, 'utf8'));
        assert.ok(machine.wallMs > 0 && machine.cpuMsPerPeer > 0);
        assert.equal(conditions.seed, 5);
        return JSON.stringify(result);
      };
      assert.equal(run('a'), run('b'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('says nothing of arrivals where all come at once', () => {
    const args = [MAIN, '--peers', '3', '--arrival', '0', '--churn', '0'];
    const text = execFileSync(process.execPath, args, { encoding: 'utf8' });
    assert.match(text, /^of fluid limit +mean .*× of 12\.29 s$/m);
  });

  it('ends with 1 where nothing comes to rest, and says so in a line', () => {
    const args = [MAIN, '--peers', '2', '--rtt', '99999999s'];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(stderr, /^sim: not at rest after 2592000000 ms of virtual time: .*\n$/);
  });

  it('ends with 2 on wrong options, and says where help is', () => {
    const { status, stderr } = spawnSync(process.execPath, [MAIN, '--peers', 'x'], {
      encoding: 'utf8',
    });
    assert.equal(status, 2);
    assert.match(stderr, /^sim: --peers: .*\nTry: npm run sim -- --help\n$/);
  });
});

describe('lab/sim: agreement with the real lab', () => {
  const cell: Cell = {
    mode: 'zauberflote',
    seeders: 1,
    leechers: 1,
    rateBytesPerSecond: 65_536,
    loads: 3,
    failed: 0,
    meanMs: 1,
    medianMs: 1,
    p95Ms: 1,
    minMs: 1,
    maxMs: 1,
    originBytes: 0,
    originCopies: 0,
    fluidLimitMs: null,
  };
  const summary = (options: object, verdict: Summary['verdict'] = 'ok'): Summary => ({
    scenario: 'fig2',
    verdict,
    why: [],
    conditions: {
      date: '',
      commit: '',
      dirty: false,
      versions: {},
      kernel: '',
      cores: 2,
      memoryBytes: 0,
      shaper: 'tc',
      options: {
        peerUp: 1_000_000,
        peerDown: 0,
        rttMs: 20,
        loss: 0,
        site: 'photo',
        scriptFrom: 'fast',
        assetBytes: 786_432,
        ...options,
      },
      seed: 1,
      links: [],
      notes: [],
    },
    cells: [cell],
  });

  it('simulates the cell as it was, headers and page included', () => {
    const { simulatedMs, error } = compare(summary({}), { ...cell, meanMs: 9_000 });
    // 786,432 bytes at 1 MB/s with the headers of a data channel take 859 ms.
    close(simulatedMs, 859 + 10 * 20 + 3 * 20 + 44, 50);
    close(error, simulatedMs / 9_000 - 1, 1e-9);
  });

  it('counts headers only where the shaper does', () => {
    const proxied = summary({});
    const conditions = { ...proxied.conditions, shaper: 'proxy' };
    assert.equal(scenarioOf({ ...proxied, conditions }, cell).peerOverhead, 1);
    assert.ok(scenarioOf(proxied, cell).peerOverhead > 1.05);
  });

  it('says that a file is no summary', () => {
    assert.throws(() => readSummary(join(tmpdir(), 'none.json')), /is not a summary.*ENOENT/);
    assert.throws(() => readSummary(MAIN), /is not a summary of a bench: .*JSON/);
  });

  for (const [why, refused, other] of [
    [/verdict is 'void'/, summary({}, 'void'), cell],
    [/mode webtorrent/, summary({}), { ...cell, mode: 'webtorrent' }],
    [/2 of 3 loads failed/, summary({}), { ...cell, failed: 2 }],
    [/loss is not simulated/, summary({ loss: 0.01 }), cell],
    [/only a single picture/, summary({ scriptFrom: 'origin' }), cell],
    [/no option 'peerUp'/, summary({ peerUp: undefined }), cell],
  ] as const)
    it(`refuses what it does not model: ${why.source}`, () => {
      assert.throws(() => scenarioOf(refused, other), why);
    });
});
