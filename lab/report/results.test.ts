import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCommitted } from './committed.ts';
import { experiment, grid, type Wanted } from './fixtures.ts';
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
      resultsPage(readCommitted(HERE('../results'))),
      'docs/results.md is not what lab/results gives: run npm run results and commit both',
    );
  });

  it('says so when there are none', () => {
    assert.match(page(), /There are no results yet/);
    assert.match(resultsPage(readCommitted(join(folder, 'nowhere'))), /There are no results yet/);
  });

  it('puts the paper’s numbers beside ours and says where we are worse', () => {
    run('fig3', {
      scenario: 'fig3',
      places: [1, 2, 10].map((n) => ({ seeders: n, leechers: n, rate: 64_000 })),
    });
    const text = page();
    assert.match(text, /\| 2 : 2 \|.*\| 10\u202f356 \| 3\u202f082 \|\n/);
    assert.match(
      text,
      /\*\*Where we are worse\*\*\n\n- Slower than WebTorrent at 1 seeder, 1 leecher, 64 KB\/s/,
    );
    assert.match(
      text,
      /```sh\nnpm run bench -- fig3 --n 1,2,5,10 --rate 65536 --rtt 50ms --loss 1% --modes http,zauberflote --runs 3 --script-from fast --shaper tc --seed 7\n```/,
    );
    assert.match(text, /2 cores, 24\.0 GiB, Linux/);
    assert.doesNotMatch(text, /undefined|NaN|null/);
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

  it('counts failed loads beside the mean and quotes no figure of a void run', () => {
    const places = [{ seeders: 0, leechers: 10, rate: 64_000 }];
    run('flash', { scenario: 'flash', places, failing: 0.2 });
    assert.match(page(), /\(✕ \d+ of 30\)/);
    run('flash', { scenario: 'flash', places, over: { verdict: 'void', why: ['origin was off'] } });
    assert.match(page(), /⊘ void.*\n- origin was off/);
    assert.doesNotMatch(page(), /\| 0 : 10 \|/);
  });

  it('tells scenarios in their order and is the same every time', () => {
    const places = [{ seeders: 0, leechers: 2, rate: 0 }];
    for (const scenario of ['zzz', 'lone', 'fig2']) run(scenario, { scenario, places });
    const text = page();
    assert.deepEqual(text.match(/^## .*/gm), ['## fig2', '## lone', '## zzz']);
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
      /\*\*Where we are worse\*\*\n\n- Bytes per introduction: 3\u202f000 against 2\u202f800 of bittorrent-tracker\.\n/,
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
  });

  it('takes text as text', () => {
    assert.equal(md('a|b <i>*x*</i>\n# y'), 'a\\|b \\<i\\>\\*x\\*\\</i\\> \\# y');
    assert.equal(code('a`b'), '`` a`b ``');
  });
});
