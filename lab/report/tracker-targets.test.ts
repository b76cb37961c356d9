import assert from 'node:assert/strict';
import type { Committed } from './committed.ts';
import { targetsSection } from './targets-section.ts';

const NONE: Committed = {
  ...{ name: 'x', summary: null, load: null, sim: null, soak: null, hostile: null, size: null },
  figures: [],
};

const OURS = {
  introductionsPerCpuSecond: 15_000,
  asItsClientAsks: { introductionsPerCpuSecond: 20_000 },
  bytesPerIntroduction: 700,
  idleBytesPerConnection: 8_000,
  activeBytesPerConnection: 13_000,
  p99Ms: 7.4,
  latency: { perSecond: 1_000, idleConnections: 10_000 },
};
const THEIRS = {
  introductionsPerCpuSecond: 10_000,
  asItsClientAsks: { introductionsPerCpuSecond: 6_000 },
  bytesPerIntroduction: 4_000,
};

function load(ours: object, options: object = {}, date = '2026-01-01'): Committed {
  const conditions = { date, options: { quick: false, rounds: 3, ...options } };
  const trackers = { zauberflote: { ...OURS, ...ours }, 'bittorrent-tracker': THEIRS };
  const limits = { 'bare-relay': { introductionsPerCpuSecond: 18_750 } };
  return { ...NONE, load: { conditions, trackers, limits } };
}

const line = (results: readonly Committed[], start: string): string =>
  targetsSection(results, {})
    .split('\n')
    .find((one) => one.startsWith(`| Tracker: ${start}`)) ?? assert.fail(`no ${start}`);

describe('targets of the tracker', () => {
  it('compare with the rival and with bare sockets of the same run', () => {
    const speed = line([load({})], 'introductions');
    assert.match(
      speed,
      /one after each ask: 15\s000, 1\.50 × bittorrent-tracker \(10\s000\), 0\.80 of bare/,
    );
    assert.match(speed, /✕ missed one after each ask by 50 % \|$/);
    assert.match(
      line([load({})], 'bytes'),
      /\| 700, 0\.17 × 4\s000 \| 2026-01-01, 3 rounds \| ✓ reached \|$/,
    );
    assert.match(line([load({})], 'resident'), /✕ missed active by 5\.8 % \|$/);
  });

  it('take the newest run that was not quick', () => {
    const results = [
      load({ p99Ms: 60 }, {}, '2026-01-02'),
      load({ p99Ms: 7 }, {}, '2026-01-01'),
      load({ p99Ms: 1 }, { quick: true }, '2026-01-03'),
    ];
    for (const order of [results, [...results].reverse()])
      assert.match(
        line(order, '1 000'),
        /\| 60\.0 ms \| 2026-01-02, 1 run \| ✕ missed by 20 % \|$/,
      );
  });

  it('take no latency of fewer connections', () => {
    const small = load({ latency: { perSecond: 1_000, idleConnections: 1_000 } });
    assert.match(line([small], '1 000'), /not measured/);
  });

  it('compare costs with as many connections only, cheaper or dearer', () => {
    const row = (of: number, connections: number, cost: number) => ({
      ...{ probe: 'peersInOneSwarm', of, connections, cpuMicrosecondsPerIntroduction: cost },
    });
    const flat = (...scaling: object[]) => line([load({ scaling })], 'cost');
    assert.match(flat(row(100, 100, 50), row(10_000, 10_000, 90)), /not measured/);
    const equal = flat(row(100, 100, 50), row(100, 10_000, 85), row(10_000, 10_000, 90));
    assert.match(equal, /peers: 85 µs with 100, 90 µs with 10\s000 \| .* \| ✓ reached; not all/);
    assert.match(flat(row(100, 9, 100), row(10_000, 9, 70)), /✕ missed peers by 50 %/);
  });

  it('take the worst attack, and introductions that were lost for a miss', () => {
    const hostile = (...rows: object[]): Committed => ({
      ...NONE,
      hostile: {
        conditions: { options: { seconds: 20, introductionsPerSecond: 200 } },
        hostile: rows,
      },
    });
    const fine = { attack: 'floods', introductions: 4_000, p99Ms: 18 };
    const slow = { attack: 'garbage', introductions: 4_000, p99Ms: 110 };
    const lost = { attack: 'slowloris', introductions: 3_999, p99Ms: 1 };
    assert.match(
      line([hostile(fine)], 'under'),
      /worst: floods: 18\.0 ms \| no date, 1 run \| ✓ reached/,
    );
    assert.match(line([hostile(fine, slow)], 'under'), /garbage: 110\.0 ms \| .* \| ✕ .* by 10 %/);
    assert.match(line([hostile(lost, slow)], 'under'), /slowloris: 3999 of 4000 .*✕ missed/);
  });

  it('take a soak of half an hour at least', () => {
    const soak = (seconds: number, growth: number): Committed => ({
      ...NONE,
      soak: { conditions: { options: { seconds } }, soak: { growth } },
    });
    assert.match(line([soak(1_800, 0.94)], '30'), /0\.940 × that \| .* \| ✕ missed by 20 %/);
    assert.match(line([soak(600, 1)], '30'), /not measured/);
  });
});
