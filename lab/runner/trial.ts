import { setTimeout as sleep } from 'node:timers/promises';
import type { Tab } from '../browsers/tab.ts';
import type { Visitor } from '../browsers/visitor.ts';
import type { Mode, PageContext } from '../modes/index.ts';
import type { Probed } from '../modes/probe.ts';
import type { Asset } from '../origin/assets.ts';
import type { ResultRow } from '../results.ts';
import type { Break, Grid, Scenario, Trial } from '../scenarios/index.ts';
import type { Lab } from './lab.ts';

export interface TrialOptions {
  readonly lab: Lab;
  readonly scenario: Scenario;
  readonly mode: Mode;
  readonly grid: Grid;
  readonly rateBytesPerSecond: number;
  readonly run: number;
  readonly assets: readonly Asset[];
  readonly scriptFrom: 'fast' | 'origin';
  readonly timeoutMs: number;
}

/** From telling a tab to set out to its doing so, in ms: for one, and for each of them. */
const START_MS = 200;
const START_MS_EACH = 20;
/** For all seeders to have it and be known: they load from an unlimited server. */
const SEEDING_MS = 90_000;

interface Opened {
  readonly visitor: Visitor;
  readonly tab: Tab;
}

/** Runs one mode once in one cell: seeders first, then all leechers at one instant. */
export async function runTrial(options: TrialOptions): Promise<Trial> {
  const { lab, scenario, mode, grid, assets, rateBytesPerSecond, run } = options;
  const assetBytes = assets.reduce((sum, { body }) => sum + body.length, 0);
  const opened: Opened[] = [];
  const open = async (visitors: readonly Visitor[], count: number) => {
    const tabs: Opened[] = [];
    for (let n = 0; n < count; n++) {
      const visitor = visitors[n % visitors.length] as Visitor;
      tabs.push({ visitor, tab: await visitor.open() });
      opened.push(tabs[n] as Opened);
    }
    return tabs;
  };

  await lab.originServer.start();
  const tracker = await mode.tracker?.(lab.trackerHost, lab.trackerPort);
  const context = (assetBase: string, liar: boolean): PageContext => ({
    assets,
    assetBase,
    tracker: lab.trackerUrl,
    iceServers: lab.iceServers,
    liar,
  });
  try {
    // Seeders load from the unlimited server: how they came to have it is not what is measured.
    const seedPage = lab.page('seed.html', await mode.page(context(lab.fastUrl, false)));
    const liarPage = lab.page('liar.html', await mode.page(context(lab.fastUrl, true)));
    const loadPage = lab.page('load.html', await mode.page(context(lab.originUrl, false)));
    const seeders = mode.seeding ? await open(await lab.seeders(grid.seeders), grid.seeders) : [];
    const liars = seeders.slice(0, scenario.liars ?? 0);
    await Promise.all(
      seeders.map(async ({ tab, visitor }) => {
        const isLiar = liars.some((liar) => liar.tab === tab);
        const end = Date.now() + SEEDING_MS;
        await tab.navigate(lab.fastUrl + (isLiar ? liarPage : seedPage));
        await tab.eventually('lab.done', end, `the page of seeder ${visitor.host.name}`);
        await tab.eventually(String(mode.seeding), end, `seeder ${visitor.host.name} to be known`);
      }),
    );

    const leechers = await open(await lab.leechers(grid.leechers), grid.leechers);
    const breakNow = async ({ what, share = 1 }: Break) => {
      if (what === 'stop origin') await lab.originServer.stop();
      if (what === 'stop tracker') await tracker?.stop();
      if (what === 'kill seeders')
        for (const { visitor } of seeders.slice(0, Math.ceil(seeders.length * share)))
          visitor.kill();
    };
    const breaks = scenario.breaks ?? [];
    for (const breaking of breaks) if (breaking.at === 'before') await breakNow(breaking);

    const before = await lab.origin.counters();
    const start = Date.now() + START_MS + START_MS_EACH * leechers.length;
    const site = options.scriptFrom === 'origin' ? lab.originUrl : lab.fastUrl;
    const over = new AbortController();
    const breaking = breaks.map(async (one) => {
      if (one.at === 'before') return;
      const waited = await sleep(Math.max(0, start + one.at - Date.now()), true, {
        signal: over.signal,
      }).catch(() => false);
      if (waited) await breakNow(one);
    });
    const probed = await Promise.all(
      leechers.map(async ({ tab }): Promise<Probed | Error> => {
        try {
          await tab.navigate(site + loadPage, start);
          await sleep(Math.max(0, start - Date.now() + 50));
          return await tab.eventually<Probed>(
            'window.lab && lab.done',
            start + options.timeoutMs,
            'the page to be loaded',
          );
        } catch (error) {
          return error as Error;
        }
      }),
    );
    over.abort();
    await Promise.all(breaking);
    const after = await lab.origin.counters();

    const row = { scenario: scenario.name, mode: mode.name, ...grid, rateBytesPerSecond, run };
    const rows: ResultRow[] = [];
    for (const [index, { tab }] of leechers.entries()) {
      const found = probed[index] as Probed | Error;
      const bytes = await tab.evaluate<ResultRow['bytes']>(mode.bytes).catch(() => null);
      const error = found instanceof Error ? found.message : await wrong(tab, found, assets);
      const loadMs = found instanceof Error || error !== null ? null : found.loadMs;
      rows.push({ ...row, peer: index + 1, loadMs, bytes, ok: error === null, error });
    }
    const lied = await Promise.all(
      liars.map(({ tab }) => tab.evaluate<boolean>('window.lied === true').catch(() => false)),
    );
    return {
      mode: mode.name,
      grid,
      rateBytesPerSecond,
      run,
      rows,
      originBytes: after.upBytes - before.upBytes,
      assetBytes,
      lies: lied.some(Boolean),
    };
  } finally {
    await Promise.all(opened.map(({ tab }) => tab.close()));
    await tracker?.stop();
  }
}

/** What is wrong with what a page shows, compared byte for byte with the files. */
async function wrong(
  tab: Tab,
  { shown, failed }: Probed,
  assets: readonly Asset[],
): Promise<string | null> {
  if (failed.length > 0) return `not shown: ${failed.join(', ')}`;
  for (const { path, body } of assets) {
    const url = shown[path];
    if (url === undefined) return `not shown: ${path}`;
    const otherwise = `lab.bytes(${JSON.stringify(path)})`;
    const bytes = await tab.shown(url, otherwise).catch((error) => error as Error);
    if (bytes instanceof Error) return `${path} cannot be read back: ${bytes.message}`;
    if (!bytes.equals(body)) {
      const at = bytes.findIndex((byte, index) => byte !== body[index]);
      return `wrong bytes in ${path}: ${bytes.length} of ${body.length}, first at ${at}`;
    }
  }
  return null;
}
