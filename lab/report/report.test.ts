import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, launch } from '../browsers/chromium.ts';
import type { Summary } from '../results.ts';
import { figuresOf } from './figures.ts';
import { CONDITIONS, experiment, grid, type Wanted } from './fixtures.ts';
import { standalone, writeReport } from './index.ts';
import { pageOf } from './page.ts';
import { PAPER_FIG2, PAPER_FIG3 } from './paper.ts';

const HOSTILE = `</title></svg><script>alert(1)</script><img src="x" onerror='alert(2)'>\u0000&`;

const FIG3: Wanted = {
  scenario: 'fig3',
  places: [1, 2, 5, 10].map((n) => ({ seeders: n, leechers: n, rate: 512_000 })),
};

function page(wanted: Wanted): { html: string; names: string[]; svgs: string[] } {
  const { summary, rows } = experiment(wanted);
  const figures = figuresOf(summary, rows);
  return {
    html: pageOf(summary, figures),
    names: figures.map(({ name }) => name),
    svgs: figures.map(standalone),
  };
}

describe('report', () => {
  it('draws lines with the paper’s curves beside ours for figure 3', () => {
    const { names, svgs } = page(FIG3);
    assert.deepEqual(names, ['fig3-time-512000', 'fig3-origin-512000', 'fig3-loads-512000']);
    assert.match(svgs[0]!, /Paper, P2P \(2015\), n = 2: 10\.4 s/);
    assert.match(svgs[0]!, /Paper, HTTP \(2015\), n = 10: 14\.1 s/);
    assert.doesNotMatch(svgs[0]!, /n = 11/);
    assert.match(svgs[0]!, /log scale/);
  });

  it('draws a heat map with the paper’s figure beside ours for figure 2', () => {
    const { names, svgs } = page({ scenario: 'fig2', places: grid(3, 0), runs: 1 });
    assert.deepEqual(names, [
      'fig2-heatmap-unlimited',
      'fig2-origin-unlimited',
      'fig2-loads-unlimited',
    ]);
    assert.match(svgs[0]!, /Paper: 1 seeder, 4 leechers: mean 29\.0 s/);
    assert.equal(
      svgs[0]!.match(/Zauberflöte: \d seeders?, \d leechers?, origin not limited/g)?.length,
      9,
    );
  });

  it('draws bars with the fluid limit where there is only one size', () => {
    const { svgs } = page({
      scenario: 'flash',
      places: [{ seeders: 0, leechers: 10, rate: 64_000 }],
    });
    assert.match(svgs[0]!, /Fluid limit/);
    assert.match(svgs[0]!, /Zauberflöte: 0 seeders, 10 leechers.*× fluid limit/);
  });

  it('keeps rates apart', () => {
    const places = [64_000, 512_000].map((rate) => ({ seeders: 0, leechers: 2, rate }));
    const { names } = page({ scenario: 'flash', places });
    assert.equal(names.filter((name) => name.endsWith('-64000')).length, 3);
    assert.equal(names.filter((name) => name.endsWith('-512000')).length, 3);
  });

  it('draws a mark for every load, failed ones as crosses', () => {
    const wanted = { ...FIG3, failing: 0.3 };
    const { rows } = experiment(wanted);
    const failed = rows.filter(({ ok }) => !ok).length;
    assert.ok(failed > 0);
    const strip = page(wanted).svgs[2]!;
    assert.equal(strip.match(/class="dot"/g)?.length, rows.length - failed);
    assert.equal(strip.match(/class="cross"/g)?.length, failed);
  });

  it('stands when every load of a mode failed, and when there is nothing at all', () => {
    const all = page({ ...FIG3, failing: 1.1 });
    assert.doesNotMatch(all.html, /NaN|Infinity|undefined/);
    assert.match(all.html, /✕ failed/);
    for (const places of [FIG3.places, [{ seeders: 2, leechers: 10, rate: 0 }], grid(2, 0)]) {
      const wanted = { scenario: 'x', places };
      const [time, , loads] = page({ ...wanted, failing: 1.1 }).svgs;
      for (const svg of [time!, loads!]) {
        assert.match(svg, />No load succeeded</);
        // Of an empty scale, such as from 0 to 1 ms.
        assert.doesNotMatch(svg, />[^<]* m?s<\/text>/);
      }
      assert.doesNotMatch(page({ ...wanted, failing: 0.5 }).html, /No load succeeded/);
    }
    const none = page({
      scenario: 'nat',
      places: [],
      over: { verdict: 'unsupported', why: ['no nftables'] },
    });
    assert.deepEqual(none.names, []);
    assert.match(none.html, /unsupported.*no nftables/s);
  });

  it('says of a void run that it means nothing, on the page and on each figure', () => {
    const { html, svgs } = page({ ...FIG3, over: { verdict: 'void', why: ['origin: 71.2 KB/s'] } });
    assert.match(html, /figures of this run mean nothing/);
    assert.doesNotMatch(html, /class="tile"/);
    for (const svg of svgs) assert.match(svg, /VOID: origin: 71\.2 KB\/s/);
  });

  it('says of a run that was ended early neither that links kept to their rates nor that checks failed', () => {
    const [before] = CONDITIONS.links;
    const { html } = page({
      ...FIG3,
      over: {
        verdict: 'failed',
        why: ['ended early: ended by SIGINT'],
        conditions: { ...CONDITIONS, links: [before!] },
      },
    });
    assert.match(
      html,
      /No link was found to be off, but .*, or it ended early\..*ended by SIGINT/s,
    );
    assert.doesNotMatch(html, /kept to their rates/);
  });

  it('marks a link that was off, or not measured again', () => {
    const { summary } = experiment(FIG3);
    const [before] = CONDITIONS.links;
    const html = (links: Summary['conditions']['links']): string =>
      pageOf({ ...summary, conditions: { ...CONDITIONS, links } }, []);
    assert.match(
      html([{ ...before!, error: -0.2 }]),
      /1 of 1 direction of links off by more than 5 %/,
    );
    assert.match(html([{ ...before!, error: -0.2 }]), /✕ .*−20\.0 %.*not measured/s);
    assert.match(html([{ ...before!, error: Number.NaN }]), /off by more than 5 %/);
    assert.match(html(CONDITIONS.links), /all within 5 % of what was set/);
  });

  it('shows the load average and the loads of a cell', () => {
    const { html } = page({
      ...FIG3,
      over: { conditions: { ...CONDITIONS, loadBefore: 0.25, loadAfter: 1.5 } },
    });
    assert.match(html, /load average of one minute 0\.25 before, 1\.50 after</);
    assert.match(html, /origin copies · 30 loads/);
    assert.doesNotMatch(page(FIG3).html, /load average/);
  });

  it('takes whatever is in the results as text', () => {
    const { summary, rows } = experiment({
      ...FIG3,
      scenario: HOSTILE,
      modes: ['zauberflote', HOSTILE, 'constructor', '__proto__'],
      over: {
        verdict: 'failed',
        why: [HOSTILE],
        conditions: {
          ...CONDITIONS,
          date: HOSTILE,
          commit: HOSTILE,
          kernel: HOSTILE,
          shaper: HOSTILE,
          versions: { [HOSTILE]: HOSTILE },
          options: { [HOSTILE]: HOSTILE, list: [HOSTILE] },
          links: CONDITIONS.links.map((link) => ({ ...link, host: HOSTILE })),
          notes: [HOSTILE],
        },
      },
    });
    const spoilt = rows.map((row) => ({ ...row, ok: false, error: HOSTILE }));
    const figures = figuresOf(summary, spoilt);
    for (const markup of [pageOf(summary, figures), ...figures.map(standalone)]) {
      assert.doesNotMatch(markup, /<script|<img/);
      assert.ok(!markup.includes('\u0000'));
    }
    for (const { name } of figures) assert.match(name, /^[\w-]+$/);
  });

  it('holds the paper’s figures whole', () => {
    assert.equal(PAPER_FIG2.flat().length, 100);
    assert.equal(PAPER_FIG3.length, 33);
    assert.deepEqual(
      PAPER_FIG3.map(({ n }) => n),
      Array.from({ length: 33 }, (_, index) => index + 1),
    );
    // DESIGN section 7 quotes these, rounded.
    const quoted: [number, number, number][] = [
      [1, 395, 1932], [2, 10356, 3082], [5, 8762, 7370], [10, 5803, 14098],
      [15, 9966, 18108], [20, 14511, 27236], [25, 19601, 32520], [33, 30483, 27415],
    ]; // biome-ignore format: one line a half
    for (const [n, p2p, http] of quoted) {
      const { p2pMs, httpMs } = PAPER_FIG3[n - 1]!;
      assert.deepEqual([Math.round(p2pMs), Math.round(httpMs)], [p2p, http]);
    }
  });
});

describe('report in a browser', () => {
  let browser: Browser;
  let dir: string;
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'zf-report-'));
    const { summary, rows } = experiment({
      ...FIG3,
      failing: 0.1,
      over: { verdict: 'failed', why: [HOSTILE] },
    });
    await writeReport(dir, summary, rows);
    const one = experiment({
      scenario: 'flash',
      places: [{ seeders: 0, leechers: 10, rate: 65_536 }],
      modes: ['http', 'zauberflote', 'webtorrent', 'webtorrent-rarest', 'control-wrong-bytes'],
      failing: 0.2,
    });
    const cells = experiment({ scenario: 'fig2', places: grid(10, 0), runs: 1 });
    for (const [name, { summary, rows }] of Object.entries({ one, cells: { ...cells, rows: [] } }))
      writeFileSync(join(dir, `${name}.html`), pageOf(summary, figuresOf(summary, rows)));
    browser = await launch();
  });
  after(async () => {
    await browser?.quit();
    rmSync(dir, { recursive: true, force: true });
  });

  it('writes each figure as SVG and PNG, and what is drawn as columns', () => {
    const files = readdirSync(join(dir, 'figures')).sort();
    assert.deepEqual(
      files,
      ['loads', 'means', 'origin', 'time'].flatMap((kind) =>
        (kind === 'means' ? ['dat'] : ['png', 'svg']).map((type) => `fig3-${kind}-512000.${type}`),
      ),
    );
    assert.match(readFileSync(join(dir, 'cells.csv'), 'utf8'), /^scenario,verdict,mode,/);
    const png = readFileSync(join(dir, 'figures', 'fig3-time-512000.png'));
    const svg = readFileSync(join(dir, 'figures', 'fig3-time-512000.svg'), 'utf8');
    const height = Number(/^<svg[^>]* height="(\d+)"/.exec(svg)?.[1]);
    assert.equal(png.toString('latin1', 1, 4), 'PNG');
    assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [2 * 880, 2 * height]);
  });

  it('is well-formed, loads nothing and runs nothing', async () => {
    const svg = readFileSync(join(dir, 'figures', 'fig3-loads-512000.svg'), 'utf8');
    await browser.driver.get(pathToFileURL(join(dir, 'report.html')).href);
    const seen = (await browser.driver.executeScript(
      `const parsed = new DOMParser().parseFromString(arguments[0], 'image/svg+xml');
       return {
         wellFormed: parsed.querySelector('parsererror') === null,
         scripts: document.scripts.length,
         images: document.images.length,
         loaded: performance.getEntriesByType('resource').map(({name}) => name).filter(name => !name.startsWith('data:')),
         named: [...document.querySelectorAll('figure svg')].every(svg =>
           svg.getAttribute('aria-labelledby').split(' ').every(id => svg.querySelector('#' + id)?.textContent)),
         ids: new Set([...document.querySelectorAll('[id]')].map(({id}) => id)).size === document.querySelectorAll('[id]').length,
       };`,
      svg,
    )) as Record<string, unknown>;
    assert.deepEqual(seen, {
      wellFormed: true,
      scripts: 0,
      images: 0,
      loaded: [],
      named: true,
      ids: true,
    });
    assert.deepEqual(await browser.console(), []);
  });

  it('fits a telephone and a desk without scrolling sideways, light and dark', async () => {
    for (const file of ['report', 'one', 'cells'])
      for (const [scheme, width] of [
        ['light', 360],
        ['dark', 390],
        ['light', 768],
        ['dark', 1280],
      ] as const) {
        await browser.driver.get(pathToFileURL(join(dir, `${file}.html`)).href);
        await browser.driver.sendDevToolsCommand('Emulation.setEmulatedMedia', {
          features: [{ name: 'prefers-color-scheme', value: scheme }],
        });
        await browser.driver.sendDevToolsCommand('Emulation.setDeviceMetricsOverride', {
          width,
          height: 900,
          deviceScaleFactor: 1,
          mobile: width < 500,
        });
        const seen = (await browser.driver.executeScript(
          `const text = document.querySelector('figure svg text.title');
           const shown = [...document.querySelectorAll('figure svg')].filter((svg) => svg.getBoundingClientRect().width > 0);
           const outside = shown.flatMap((svg) => {
             const box = svg.getBoundingClientRect();
             return [...svg.querySelectorAll('text')].filter((text) => {
               const own = text.getBoundingClientRect();
               return own.left < box.left - 1 || own.right > box.right + 1;
             }).map((text) => text.textContent);
           });
           return {
             sideways: document.documentElement.scrollWidth > innerWidth,
             figures: shown.length,
             outside,
             ground: getComputedStyle(document.body).backgroundColor,
             ink: getComputedStyle(text).fill,
           };`,
        )) as Record<string, unknown>;
        assert.deepEqual(seen, {
          sideways: false,
          figures: file === 'cells' ? 2 : 3,
          outside: [],
          ground: scheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(21, 22, 30)',
          ink: scheme === 'light' ? 'rgb(29, 31, 43)' : 'rgb(233, 231, 242)',
        });
      }
  });
});
