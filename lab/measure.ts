/** `npm run measure`: everything that docs/results.md tells of, the most important first. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkScripts } from './origin/scripts.ts';
import type { Summary } from './results.ts';
import { parseList, showTime } from './runner/units.ts';
import { goOnUnread } from './runner/unread.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const RESULTS = join(ROOT, 'lab', 'results');
/** For one that is ended at the deadline to clean up after itself, in ms. */
const CLEANING_MS = 60_000;

/** One folder of `lab/results`. */
interface Measurement {
  readonly name: string;
  /** Of lab/bench.ts. */
  readonly bench?: string;
  /** Of another program, whose output file is the last of these. */
  readonly other?: readonly string[];
  /** In minutes, on two cores, with the runs given here. */
  readonly minutes: number;
}

const FLASH = 'flash --seeders 0 --leechers 10';
const PAIR = 'zauberflote,webtorrent-rarest';

/** In order of importance: what a deadline cuts off is the least. */
export const MEASUREMENTS: readonly Measurement[] = [
  { name: 'size', other: ['scripts/size.ts', 'size.json'], minutes: 0.1 },
  { name: 'flash', bench: `${FLASH} --rate 64KB --modes ${PAIR} --runs 3`, minutes: 4 },
  {
    name: 'lone',
    bench: 'lone --rate 64KB --modes http,zauberflote --script-from origin --runs 5',
    minutes: 3,
  },
  { name: 'lone-unlimited', bench: 'lone --rate 0 --modes http,zauberflote --runs 20', minutes: 3 },
  {
    name: 'fig3-64KB',
    bench: 'fig3 --n 1,5,10 --rate 64KB --modes http,zauberflote,webtorrent --runs 3',
    minutes: 14,
  },
  { name: 'fig3', bench: 'fig3 --n 1,2,5,10 --rate 512KB --runs 3', minutes: 9 },
  { name: 'fig2', bench: 'fig2 --rate 512KB --runs 2', minutes: 16 },
  {
    name: 'flash-limited-peers',
    bench: `${FLASH} --rate 512KB --peer-up 250KB --peer-down 1MB --modes ${PAIR} --runs 3`,
    minutes: 4,
  },
  {
    name: 'flash-script',
    bench: `${FLASH} --rate 64KB --modes zauberflote --script-from origin --runs 3`,
    minutes: 3,
  },
  {
    name: 'slow-uplinks',
    bench:
      'flash --seeders 1 --leechers 1,3 --rate 16KB --peer-up 125KB --modes zauberflote,webtorrent --runs 3',
    minutes: 5,
  },
  {
    name: 'slow-seeder',
    bench:
      'flash --seeders 1 --leechers 1 --rate 64KB,1MB --peer-up 32KB --modes http,zauberflote --runs 3',
    minutes: 5,
  },
  {
    name: 'healthy-origin',
    bench:
      'flash --seeders 0,1 --leechers 5 --rate 10MB --peer-up 125KB --peer-down 1MB --rtt 20ms --script-from origin --modes http,zauberflote --runs 5',
    minutes: 5,
  },
  {
    name: 'one-seeder',
    bench:
      'flash --seeders 1 --leechers 10 --rate 64KB --peer-up 250KB --peer-down 1MB --modes zauberflote,webtorrent-rarest --runs 3',
    minutes: 5,
  },
  { name: 'two-trackers', bench: 'two-trackers --runs 3', minutes: 5 },
  { name: 'bulk', bench: 'bulk --runs 5', minutes: 4 },
  { name: 'first-byte', bench: 'first-byte --runs 10', minutes: 3 },
  { name: 'churn', bench: 'churn --seeders 10 --leechers 10 --runs 3', minutes: 6 },
  { name: 'poison', bench: 'poison --seeders 10 --leechers 10 --runs 3', minutes: 5 },
  { name: 'slow-peer', bench: 'slow-peer --seeders 4 --leechers 4 --runs 3', minutes: 3 },
  { name: 'origin-down', bench: 'origin-down --seeders 4 --leechers 4 --runs 3', minutes: 3 },
  { name: 'tracker-down', bench: 'tracker-down --seeders 2 --leechers 4 --runs 3', minutes: 3 },
  {
    name: 'rangeless',
    bench:
      'rangeless --leechers 10 --modes http,zauberflote --peer-up 250KB --peer-down 1MB --runs 2',
    minutes: 6,
  },
  { name: 'nat', bench: 'nat --seeders 2 --leechers 2 --runs 3', minutes: 2 },
  { name: 'site', bench: 'site --seeders 2 --leechers 1,5 --runs 3', minutes: 3 },
  {
    name: 'media',
    bench: 'media --leechers 1,10 --rate 512KB --modes http,zauberflote,webtorrent --runs 3',
    minutes: 8,
  },
  { name: 'load', other: ['lab/load/main.ts', '--out', 'load.json'], minutes: 4 },
  { name: 'hostile', other: ['lab/load/hostile-main.ts', '--out', 'hostile.json'], minutes: 3 },
  { name: 'sim', other: ['lab/sim/main.ts', '--out', 'sim.json'], minutes: 1 },
  {
    name: 'sim-beside',
    other: ['lab/sim/main.ts', '--beside', '9', '--out', 'sim.json'],
    minutes: 2,
  },
  {
    name: 'sim-10000',
    other: ['lab/sim/main.ts', '--peers', '10000', '--out', 'sim.json'],
    minutes: 10,
  },
  { name: 'soak', other: ['lab/load/soak-main.ts', '--out', 'soak.json'], minutes: 32 },
];

const USAGE = `Usage: npm run measure -- [options]

Runs what docs/results.md tells of, in order of importance, and puts each result into lab/results
when it is done, in the place of the one before: ended early, nothing that was finished is lost, and
what could not be measured leaves the one before as it is. Then it writes docs/results.md.
As root on Linux, on a machine with nothing else to do, after npm run build.

Options:
  --runs N         of every mode in every cell, instead of what each declares
  --minutes N      ends after so long; what is then under way is not kept
  --only LIST      only these, parted by commas
  --from NAME      leaves out those before this one
  --dry-run        prints the commands; DIR is a folder of its own for each
  --help           print this and exit

${MEASUREMENTS.map(({ name, bench, other, minutes }) => `  ${name.padEnd(20)} ~${minutes} min  ${bench ?? other?.slice(0, -1).join(' ')}`).join('\n')}
`;

interface Options {
  readonly chosen: readonly Measurement[];
  readonly runs: string | undefined;
  readonly minutes: number;
  readonly dryRun: boolean;
}

/** @throws {Error} naming the option that is wrong */
export function parse(args: readonly string[]): Options | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: 'string' },
      minutes: { type: 'string' },
      only: { type: 'string' },
      from: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const names = MEASUREMENTS.map(({ name }) => name);
  const only = values.only === undefined ? undefined : parseList(values.only, (name) => name);
  const unknown = [...(only ?? []), values.from ?? 'size'].find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new Error(`no measurement is called '${unknown}'; there are ${names.join(', ')}`);
  if (values.runs !== undefined && !/^[1-9]\d{0,2}$/.test(values.runs))
    throw new Error(`--runs takes a number from 1 to 999, not '${values.runs}'`);
  const minutes = Number(values.minutes ?? Number.POSITIVE_INFINITY);
  if (!(minutes > 0)) throw new Error(`--minutes takes a number above 0, not '${values.minutes}'`);
  const from = values.from === undefined ? 0 : names.indexOf(values.from);
  const chosen = MEASUREMENTS.slice(from).filter(({ name }) => only?.includes(name) ?? true);
  if (chosen.length === 0)
    throw new Error(`none of --only ${values.only} comes after --from ${values.from}`);
  return { chosen, runs: values.runs, minutes, dryRun: values['dry-run'] };
}

/** Arguments of node. @param out folder for the result */
export function commandOf(
  { bench, other = [] }: Measurement,
  runs: string | undefined,
  out: string,
) {
  if (bench === undefined)
    // A program without --out prints its result.
    return other.includes('--out')
      ? [...other.slice(0, -1), join(out, other.at(-1)!)]
      : other.slice(0, -1);
  const words = bench.split(' ');
  if (runs !== undefined) words[words.indexOf('--runs') + 1] = runs;
  return ['lab/bench.ts', ...words, '--shaper', 'tc', '--out', out];
}

/** Signals of which the one under way knows nothing: it would go on by itself. */
const TOLD_ALONE = ['SIGTERM', 'SIGHUP'] as const;

/** Puts what is committed of a result in the place of the one before, which stays until all of it is there. */
export function keep(out: string, place: string): void {
  const next = `${place}.new`;
  rmSync(next, { recursive: true, force: true });
  mkdirSync(next, { recursive: true });
  const copy = (kind: RegExp, folder = '') => {
    for (const file of readdirSync(join(out, folder)).filter((name) => kind.test(name)))
      cpSync(join(out, folder, file), join(next, folder, file));
  };
  copy(/\.jsonl?$/);
  if (existsSync(join(out, 'figures'))) copy(/\.svg$/, 'figures');
  rmSync(place, { recursive: true, force: true });
  renameSync(next, place);
}

/** @returns why what a bench measured is not to take the place of what there is, if so */
export function unfitToKeep({
  verdict,
  why,
  cells,
}: Pick<Summary, 'verdict' | 'why' | 'cells'>): string | undefined {
  const early = why.find((line) => line.startsWith('ended early'));
  if (early !== undefined) return early;
  if (verdict === 'void' || verdict === 'unsupported') return `${verdict}: ${why[0]}`;
  return cells.length === 0 ? 'nothing was measured' : undefined;
}

/** @returns why it is not to be kept, if so */
async function measure(one: Measurement, runs: string | undefined, out: string, end: number) {
  const printed = one.other && !one.other.includes('--out');
  const child = spawn(process.execPath, commandOf(one, runs, out), {
    cwd: ROOT,
    stdio: ['ignore', printed ? 'pipe' : 'inherit', 'inherit'],
  });
  let said = '';
  child.stdout?.on('data', (data) => (said += data));
  const late = setTimeout(() => child.kill('SIGINT'), Math.min(end - Date.now(), 2 ** 31 - 1));
  const dead = setTimeout(
    () => child.kill('SIGKILL'),
    Math.min(end - Date.now() + CLEANING_MS, 2 ** 31 - 1),
  );
  const stop = () => child.kill('SIGTERM');
  for (const name of TOLD_ALONE) process.on(name, stop);
  const [code, signal] = await once(child, 'exit').finally(() => {
    clearTimeout(late);
    clearTimeout(dead);
    for (const name of TOLD_ALONE) process.off(name, stop);
  });
  if (Date.now() >= end) return 'the time was over';
  if (printed) writeFileSync(join(out, one.other!.at(-1)!), said);
  if (one.bench === undefined) return code === 0 ? undefined : `it ended with ${signal ?? code}`;
  try {
    return unfitToKeep(JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')));
  } catch {
    return `it ended with ${signal ?? `code ${code}`}`;
  }
}

async function main(args: readonly string[]): Promise<number> {
  let options: Options | 'help';
  try {
    options = parse(args);
    if (options !== 'help' && !options.dryRun) checkScripts();
  } catch (error) {
    console.error(`measure: ${(error as Error).message}\nTry: npm run measure -- --help`);
    return 2;
  }
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  const { chosen, runs, minutes, dryRun } = options;
  const start = Date.now();
  const end = start + minutes * 60_000;
  const kept: string[] = [];
  const lost: string[] = [];
  let ended = false;
  // The one under way gets the terminal's Ctrl-C itself; what is done is told all the same.
  for (const name of ['SIGINT', ...TOLD_ALONE] as const) process.on(name, () => (ended = true));
  for (const one of chosen) {
    if (dryRun) {
      console.log(`node ${commandOf(one, runs, 'DIR').join(' ')}`);
      continue;
    }
    if (ended || Date.now() >= end) break;
    console.log(`\n${showTime(Date.now() - start)}  ${one.name}, about ${one.minutes} min`);
    const dir = mkdtempSync(join(tmpdir(), 'zf-measure-'));
    const why = await measure(one, runs, dir, end);
    if (why === undefined) {
      keep(dir, join(RESULTS, one.name));
      kept.push(one.name);
      rmSync(dir, { recursive: true, force: true });
    } else lost.push(`${one.name} (${why}; what there is of it is in ${dir})`);
  }
  if (dryRun) return 0;
  if (kept.length > 0) await import('./report/results.ts');
  console.log(`\nkept: ${kept.join(', ') || 'nothing'}`);
  if (lost.length > 0) console.log(`not kept: ${lost.join(', ')}`);
  const rest = chosen.slice(kept.length + lost.length).map(({ name }) => name);
  if (rest.length > 0) console.log(`not begun: ${rest.join(', ')}`);
  return lost.length + rest.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  goOnUnread();
  process.exitCode = await main(process.argv.slice(2));
}
