import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findBrowser } from '../browsers/programs.ts';
import { MARKS } from '../modes/marks.ts';
import { createNet } from '../net/index.ts';
import { asOrdinaryUser } from '../net/ordinary-user.ts';
import type { Net } from '../net/types.ts';
import { Unsupported } from '../net/unsupported.ts';
import { photoSite, totalBytes } from '../origin/assets.ts';
import { scriptBytes } from '../origin/scripts.ts';
import type { ResultRow, Summary, TrialRow } from '../results.ts';
import type { FromOrigin } from './limits.ts';
import { parseOptions } from './options.ts';
import { runBench, type Surroundings } from './run.ts';

const BENCH = fileURLToPath(new URL('../bench.ts', import.meta.url));
const ROOT = process.getuid?.() === 0;
/** The lab of namespaces where it can be. Root without it is an error, and this test says so. */
const SHAPER = ROOT ? 'tc' : 'proxy';

describe('The lab, with real browsers', () => {
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'zf-smoke-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));

  async function bench(
    args: string[],
    createNetLike: Surroundings['createNet'] = createNet,
  ): Promise<{ summary: Summary; rows: ResultRow[]; log: string[] }> {
    const options = parseOptions([...args, '--shaper', SHAPER]);
    assert.ok(options !== 'help');
    const out = join(dir, 'out');
    const log: string[] = [];
    const summary = await runBench(options, {
      createNet: createNetLike,
      programs: findBrowser(),
      dir,
      out,
      log: (line) => log.push(line),
      signal: new AbortController().signal,
    });
    const written = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'));
    assert.deepEqual(written, JSON.parse(JSON.stringify(summary)));
    assert.match(readFileSync(join(out, 'report.html'), 'utf8'), /<svg/);
    const lines = readFileSync(join(out, 'results.jsonl'), 'utf8').trim().split('\n');
    return { summary, rows: lines.map((line) => JSON.parse(line)), log };
  }

  it('measures two visitors who load from two others, beside plain HTTP', async () => {
    const args = [
      'fig3',
      '--n',
      '2',
      '--rate',
      '128KB',
      '--runs',
      '1',
      '--modes',
      'http,zauberflote',
      '--timeout',
      '60s',
    ];
    const { summary, rows, log } = await bench(args);
    assert.equal(summary.verdict, 'ok', summary.why.join('\n'));
    assert.equal(rows.length, 4);
    const trials: TrialRow[] = readFileSync(join(dir, 'out', 'trials.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const { mode, originBytes } of summary.cells)
      assert.deepEqual(
        trials.filter((trial) => trial.mode === mode).map((trial) => trial.originBytes),
        [originBytes],
      );
    for (const { ok, error } of rows) assert.ok(ok, String(error));
    const [http, zauberflote] = ['http', 'zauberflote'].map((name) =>
      summary.cells.find(({ mode }) => mode === name),
    );
    assert.ok(http && zauberflote);
    // Two copies through a link of 512 KB/s: the slower one cannot be faster than that.
    assert.ok((http.maxMs ?? 0) >= ((2 * 786_432) / 128_000) * 1000 * 0.9, `${http.maxMs} ms`);
    assert.ok(http.originCopies >= 2 && http.originCopies < 2.2, `${http.originCopies} copies`);
    const fromPeers = rows.flatMap(({ bytes }) => bytes?.peers ?? []);
    assert.ok(fromPeers.length === 2 && fromPeers.every((bytes) => bytes > 0), `${fromPeers}`);
    assert.ok(zauberflote.originCopies < 2, `${zauberflote.originCopies} copies`);
    for (const { mode, marks = {}, firstPeerByteMs, loadMs } of rows) {
      const times = MARKS.flatMap((name) => marks[name] ?? []);
      assert.equal(times.length, mode === 'http' ? 1 : MARKS.length, JSON.stringify(marks));
      assert.ok(times[0]! > 0 && times.at(-1)! < (loadMs ?? 0), JSON.stringify(marks));
      assert.equal(firstPeerByteMs, marks.firstByte ?? null);
    }
    const { links, shaper, versions, loadBefore, loadAfter, options } = summary.conditions;
    assert.equal(options.timeoutMs, 60_000);
    assert.equal(summary.conditions.processor, cpus()[0]?.model);
    for (const load of [loadBefore, loadAfter]) assert.ok((load ?? -1) >= 0, String(load));
    assert.equal(shaper, SHAPER);
    assert.deepEqual(
      links.map(({ host, direction, when }) => [host, direction, when].join()),
      ['origin,up,before', 'origin,up,after'],
    );
    assert.match(versions.chrome ?? '', /^\d+\./);
    assert.match(log.join('\n'), /\[1\/2\].* to go\)/);
  });

  it('reports wrong bytes as failed and a client without peers as no offload, and is void when a link is mis-set', async () => {
    // 20 % more than was asked for, while the network believes to have done as told.
    const misSet: Surroundings['createNet'] = async (options) => {
      const net = await createNet(options);
      const host: Net['host'] = (name, limits = {}) => {
        const up = limits.upBytesPerSecond;
        return net.host(name, { ...limits, upBytesPerSecond: up && up * 1.2 });
      };
      const measure: Net['measure'] = async (when) =>
        (await net.measure(when)).map((link) => {
          const setBytesPerSecond = link.setBytesPerSecond / 1.2;
          const error = link.measuredBytesPerSecond / setBytesPerSecond - 1;
          return { ...link, setBytesPerSecond, error };
        });
      const { shaper, why, driverAddress } = net;
      return { shaper, why, driverAddress, host, measure, close: () => net.close() };
    };
    const modes = 'control-wrong-bytes,control-no-peers';
    const { summary, rows } = await bench(
      ['fig3', '--n', '1', '--runs', '1', '--modes', modes],
      misSet,
    );
    assert.equal(summary.verdict, 'void');
    assert.match(
      summary.why.join('\n'),
      /the link of origin .* carried (5[4-9]|6\d)\d.* KB\/s, not 512 KB\/s/,
    );

    const of = (mode: string) => rows.find((row) => row.mode === mode);
    const wrong = of('control-wrong-bytes');
    assert.equal(wrong?.ok, false);
    assert.equal(wrong?.loadMs, null);
    assert.match(wrong?.error ?? '', /wrong bytes in \/assets\/photo\.jpg: .* first at 100/);
    assert.match(summary.why.join('\n'), /control-wrong-bytes 1:1 .* 1 of 1 loads failed/);
    assert.equal(summary.cells.find(({ mode }) => mode === wrong?.mode)?.failed, 1);

    const alone = of('control-no-peers');
    assert.equal(alone?.ok, true, String(alone?.error));
    assert.equal(alone?.firstPeerByteMs, null);
    assert.deepEqual(alone?.bytes, { peers: 0, origin: 786_432, store: 0 });
    const cell = summary.cells.find(({ mode }) => mode === alone?.mode);
    assert.ok((cell?.originCopies ?? 0) >= 1, `${cell?.originCopies} copies`);
  });

  const whenHostsFail = (error: Error) => {
    const options = parseOptions(['nat', '--quick']);
    assert.ok(options !== 'help');
    return runBench(options, {
      programs: findBrowser(),
      createNet: async () => {
        const lacking = async () => Promise.reject(error);
        const none = { shaper: 'tc' as const, why: 'it is a test', driverAddress: '10.77.0.1' };
        return { ...none, host: lacking, measure: async () => [], close: async () => {} };
      },
      dir,
      out: join(dir, 'out'),
      log: () => {},
      signal: new AbortController().signal,
    });
  };

  it('says unsupported, not failed, where the network cannot be had', async () => {
    const why = 'behindNat needs nftables';
    const summary = await whenHostsFail(new Unsupported(why));
    assert.deepEqual([summary.verdict, summary.why], ['unsupported', [why]]);
    assert.match(readFileSync(join(dir, 'out', 'report.html'), 'utf8'), /behindNat needs nftables/);
  });

  it('says failed, not unsupported, where anything else went wrong with the network', async () => {
    const { verdict, why } = await whenHostsFail(new Error('ip netns add: File exists'));
    assert.deepEqual([verdict, why], ['failed', ['ended early: ip netns add: File exists']]);
  });

  it('keeps what was measured when the network of a later rate cannot be had, and is failed', async () => {
    let nets = 0;
    const { summary, rows } = await bench(
      ['lone', '--rate', '0,512KB', '--modes', 'http', '--runs', '1'],
      async (options) => {
        if (++nets === 2) throw new Unsupported('there is no tun device any more');
        return createNet(options);
      },
    );
    assert.equal(rows.length, 1);
    assert.equal(summary.cells.length, 1);
    assert.equal(summary.verdict, 'failed');
    assert.match(summary.why.join(), /^ended early: there is no tun device any more$/);
  });

  it('sends page and script through the limited origin if asked to, and draws the limit for it', async () => {
    const { summary, rows } = await bench([
      'lone',
      '--script-from',
      'origin',
      '--modes',
      'http,zauberflote',
      '--runs',
      '1',
    ]);
    for (const { ok, error } of rows) assert.ok(ok, String(error));
    const log = readFileSync(join(dir, 'out', 'access-origin.log'), 'utf8');
    const [, sent] = /\/lib\/zauberflote\.js HTTP\/1\.1" 200 (\d+)/.exec(log) ?? [];
    const script = await scriptBytes('/lib/zauberflote.js');
    assert.ok(
      Number(sent) > script && Number(sent) < script + 600,
      `${sent}: ${script} and a head`,
    );
    assert.equal(log.match(/\/load\.html/g)?.length, 2, log);
    const pages = Object.values(summary.conditions.options.fromOrigin as FromOrigin)
      .map(({ pageBytes }) => pageBytes)
      .sort((a, b) => a - b);
    const sentPages = [...log.matchAll(/\/load\.html HTTP\/1\.1" 200 (\d+)/g)]
      .map(([, bytes]) => Number(bytes))
      .sort((a, b) => a - b);
    for (const [index, bytes] of pages.entries()) {
      const sent = sentPages[index] as number;
      assert.ok(sent > bytes - 50 && sent < bytes + 600, `${sent}: ${bytes} and a head`);
    }
    assert.doesNotMatch(
      readFileSync(join(dir, 'out', 'access-fast.log'), 'utf8'),
      /load\.html|\/lib\//,
    );
    const asset = totalBytes(await photoSite());
    const [http, zauberflote] = ['http', 'zauberflote'].map((name) =>
      summary.cells.find(({ mode }) => mode === name),
    );
    const drawn = (cell = http) => ((cell?.fluidLimitMs ?? 0) / 1000) * 512_000;
    // Page and script, no less than what the origin did send of them.
    assert.ok(drawn() > asset && drawn() < asset + 20_000, `${drawn()} bytes`);
    assert.ok(drawn(zauberflote) > asset + script, `${drawn(zauberflote)} bytes`);
    assert.ok((zauberflote?.originBytes ?? 0) > drawn(zauberflote), `${zauberflote?.originBytes}`);
    assert.ok((zauberflote?.minMs ?? 0) >= (zauberflote?.fluidLimitMs ?? 0) * 0.9);
  });

  it('runs with the proxy shaper as an ordinary user', async () => {
    // What it takes seconds to make is kept where only this user may write.
    await photoSite();
    chmodSync(dir, 0o777);
    const out = join(dir, 'out');
    const args = [BENCH, 'lone', '--runs', '1', '--modes', 'http,zauberflote', '--out', out];
    const child = asOrdinaryUser(dir, args, {
      // No coverage: it would be written where nobody may not.
      env: { ...process.env, HOME: dir, TMPDIR: dir, NODE_V8_COVERAGE: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data) => (said += data));
    const [code] = await once(child, 'close');
    assert.equal(code, 0, said);
    assert.match(said, /shaper proxy: tc cannot work here/);
    const summary: Summary = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'));
    assert.equal(summary.verdict, 'ok');
    assert.equal(summary.conditions.shaper, 'proxy');
    for (const { mode, loads, failed, originCopies, minMs } of summary.cells) {
      assert.deepEqual([loads, failed], [1, 0], mode);
      assert.ok(originCopies >= 1 && originCopies < 1.2, `${mode}: ${originCopies} copies`);
      assert.ok((minMs ?? 0) >= 1300, `${mode}: 768 KB through 512 KB/s in ${minMs} ms`);
    }
  });
});
