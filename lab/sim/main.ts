import { writeFileSync } from 'node:fs';
import { conditions, start } from '../load/conditions.ts';
import { checkOut } from '../load/out.ts';
import { showRate } from '../runner/units.ts';
import { NotAtRest } from './clock.ts';
import { parse, USAGE } from './options.ts';
import type { Distribution, Result } from './simulate.ts';
import { simulate } from './simulate.ts';

main(process.argv.slice(2));

function main(args: readonly string[]): void {
  let command: ReturnType<typeof parse>;
  try {
    command = parse(args);
    if (command.kind !== 'help' && command.out !== undefined) checkOut(command.out);
  } catch (error) {
    return fail(2, `${(error as Error).message}\nTry: npm run sim -- --help`);
  }
  if (command.kind === 'help') {
    process.stdout.write(USAGE);
    return;
  }
  const { scenario, beside, out } = command;
  const started = start();
  const began = performance.now();
  const cpu = process.cpuUsage();
  let simulated: ReturnType<typeof simulate>;
  try {
    simulated = simulate(scenario, beside);
  } catch (error) {
    if (!(error instanceof NotAtRest)) throw error;
    return fail(1, `${error.message}: rates are too low for these bytes, or times too long`);
  }
  const { result, world, engine } = simulated;
  const { user, system } = process.cpuUsage(cpu);
  const cpuMs = (user + system) / 1_000;
  // What differs from run to run is apart from what does not.
  const machine = {
    wallMs: performance.now() - began,
    cpuMs,
    cpuMsPerPeer: cpuMs / (1 + beside) / scenario.peers,
    beside,
    engineMsPerPeer: engine.msPerPeer,
    engineByEvent: Object.fromEntries(world.engineTime.byEvent),
  };
  process.stdout.write(`${show(result, machine)}\n`);
  if (out !== undefined) {
    const written = {
      result,
      machine,
      conditions: conditions({
        packages: { client: 'client/package.json', tracker: 'tracker/package.json' },
        seed: scenario.seed,
        options: { ...scenario, beside },
        started,
        notes:
          beside > 0
            ? [
                `${beside} more such swarms ran in the same process; CPU times of a peer are means over all, engineByEvent is of one`,
              ]
            : [],
      }),
    };
    writeFileSync(out, `${JSON.stringify(written, null, 2)}\n`);
  }
}

function show(
  result: Result,
  machine: {
    readonly wallMs: number;
    readonly cpuMs: number;
    readonly cpuMsPerPeer: number;
    readonly beside: number;
    readonly engineMsPerPeer: number;
  },
): string {
  const { scenario } = result;
  const mib = (bytes: number) => `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
  const rates = [
    scenario.originBytesPerSecond,
    scenario.peerUpBytesPerSecond,
    scenario.peerDownBytesPerSecond,
  ].map(showRate);
  return [
    `${scenario.peers} peers in ${scenario.arrivalMs / 1_000} s, ${scenario.seeders} seeders, ` +
      `${scenario.bytes} bytes, origin ${rates[0]}, peers up ${rates[1]}, down ${rates[2]}, ` +
      `round trip ${scenario.rttMs} ms, churn ${scenario.churn}, seed ${scenario.seed}`,
    `completed        ${result.completed}, failed ${result.failed}, left before ${result.left}`,
    `time             ${distribution(result.timeMs, (ms) => `${(ms / 1_000).toFixed(2)} s`)}`,
    ...(result.waitMs
      ? [`waited           ${distribution(result.waitMs, (ms) => `${(ms / 1_000).toFixed(2)} s`)}`]
      : []),
    ...limits(result),
    `origin           ${result.originCopies.toFixed(3)} copies, ${mib(result.originBytes)} ` +
      `in ${result.originRequests} requests`,
    `peers sent       ${mib(result.peerBytes)}, Gini ${result.uploadsGini.toFixed(3)}; ` +
      `received in vain ${mib(result.wastedBytes)}, lost ${mib(result.lostBytes)}`,
    `engine           ${result.engineEventsPerPeer.toFixed(0)} events and ` +
      `${machine.engineMsPerPeer.toFixed(1)} ms per peer` +
      (machine.beside > 0 ? ` (the mean with ${machine.beside} more such swarms beside it)` : ''),
    `simulated        ${(result.virtualMs / 1_000).toFixed(0)} s in ` +
      `${(machine.wallMs / 1_000).toFixed(1)} s (CPU ${(machine.cpuMs / 1_000).toFixed(1)} s, ` +
      `${machine.cpuMsPerPeer.toFixed(1)} ms per peer)`,
  ].join('\n');
}

/** Each bound by name, with what it counts, as neither is right for every arrival. */
function limits({ scenario, timeMs, left, ...result }: Result): string[] {
  const { fluidLimitMs, fluidLimitPeers, ofFluidLimit, leastMeanMs } = result;
  if (fluidLimitMs === null || timeMs === null) return [];
  const s = (ms: number) => `${(ms / 1_000).toFixed(2)} s`;
  const had = scenario.arrivalMs > 0 ? ', had all come at once' : '';
  const counted = left > 0 ? `, for ${fluidLimitPeers} peers, leavers left out` : '';
  return [
    `of fluid limit   ${distribution(ofFluidLimit, (times) => `${times.toFixed(2)}×`)} ` +
      `of ${s(fluidLimitMs)}${had}${counted}`,
    ...(leastMeanMs === null
      ? []
      : [
          `of least mean    ${(timeMs.mean / leastMeanMs).toFixed(2)}× of ${s(leastMeanMs)}, ` +
            'the bound for peers who come as these did',
        ]),
  ];
}

function distribution(of: Distribution | null, show: (value: number) => string): string {
  if (of === null) return 'none';
  return `mean ${show(of.mean)}, p50 ${show(of.p50)}, p95 ${show(of.p95)}, max ${show(of.max)}`;
}

function fail(exitCode: number, message: string): void {
  console.error(`sim: ${message}`);
  process.exitCode = exitCode;
}
