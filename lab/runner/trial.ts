import { setTimeout as sleep } from 'node:timers/promises';
import type { Tab } from '../browsers/tab.ts';
import type { Visitor } from '../browsers/visitor.ts';
import type { Mode, PageContext } from '../modes/index.ts';
import type { Marks } from '../modes/marks.ts';
import type { Probed } from '../modes/probe.ts';
import { FRAME_BYTES } from '../net/shaping.ts';
import type { Asset } from '../origin/assets.ts';
import type { ResultRow } from '../results.ts';
import { type Break, type Grid, liarsOf, type Scenario, type Trial } from '../scenarios/index.ts';
import { Breaks, tooLate } from './breaks.ts';
import { cpuBetween, cpuNow } from './cpu.ts';
import type { Lab } from './lab.ts';
import { quiet } from './quiet.ts';
import { steady } from './steady.ts';

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
/**
 * Seeders have been there for so long before leechers set out, in ms: by then they have left offers with the tracker, as
 * whoever has a page open for longer than a moment; what else that takes is not in the way either.
 */
export const SEEDED_MS = 3_000;
/** Leechers do not wait longer for a machine that others keep busy, in ms. */
const QUIET_MACHINE_MS = 10_000;
/** For all seeders to have it and be known: they load from an unlimited server. */
const SEEDING_MS = 90_000;
/** The origin has sent all when its counter stands still so long, in ms; looked at for so long at most. */
const QUIET_MS = 200;
const SENDING_MS = 5_000;
/** On slow links it stands still between frames: not for so many of them. */
const QUIET_FRAMES = 4;

interface Opened {
  readonly visitor: Visitor;
  readonly tab: Tab;
}

/** Runs one mode once in one cell: seeders first, then all leechers at one instant. */
export async function runTrial(options: TrialOptions): Promise<Trial> {
  const { lab, scenario, mode, grid, assets, rateBytesPerSecond, run } = options;
  const assetBytes = assets.reduce((sum, { body }) => sum + body.length, 0);
  const planned = mode.undisturbed ? undefined : scenario.breaks;
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
  const context = (assetBase: string, seeds: boolean, liar = false): PageContext => ({
    assets,
    assetBase,
    tracker: lab.trackerUrl,
    iceServers: lab.iceServers,
    liar,
    seeds,
  });
  try {
    // Seeders load from the unlimited server: how they came to have it is not what is measured.
    const seedPage = lab.page('seed.html', await mode.page(context(lab.fastUrl, true)));
    const liarPage = lab.page('liar.html', await mode.page(context(lab.fastUrl, true, true)));
    const loadPage = lab.page(
      'load.html',
      await mode.page(context(mode.unlimited ? lab.fastUrl : lab.originUrl, false)),
    );
    const seeders = mode.seeding
      ? await open(await lab.seeders(grid.seeders, !mode.undisturbed), grid.seeders)
      : [];
    const liars = seeders.slice(0, mode.undisturbed ? 0 : liarsOf(scenario, grid.seeders));
    await Promise.all(
      seeders.map(async ({ tab, visitor }) => {
        const isLiar = liars.some((liar) => liar.tab === tab);
        const end = Date.now() + SEEDING_MS;
        await tab.navigate(lab.fastUrl + (isLiar ? liarPage : seedPage));
        await tab.eventually('lab.done', end, `the page of seeder ${visitor.host.name}`);
        await tab.eventually(String(mode.seeding), end, `seeder ${visitor.host.name} to be known`);
      }),
    );

    const settled = sleep(seeders.length > 0 ? SEEDED_MS : 0);

    const leechers = await open(await lab.leechers(grid.leechers), grid.leechers);
    const breaks = new Breaks(planned ?? [], async ({ what, share = 1 }: Break) => {
      if (what === 'stop origin') {
        const runs = lab.originServer.running;
        await lab.originServer.stop();
        return runs;
      }
      // A mode that has no tracker, or asks no seeders, lacks nothing when they are gone.
      if (what === 'stop tracker') {
        const runs = tracker?.running ?? true;
        await tracker?.stop();
        return runs;
      }
      const dying = seeders.slice(0, Math.ceil(seeders.length * share));
      const living = dying.filter(({ visitor }) => visitor.alive);
      for (const { visitor } of living) visitor.kill();
      return living.length > 0 || mode.seeding === null;
    });
    await settled;
    await breaks.before();
    const quietBefore = await quiet(QUIET_MACHINE_MS);

    const sent = async () => (await lab.origin.counters()).upBytes;
    const sentBefore = await sent();
    const cpuBefore = await cpuNow();
    const start = Date.now() + START_MS + START_MS_EACH * leechers.length;
    const site = options.scriptFrom === 'origin' ? lab.originUrl : lab.fastUrl;
    breaks.from(start);
    const tabs = (of: readonly Opened[]) => of.map(({ tab }) => tab);
    // What goes wrong with it shows: no page gets loaded.
    mode.introduce?.(tabs(seeders), tabs(leechers), start + options.timeoutMs).catch(() => {});
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
    const cpuAfter = await cpuNow();
    const missed = await breaks.end();
    const frames = rateBytesPerSecond && (QUIET_FRAMES * FRAME_BYTES * 1000) / rateBytesPerSecond;
    const sentAfter = await steady(sent, Math.max(QUIET_MS, frames), SENDING_MS + frames);

    const row = {
      ...{ scenario: scenario.name, mode: mode.name, ...grid, rateBytesPerSecond, run },
    };
    const rows: ResultRow[] = [];
    for (const [index, { tab }] of leechers.entries()) {
      const found = probed[index] as Probed | Error;
      const bytes = await tab.evaluate<ResultRow['bytes']>(mode.bytes).catch(() => null);
      const marks = await tab.evaluate<Marks>('lab.marks()').catch((): Marks => ({}));
      const error = found instanceof Error ? found.message : await wrong(tab, found, assets);
      const loadMs = found instanceof Error || error !== null ? null : found.loadMs;
      const firstPeerByteMs = marks.firstByte ?? null;
      const is = { loadMs, bytes, firstPeerByteMs, marks, ok: error === null, error };
      // A load that had ended before was not disturbed.
      const broke = planned?.every(({ at }) => at === 'before' || loadMs === null || loadMs > at);
      const tells = planned && { broke: broke === true && missed.length === 0 };
      rows.push({ ...row, peer: index + 1, ...is, ...tells });
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
      originBytes: sentAfter.value - sentBefore,
      assetBytes,
      lies: lied.some(Boolean),
      missed: missed.length > 0 ? missed : tooLate(planned ?? [], times(rows)),
      originStillSending: !sentAfter.steady,
      busyBefore: !quietBefore,
      cpu: cpuBetween(cpuBefore, cpuAfter, roots({ seeder: seeders, leecher: leechers })),
    };
  } finally {
    await Promise.all(opened.map(({ tab }) => tab.close()));
    await tracker?.stop();
  }
}

const times = (rows: readonly ResultRow[]) => rows.map(({ loadMs }) => loadMs);

/** Who a browser is, by the number of its driver's process. */
function roots(visitors: Readonly<Record<string, readonly Opened[]>>): Map<number, string> {
  return new Map(
    Object.entries(visitors).flatMap(([role, of]) =>
      of.flatMap(({ visitor: { pid } }) => (pid === undefined ? [] : [[pid, role] as const])),
    ),
  );
}

/** What is wrong with what a page shows, compared byte for byte with the files. */
async function wrong(
  tab: Tab,
  { shown, failed }: Probed,
  assets: readonly Asset[],
): Promise<string | null> {
  if (failed.length > 0) return `not shown: ${failed.join(', ')}`;
  for (const { path, body, kind } of assets) {
    const url = shown[path];
    if (url === undefined) return `not shown: ${path}`;
    const otherwise = `lab.bytes(${JSON.stringify(path)})`;
    const read = kind === 'file' || kind === 'film' ? tab.file(path) : tab.shown(url, otherwise);
    const bytes = await read.catch((error) => error as Error);
    if (bytes instanceof Error) return `${path} cannot be read back: ${bytes.message}`;
    if (!bytes.equals(body)) {
      const at = bytes.findIndex((byte, index) => byte !== body[index]);
      return `wrong bytes in ${path}: ${bytes.length} of ${body.length}, first at ${at}`;
    }
  }
  return null;
}
