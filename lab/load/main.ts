import { writeFileSync } from 'node:fs';
import { goOnUnread } from '../runner/unread.ts';
import { conditions, start } from './conditions.ts';
import { parse, USAGE } from './options.ts';
import { checkOut } from './out.ts';
import { pin } from './pin.ts';
import { run } from './run.ts';
import { table } from './table.ts';

const NOTES = [
  'An introduction: a visitor asks for a peer of a swarm, its offer reaches that peer, the answer reaches the visitor. Each offer and answer is compared with what was sent.',
  'Processor time: user and system (in the program, and in the kernel for it), all threads of the tracker process, from /proc, at full load.',
  'Bytes: TCP payload in both directions over all connections that took part, WebSocket framing included; handshakes and the headers of TCP and IP are not.',
  'Memory: resident, after forced garbage collection, over that of the same process when it had served 100 visitors and they had gone; kernel buffers are not in it; beforeCollection: as found. Active: wanted one content, holds it, asked for one introduction.',
  'Both carry the same descriptions, with a mDNS and a server reflexive candidate. bittorrent-tracker runs with WebSocket only and peersCacheLength raised, so that it forgets nobody.',
  'bare-relay: a server on the same sockets (ws) that names holders by chance and passes frames on, without checks, limits or memory of what it did: no tracker on them can be better.',
  'Scaling, peersInOneSwarm: with as many connections each time, in swarms of that size; connections: fewer of them, all in one swarm.',
  'Latency: introductions begun at random times (Poisson), whether or not earlier ones are done, from the ask to the answer.',
];

const PACKAGES = {
  zauberflote: 'tracker/package.json',
  'bittorrent-tracker': 'node_modules/bittorrent-tracker/package.json',
  ws: 'node_modules/ws/package.json',
};

goOnUnread();
await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<void> {
  let command: ReturnType<typeof parse>;
  try {
    command = parse(args);
    if (command.kind !== 'help') checkOut(command.out);
  } catch (error) {
    return fail(2, `${(error as Error).message}\nTry: npm run load -- --help`);
  }
  if (command.kind === 'help') {
    process.stdout.write(USAGE);
    return;
  }
  const { out, seed, quick, sizes } = command;
  if (process.platform !== 'linux')
    return fail(1, 'processor time and memory are read from /proc, which only Linux has');
  const started = start();
  const cores = pin();
  try {
    const { trackers, limits } = await run({
      sizes,
      seed,
      core: cores?.trackers,
      onStep: (what) => console.error(`${new Date().toISOString().slice(11, 19)} ${what}`),
    });
    const pinned = cores
      ? `Trackers on core ${cores.trackers}, the generator on core ${cores.generator}.`
      : 'Not pinned to cores: taskset or a second core is missing.';
    const written = {
      conditions: conditions({
        packages: PACKAGES,
        seed,
        options: { quick, ...sizes },
        started,
        notes: [...NOTES, pinned],
      }),
      trackers,
      limits,
    };
    writeFileSync(out, `${JSON.stringify(written, null, 2)}\n`);
    console.log(`${table({ trackers, limits })}\n\nWritten to ${out}`);
  } catch (error) {
    fail(1, `nothing was written: ${(error as Error).message}`);
  }
}

function fail(exitCode: number, message: string): void {
  console.error(`load: ${message}`);
  process.exitCode = exitCode;
}
