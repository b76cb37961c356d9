import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCommitted, readReasons } from './committed.ts';
import { CONDITIONS, experiment, grid, type Wanted } from './fixtures.ts';
import { code, md } from './markdown.ts';
import { resultsPage } from './results-page.ts';

const HERE = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

describe('results page', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'zf-results-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function put(name: string, file: string, value: unknown): void {
    mkdirSync(join(folder, name, 'figures'), { recursive: true });
    writeFileSync(join(folder, name, file), JSON.stringify(value));
  }
  const run = (name: string, wanted: Wanted): void =>
    put(name, 'summary.json', experiment(wanted).summary);
  const page = (): string => resultsPage(readCommitted(folder));

  it('is what the committed results give', () => {
    const path = HERE('../../docs/results.md');
    assert.ok(existsSync(path), 'docs/results.md is missing: run npm run results');
    assert.equal(
      readFileSync(path, 'utf8'),
      resultsPage(readCommitted(HERE('../results')), readReasons(HERE('../results'))),
      'docs/results.md is not what lab/results gives: run npm run results and commit both',
    );
  });

  it('is not written for arguments that mean nothing', () => {
    const path = HERE('../../docs/results.md');
    const before = statSync(path).mtimeMs;
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [HERE('results.ts'), ...args], { encoding: 'utf8' });
    for (const word of ['--bogus', 'fig3']) {
      const { status, stdout, stderr } = run(word);
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(stderr, new RegExp(`'${word}'[^]*Usage: npm run results`));
    }
    const { status, stdout } = run('--help');
    assert.deepEqual([status, stdout.slice(0, 22)], [0, 'Usage: npm run results']);
    assert.equal(statSync(path).mtimeMs, before);
  });

  it('says so when there are none', () => {
    assert.match(page(), /There are no results yet/);
    assert.match(resultsPage(readCommitted(join(folder, 'nowhere'))), /There are no results yet/);
  });

  it('puts the paper’s numbers beside ours and says where we are worse', () => {
    run('fig3', {
      scenario: 'fig3',
      places: [1, 2, 10].map((n) => ({ seeders: n, leechers: n, rate: 512_000 })),
    });
    const text = page();
    assert.match(text, /\| 2 : 2 \|.*\| 10\u202f356 \| 3\u202f082 \|\n/);
    assert.match(
      text,
      /\*\*Where we are worse in this run\*\*\n\n- Slower than WebTorrent at 1 seeder, 1 leecher, 512 KB\/s/,
    );
    assert.match(
      text,
      /```sh\nnpm run bench -- fig3 --n 1,2,5,10 --rate 65536 --rtt 50ms --loss 1% --modes http,zauberflote --runs 3 --script-from fast --shaper tc --seed 7\n```/,
    );
    assert.match(text, /2 cores, 24\.0 GiB, Linux/);
    assert.doesNotMatch(text, /undefined|NaN|null/);
  });

  it('leaves the paper’s figure 3 out where the origin is not as its own was', () => {
    const at = (scenario: string, rate: number) => {
      run('one', { scenario, places: [{ seeders: 2, leechers: 2, rate }] });
      return page();
    };
    for (const rate of [512_000, 524_288]) assert.match(at('fig3', rate), /Paper, HTTP, ms/);
    for (const text of [at('fig3', 64_000), at('fig3', 0), at('flash', 512_000)])
      assert.doesNotMatch(text, /Paper, HTTP|3\u202f082/);
  });

  it('writes figure 2 as matrices', () => {
    run('fig2', { scenario: 'fig2', places: grid(3, 0), runs: 1 });
    const text = page();
    assert.equal(text.match(/\| leechers ↓ seeders → \| 1 \| 2 \| 3 \|/g)?.length, 4);
    assert.match(
      text,
      /The paper’s figure 2, mean ms\n\n.*\n.*\n\| \*\*1\*\* \| 4\u202f020 \| 2\u202f043 \| 6\u202f394 \|/,
    );
  });

  it('says how many loads a mean is of, and that one run is one', () => {
    const places = [2, 5].map((n) => ({ seeders: 1, leechers: n, rate: 64_000 }));
    run('fig3', { scenario: 'fig3', places, runs: 1 });
    assert.match(page(), /Every cell was run once, so nothing is known of how far runs differ/);
    assert.match(page(), /\| Seeders : leechers \| Loads of each mode \|.*\n.*\n\| 1 : 2 \| 2 \|/);
    run('fig3', { scenario: 'fig3', places, runs: 3 });
    assert.match(page(), /Every cell was run 3 times\./);
    assert.match(page(), /\n\| 1 : 5 \| 15 \|/);
    assert.doesNotMatch(page(), /run once/);
    run('fig3', { scenario: 'fig2', places: grid(2, 0), runs: 4 });
    assert.match(
      page(),
      /\| loads a cell \|\n.*\n\| \*\*1\*\* .* \| 4 \|\n\| \*\*2\*\* .* \| 8 \|\n/,
    );
    assert.match(page(), /1 seeder, 1 leecher, .* \(1\.\d\d ×, 4 loads each\)\./);
  });

  it('says beside a mean how far its loads differ, where there are two', () => {
    const loads = (places: Wanted['places'], runs: number) => {
      const { summary } = experiment({ scenario: 'nat', places, runs, modes: ['zauberflote'] });
      const cells = summary.cells.map((cell) => ({
        ...cell,
        meanMs: 500,
        minMs: 400,
        maxMs: 1234,
      }));
      put('nat', 'summary.json', { ...summary, cells });
      return page();
    };
    const place = { seeders: 1, leechers: 1, rate: 64_000 };
    assert.match(loads([place], 2), /\| 1 : 1 \| 2 \| 500 \(400–1\u202f234\) \|/);
    assert.match(loads([place], 1), /\| 1 : 1 \| 1 \| 500 \|/);
    assert.match(loads(grid(2, 0), 2), /\| \*\*1\*\* \| 500 \(400–1\u202f234\) \|/);
  });

  it('names the rivals that could not be compared', () => {
    const wanted = {
      scenario: 'nat',
      places: [{ seeders: 1, leechers: 3, rate: 64_000 }],
      runs: 1,
    };
    const { summary } = experiment(wanted);
    const cells = summary.cells.map((cell) =>
      cell.mode === 'webtorrent' ? { ...cell, failed: 3, meanMs: null } : cell,
    );
    put('nat', 'summary.json', { ...summary, cells });
    assert.match(
      page(),
      /In this run \(3 loads a cell\), in the cells that can be compared, no mean above that of Plain HTTP, .*\n\n- Not compared with WebTorrent at 1 seeder, 3 leechers, 64 KB\/s: 3 of its 3 loads failed\./,
    );
  });

  it('shows how busy the machine was, where that was recorded', () => {
    const wanted = { scenario: 'nat', places: [{ seeders: 1, leechers: 1, rate: 0 }] };
    run('nat', wanted);
    assert.doesNotMatch(page(), /load average/);
    for (const [loadBefore, words] of [
      [0.5, 'load average of one minute 0.50 before, 3.25 after\n'],
      [
        2.1,
        'load average of one minute 2.10 before, 3.25 after: the machine had just had other work',
      ],
    ] as const) {
      const conditions = { ...CONDITIONS, loadBefore, loadAfter: 3.25 };
      run('nat', { ...wanted, over: { conditions } });
      assert.ok(page().includes(`- ${words}`), page());
    }
    rmSync(join(folder, 'nat'), { recursive: true });
    const conditions = { cores: 2, loadAverage: { before: 5, after: 1 }, options: { a: { b: 1 } } };
    put('load', 'load.json', { conditions, trackers: {} });
    assert.match(page(), /- load average of one minute 5\.00 before, 1\.00 after: the machine had/);
    assert.match(page(), /- options: a\.b 1\n/);
  });

  it('counts failed loads beside the mean and quotes no figure of a void run', () => {
    const places = [{ seeders: 0, leechers: 10, rate: 64_000 }];
    run('flash', { scenario: 'flash', places, failing: 0.2 });
    assert.match(page(), / \d+\u202f\d+ \(\d+\u202f\d+–\d+\u202f\d+; ✕ \d+ of 30\) \|/);
    run('flash', { scenario: 'flash', places, failing: 1.1 });
    assert.match(page(), /\| – \(✕ 30 of 30\) \|/);
    run('flash', { scenario: 'flash', places, over: { verdict: 'void', why: ['origin was off'] } });
    assert.match(page(), /⊘ void.*\n- origin was off/);
    assert.doesNotMatch(page(), /\| 0 : 10 \|/);
  });

  it('says who counted what left the origin, where it was not the kernel', () => {
    const wanted = { scenario: 'lone', places: [{ seeders: 0, leechers: 1, rate: 0 }] };
    const note = /- what left the origin was counted by the lab’s proxy in front of it, which/;
    run('lone', wanted);
    assert.doesNotMatch(page(), note);
    run('lone', { ...wanted, over: { conditions: { ...CONDITIONS, shaper: 'proxy' } } });
    assert.match(page(), note);
  });

  it('has no copies of a mode whose server is not counted', () => {
    const modes = ['http-unlimited', 'zauberflote'];
    run('fig2', { scenario: 'fig2', places: [{ seeders: 1, leechers: 1, rate: 0 }], modes });
    assert.match(
      page(),
      /not limited, origin copies \| Zauberflöte, origin copies \|\n.*\n.*\| – \| 0\.01 \|\n/,
    );
  });

  it('tells scenarios in their order and is the same every time', () => {
    const places = [{ seeders: 0, leechers: 2, rate: 0 }];
    for (const scenario of ['zzz', 'lone', 'fig2']) run(scenario, { scenario, places });
    const text = page();
    assert.deepEqual(text.match(/^## .*/gm), [
      '## What was to be reached',
      '## fig2',
      '## lone',
      '## zzz',
    ]);
    assert.equal(page(), text);
  });

  it('shows the figures that are committed with a result', () => {
    run('flash', { scenario: 'flash', places: [{ seeders: 0, leechers: 2, rate: 0 }] });
    writeFileSync(join(folder, 'flash', 'figures', 'flash-time-unlimited.svg'), '<svg/>');
    assert.match(
      page(),
      /!\[flash-time-unlimited\]\(\.\.\/lab\/results\/flash\/figures\/flash-time-unlimited\.svg\)/,
    );
  });

  it('compares trackers either way round', () => {
    put('load', 'load.json', {
      conditions: { seed: 3, options: { quick: true }, notes: ['a | b'] },
      trackers: {
        zauberflote: {
          introductionsPerCpuSecond: 20_000,
          bytesPerIntroduction: 3000,
          p99Ms: 1.234,
        },
        'bittorrent-tracker': {
          introductionsPerCpuSecond: 18_900,
          bytesPerIntroduction: 2800,
          p99Ms: 2,
        },
      },
    });
    const text = page();
    assert.match(text, /npm run load -- --quick --seed 3 --out load\.json/);
    assert.match(text, /\| Introductions per CPU second \| 20\u202f000 \| 18\u202f900 \| more \|/);
    assert.match(
      text,
      /\*\*Where we are worse in this run\*\*\n\n- Bytes per introduction: 3\u202f000 against 2\u202f800 of bittorrent-tracker\.\n/,
    );
    assert.match(text, /\| 1\.23 \| 2 \| less \|/);
    assert.match(text, /- a \\\| b/);
  });

  it('tells every figure of a simulation, one column each', () => {
    const cell = (name: string, peers: number, times: number) => ({
      scenario: { name, peers },
      ofFluidLimit: { mean: times },
    });
    put('sim', 'sim.json', {
      conditions: { seed: 1 },
      results: [cell('crowd', 10_000, 1.18), cell('churn', 1000, 1.3)],
    });
    assert.match(page(), /- seed: 1/);
    assert.match(
      page(),
      /\| results \| crowd \| churn \|\n.*\n\| scenario.peers \| 10\u202f000 \| 1\u202f000 \|\n/,
    );
    assert.match(page(), /\| ofFluidLimit.mean \| 1\.18 \| 1\.3 \|/);
    put('sim', 'sim.json', { scenario: { peers: 7 }, timeMs: null });
    assert.match(page(), /\| scenario.peers \| 7 \|\n\| timeMs \| – \|/);
  });

  it('says what the bounds of a simulation are bounds of', () => {
    const result = (over: object, arrivalMs: number) => ({
      result: {
        ...{ scenario: { peers: 1000, arrivalMs }, fluidLimitMs: 3114, left: 0 },
        ...over,
      },
    });
    put('sim', 'sim.json', result({ fluidLimitPeers: 1000 }, 0));
    assert.match(page(), /`fluidLimitMs` is the fluid limit of 1\u202f000 peers\.\n/);
    assert.doesNotMatch(page(), /at once/);
    put('sim', 'sim.json', result({ left: 52 }, 10_000));
    assert.match(
      page(),
      /peers, had all come at once; the 52 who left .* are counted in\. They came within 10 s, so it bounds nobody’s time/,
    );
    put('sim', 'sim.json', result({ left: 52, fluidLimitPeers: 948, leastMeanMs: 1500 }, 10_000));
    assert.match(
      page(),
      /of 948 peers, had .* are left out\. .*`leastMeanMs` bounds the mean time/,
    );
  });

  it('names the file that cannot be used, and the cure', () => {
    put('a', 'summary.json', { scenario: 'fig3' });
    assert.throws(
      page,
      /a\/summary\.json: verdict is missing or malformed: run its scenario again/,
    );
    const { summary } = experiment({
      scenario: 'lone',
      places: [{ seeders: 0, leechers: 1, rate: 0 }],
    });
    put('a', 'summary.json', { ...summary, cells: [{ ...summary.cells[0], meanMs: 'fast' }] });
    assert.throws(page, /cells is missing or malformed/);
    writeFileSync(join(folder, 'a', 'summary.json'), '{');
    assert.throws(page, /summary\.json is not JSON/);
    rmSync(join(folder, 'a'), { recursive: true });
    put('b', 'load.json', { trackers: {} });
    assert.throws(page, /b\/load\.json: conditions or trackers are missing/);
    rmSync(join(folder, 'b'), { recursive: true });
    put('c', 'soak.json', { soak: {} });
    assert.throws(page, /c\/soak\.json: soak\.samples are missing/);
    rmSync(join(folder, 'c'), { recursive: true });
    put('d', 'hostile.json', { hostile: [] });
    assert.throws(page, /d\/hostile\.json: hostile is missing/);
  });

  it('tells of churn and attacks', () => {
    const samples = [1, 2].map((i) => ({ atSeconds: i * 60, residentBytes: (100 + i) * 2 ** 20 }));
    put('soak', 'soak.json', { conditions: { cores: 2 }, soak: { growth: 1.01, samples } });
    const fared = [
      { attack: 'none', p99Ms: 8 },
      { attack: 'floods', p99Ms: 49, attackers: { sent: 7 } },
    ];
    put('hostile', 'hostile.json', { conditions: {}, hostile: fared });
    const text = page();
    assert.match(
      text,
      /growth \| 1\.01 \|[\s\S]*Its memory in MiB, by minute: 1: 101\.0, 2: 102\.0\./,
    );
    assert.match(
      text,
      /\| none \| floods \|[\s\S]*p99Ms \| 8 \| 49 \|[\s\S]*attackers\.sent \| – \| 7 \|/,
    );
  });

  it('says where processor time went, in the largest cell of ours', () => {
    const places = [1, 4].map((n) => ({ seeders: n, leechers: n, rate: 0 }));
    const { summary } = experiment({ scenario: 'fig3', places });
    const cpu = (nginx: number) => ({
      ...{ wallMs: 1000, cores: 2, machine: { busy: 1.8, softirq: 0.1, idle: 0.2 } },
      kinds: { 'leecher renderer': { user: 0.6, system: 0.4 }, nginx: { user: nginx, system: 0 } },
      threads: { main: 0.5, rare: 0.001 },
    });
    const cells = summary.cells.map((cell) => ({ ...cell, cpu: cpu(cell.leechers / 10) }));
    put('fig3', 'summary.json', { ...summary, cells });
    assert.match(
      page(),
      /Zauberflöte loaded, 4 seeders, 4 leechers, origin not limited: busy for 90 % of 2 cores × 1\.0 s: leecher renderer 50 %, nginx 20 %; of all this 20 % inside the kernel, and 5 % more .*; renderers by thread: main 25 %\.\n/,
    );
    assert.equal(page().match(/Processors while/g)?.length, 1);
  });

  it('takes no reason that is tied to no result', () => {
    const reasons = (value: unknown) => {
      writeFileSync(join(folder, 'why.json'), JSON.stringify(value));
      return readReasons(folder);
    };
    const good = { flash: { of: { flash: '2026-01-01' }, why: 'x' } };
    assert.deepEqual(reasons(good), good);
    for (const bad of [
      'x',
      { why: 'x' },
      { of: {}, why: 'x' },
      { of: { flash: 1 }, why: 'x' },
      { of: { flash: 'x' } },
    ])
      assert.throws(() => reasons({ flash: bad }), /why\.json: flash is to be \{"of": \{FOLDER/);
    rmSync(join(folder, 'why.json'));
    assert.deepEqual(readReasons(folder), {});
  });

  it('takes text as text', () => {
    assert.equal(md('a|b <i>*x*</i>\n# y'), 'a\\|b \\<i\\>\\*x\\*\\</i\\> \\# y');
    assert.equal(code('a`b'), '`` a`b ``');
  });
});
