import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBrowser } from '../browsers/programs.ts';
import { type Mode, modeOf } from '../modes/index.ts';
import { createNet } from '../net/index.ts';
import type { Net } from '../net/types.ts';
import { type Asset, photoSite, totalBytes } from '../origin/assets.ts';
import type { Scenario } from '../scenarios/index.ts';
import { type Lab, openLab } from './lab.ts';
import { parseOptions } from './options.ts';
import { runTrial } from './trial.ts';

const RATE = 512_000;

/** As http, but its page goes on loading when all is shown: bytes that nobody waits for. */
const GREEDY: Mode = {
  ...modeOf('http'),
  page: async (context) => {
    const again = `fetch('${context.assetBase}${context.assets[0]?.path}?again')`;
    const page = await modeOf('http').page(context);
    return page.replace('</body>', `<script>onload = () => { ${again} }</script></body>`);
  },
};

describe('One trial, with a real browser', () => {
  let dir: string;
  let net: Net;
  let lab: Lab;
  let scenario: Scenario;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'zf-trial-'));
    net = await createNet({ shaper: 'proxy' });
    const options = parseOptions(['lone', '--seeders', '1', '--rate', '512KB']);
    assert.ok(options !== 'help');
    scenario = options.scenario;
    const { setup } = options;
    const assets = await photoSite();
    const around = { net, dir, out: dir, log: () => {}, programs: findBrowser() };
    lab = await openLab({ ...around, scenario, setup, rate: RATE, assets });
  });
  after(async () => {
    await lab?.quiet();
    await net?.close();
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  });

  const trial = async (mode: Mode, breaks?: Scenario['breaks']) =>
    runTrial({
      ...{ lab, mode, rateBytesPerSecond: RATE, run: 1, scriptFrom: 'fast', timeoutMs: 8_000 },
      ...{ scenario: { ...scenario, ...(breaks && { breaks }) }, assets: await photoSite() },
      grid: { seeders: 0, leechers: 1 },
    });

  it('counts what the origin sends after the last load has ended', async () => {
    const bytes = totalBytes(await photoSite());
    const { rows, originBytes, originStillSending } = await trial(GREEDY);
    assert.equal(rows[0]?.ok, true, String(rows[0]?.error));
    assert.equal(originStillSending, false);
    assert.ok(originBytes >= 2 * bytes, `${originBytes} bytes, not two copies of ${bytes}`);
  });

  it('says that a break never happened when all was loaded before', async () => {
    const { rows, missed } = await trial(modeOf('http'), [{ at: 60_000, what: 'stop origin' }]);
    assert.equal(rows[0]?.ok, true, String(rows[0]?.error));
    assert.equal(rows[0]?.broke, false);
    assert.match(missed?.join() ?? '', /'stop origin' was due 60000 ms after the start/);
  });

  it('breaks in the middle of a load what it should', async () => {
    const { rows, missed } = await trial(modeOf('http'), [{ at: 500, what: 'stop origin' }]);
    assert.deepEqual(missed, []);
    assert.equal(rows[0]?.broke, true);
    // What it had sent already may still be in the proxy, so the load itself proves nothing.
    assert.equal(lab.originServer.running, false);
  });

  for (const mode of ['zauberflote', 'bare-channel'])
    it(`gets a file that no element shows from a peer by ${mode}, and reads it back`, async () => {
      const photo = (await photoSite())[0] as Asset;
      const { rows } = await runTrial({
        ...{ lab, scenario, rateBytesPerSecond: RATE, run: 1, scriptFrom: 'fast' },
        ...{ mode: modeOf(mode), timeoutMs: 20_000, grid: { seeders: 1, leechers: 1 } },
        assets: [{ ...photo, kind: 'file' }],
      });
      const [row] = rows;
      assert.equal(row?.error, null);
      assert.ok((row?.bytes?.peers ?? 0) > photo.body.length / 2, JSON.stringify(row));
      assert.ok((row?.firstPeerByteMs ?? 0) > 0 && row.firstPeerByteMs! < row.loadMs!);
    });
});
