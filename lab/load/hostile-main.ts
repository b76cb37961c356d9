/** `npm run hostile`: how visitors that behave fare while others attack the tracker. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { seeded } from '../../demo/random.ts';
import { goOnUnread } from '../runner/unread.ts';
import type { Attack } from './attacks.ts';
import { ATTACKS } from './attacks.ts';
import { conditions, start } from './conditions.ts';
import { hostile } from './hostile.ts';
import { checkOut } from './out.ts';
import { pin } from './pin.ts';

const USAGE = `Usage: npm run hostile -- --out FILE [options]

Times introductions of 500 visitors that behave, 200 a second, while others attack the tracker with
sockets that never finish a request, garbage, floods, giant wants, and 5000 connections from one
address. Linux only; everything stays on loopback and ends by itself.

Options:
  --out FILE      where the JSON goes (required)
  --seconds N     how long each attack lasts, 2 to 600 (default 20)
  --seed N        whole number from which all chance comes (default 1)
  --help          print this and exit
`;

/** Longest 99th percentile under any attack. */
const MOST_P99_MS = 100;

const NOTES = [
  'All introductions of visitors that behave were made, under every attack; else nothing is written.',
  'Attackers run in a process of their own, on the processor of the generator, with lower priority.',
  'The tracker has its default limits; only no address of loopback is taken for a proxy.',
];

goOnUnread();
try {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      seconds: { type: 'string', default: '20' },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) process.stdout.write(USAGE);
  else await main(values.out, whole('seconds', values.seconds, 2, 600), values.seed);
} catch (error) {
  console.error(`hostile: ${(error as Error).message}\nTry: npm run hostile -- --help`);
  process.exitCode = 2;
}

async function main(out: string | undefined, seconds: number, seedText: string): Promise<void> {
  if (out === undefined) throw new Error('--out FILE says where the JSON goes, and is required');
  checkOut(out);
  const seed = whole('seed', seedText, 0, 2 ** 32 - 1);
  if (process.platform !== 'linux') throw new Error('memory is read from /proc: Linux only');
  const sizes = { clients: 500, swarmSize: 50, introductionsPerSecond: 200, seconds };
  const started = start();
  const attacks = Object.keys(ATTACKS) as Attack[];
  const fared = await hostile(attacks, sizes, pin()?.trackers, seeded(seed), (of) => {
    const memory = [of.residentBytesBefore, of.residentBytesAfter]
      .map((bytes) => (bytes / 2 ** 20).toFixed(1))
      .join(' to ');
    const cpu = Math.round(of.trackerCpuShare * 100);
    console.error(
      `${of.attack}: p50 ${of.p50Ms.toFixed(2)}, p99 ${of.p99Ms.toFixed(2)}, most ${of.maxMs.toFixed(1)} ms; ${cpu} % of a core; ${memory} MiB; ${JSON.stringify(of.attackers ?? {})}`,
    );
  });
  const packages = { zauberflote: 'tracker/package.json', ws: 'node_modules/ws/package.json' };
  const about = { packages, seed, options: sizes, started, notes: NOTES };
  writeFileSync(
    out,
    `${JSON.stringify({ conditions: conditions(about), hostile: fared }, null, 2)}\n`,
  );
  console.log(`Written to ${out}`);
  const slow = fared.filter(({ p99Ms }) => p99Ms > MOST_P99_MS).map(({ attack }) => attack);
  if (slow.length === 0) return;
  console.error(`hostile: p99 above ${MOST_P99_MS} ms under: ${slow.join(', ')}`);
  process.exitCode = 1;
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new Error(`--${name} takes a whole number from ${least} to ${most}, not '${text}'`);
}
