/** `npm run soak`: a tracker under churn for a while, and its memory. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { seeded } from '../../demo/random.ts';
import { goOnUnread } from '../runner/unread.ts';
import { conditions, start } from './conditions.ts';
import { checkOut } from './out.ts';
import { pin } from './pin.ts';
import type { SoakSizes } from './soak.ts';
import { soak } from './soak.ts';

const USAGE = `Usage: npm run soak -- --out FILE [options]

Keeps a tracker busy with 1000 visitors, of whom 20 leave and 20 come each second, with contents that
come and go, and reads its memory once a minute. Linux only; everything stays on loopback.

Options:
  --out FILE      where the JSON goes (required)
  --minutes N     how long, 6 to 1440 (default 30)
  --seed N        whole number from which all chance comes (default 1)
  --help          print this and exit
`;

/** Growth of memory from minute 5 to the end that is taken for none. */
const MOST_GROWTH = 1.05;

const NOTES = [
  'Memory: resident, after forced garbage collection, while the visitors are connected.',
  'Growth: the last reading over that of minute 5.',
  'An introduction is cut short when one of the two leaves before the answer has come.',
];

goOnUnread();
try {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      minutes: { type: 'string', default: '30' },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) process.stdout.write(USAGE);
  else await main(values.out, whole('minutes', values.minutes, 6, 1_440), values.seed);
} catch (error) {
  console.error(`soak: ${(error as Error).message}\nTry: npm run soak -- --help`);
  process.exitCode = 2;
}

async function main(out: string | undefined, minutes: number, seedText: string): Promise<void> {
  if (out === undefined) throw new Error('--out FILE says where the JSON goes, and is required');
  checkOut(out);
  const seed = whole('seed', seedText, 0, 2 ** 32 - 1);
  if (process.platform !== 'linux') throw new Error('memory is read from /proc: Linux only');
  const sizes: SoakSizes = {
    seconds: minutes * 60,
    clients: 1_000,
    churnPerSecond: 20,
    introductionsPerSecond: 100,
    swarmSize: 50,
    sampleSeconds: 60,
    settledAfterSeconds: 300,
  };
  const started = start();
  const result = await soak(sizes, pin()?.trackers, seeded(seed), (sample) => {
    const { atSeconds, residentBytes, arrivals, introductions } = sample;
    const mib = (residentBytes / 2 ** 20).toFixed(1);
    console.error(
      `minute ${atSeconds / 60}: ${mib} MiB, ${arrivals} visitors came, ${introductions} introductions`,
    );
  });
  const packages = { zauberflote: 'tracker/package.json', ws: 'node_modules/ws/package.json' };
  const about = { packages, seed, options: { ...sizes }, started, notes: NOTES };
  const written = { conditions: conditions(about), soak: result };
  writeFileSync(out, `${JSON.stringify(written, null, 2)}\n`);
  const { growth, introductions, cutShort } = result;
  console.log(
    `memory from minute 5 to the end × ${growth.toFixed(3)}; ${introductions} introductions, ${cutShort} cut short. Written to ${out}`,
  );
  if (growth <= MOST_GROWTH) return;
  console.error(`soak: memory grew by more than ${Math.round((MOST_GROWTH - 1) * 100)} %`);
  process.exitCode = 1;
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new Error(`--${name} takes a whole number from ${least} to ${most}, not '${text}'`);
}
