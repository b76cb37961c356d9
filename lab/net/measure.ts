/** Finds out what links really carry. */
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Timing } from './transfer.ts';
import { type LinkMeasurement, MAX_LINK_ERROR } from './types.ts';

const PROGRAM = fileURLToPath(new URL('transfer.ts', import.meta.url));
/** Time enough for 1 % on a link that is busy without a break. */
const SECONDS = 1.8;
/** If the first is off, the median of so many counts: the machine may have been busy. */
const ATTEMPTS = 5;
/** Time for TCP to fill the link, and round trips that doing so may take. */
const SKIP_SECONDS = 0.25;
const SKIP_ROUND_TRIPS = 5;
const MIN_SKIP_BYTES = 8192;
/** Half of what the link's queue holds (shaping.ts): none of it is ever lost. */
const WINDOW_SECONDS = 0.25;
const MIN_WINDOW_BYTES = 48 * 1024;
/** Links so slow are measured side by side, the others one by one: they need the processor. */
const SLOW_BYTES_PER_SECOND = 2_000_000;
/** What two processors time well beside each other, in bytes per second of all links, and in links. */
const AT_A_TIME_BYTES_PER_SECOND = 8_000_000;
const AT_A_TIME = 24;

type Spawn = (command: string, args: readonly string[], options?: SpawnOptions) => ChildProcess;

/** One limited direction of a link. */
export interface Direction {
  readonly host: string;
  readonly direction: 'up' | 'down';
  readonly bytesPerSecond: number;
  readonly rttMs: number;
  /** Starts the client of the transfer. */
  readonly spawn: Spawn;
  /** What the client does. */
  readonly client: 'up' | 'down';
  /** Where it finds the server. */
  readonly server: { readonly host: string; readonly port: number };
  /** What the shaper counts for a byte of payload. */
  readonly bytesPerPayloadByte: number;
}

/** Starts a transfer server. @returns its port */
export async function serveTransfers(
  spawn: Spawn,
  address: string,
): Promise<{ port: number; child: ChildProcess }> {
  const child = spawn(process.execPath, [PROGRAM, 'serve', address], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await Promise.race([
    once(child.stdout!, 'data'),
    once(child, 'exit').then(() => [undefined]),
  ]);
  if (line === undefined) throw new Error(`The measuring server on ${address} did not start`);
  return { port: Number(line.toString()), child };
}

async function timing(link: Direction): Promise<Timing> {
  const rtt = link.rttMs / 1000;
  const payload = link.bytesPerSecond / link.bytesPerPayloadByte;
  const skip = Math.ceil(
    Math.max(MIN_SKIP_BYTES, payload * (SKIP_SECONDS + SKIP_ROUND_TRIPS * rtt)),
  );
  const bytes = skip + Math.ceil(payload * SECONDS);
  const window = Math.ceil(Math.max(MIN_WINDOW_BYTES, payload * WINDOW_SECONDS) + payload * rtt);
  const deadlineMs = Math.ceil((bytes / payload) * 2000 + 1000 + 20 * link.rttMs);
  const numbers = [bytes, skip, window, deadlineMs].map(String);
  const child = link.spawn(
    process.execPath,
    [PROGRAM, link.client, link.server.host, String(link.server.port), ...numbers],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let out = '';
  let err = '';
  child.stdout!.on('data', (data) => {
    out += data;
  });
  child.stderr!.on('data', (data) => {
    err += data;
  });
  // Where nothing gets through at all, not even connecting ends by itself.
  const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs + 10_000);
  await once(child, 'close');
  clearTimeout(timer);
  if (out !== '') return JSON.parse(out);
  throw new Error(
    `Measuring ${link.direction} of ${link.host} failed: ${err.trim() || 'no connection in time'}`,
  );
}

async function measureOne(link: Direction, when: 'before' | 'after'): Promise<LinkMeasurement> {
  const rates: number[] = [];
  const off = (rate: number) => Math.abs(rate / link.bytesPerSecond - 1) > MAX_LINK_ERROR;
  do {
    const { bytes, ms } = await timing(link);
    rates.push(ms > 0 ? (bytes / ms) * 1000 * link.bytesPerPayloadByte : 0);
  } while (off(rates[0]!) && rates.length < ATTEMPTS);
  const measured = rates.sort((a, b) => a - b)[Math.floor(rates.length / 2)]!;
  return {
    host: link.host,
    direction: link.direction,
    when,
    setBytesPerSecond: link.bytesPerSecond,
    measuredBytesPerSecond: Math.round(measured),
    error: measured / link.bytesPerSecond - 1,
  };
}

/** Measures links; both directions of one host never at the same time. In the order given. */
export async function measureAll(
  links: readonly Direction[],
  when: 'before' | 'after',
): Promise<LinkMeasurement[]> {
  const results: LinkMeasurement[] = [];
  const one = async (link: Direction) => {
    results[links.indexOf(link)] = await measureOne(link, when);
  };
  const hosts = [...new Set(links.map((link) => link.host))].map((host) =>
    links.filter((link) => link.host === host),
  );
  const slow = hosts.filter((of) => of.every((l) => l.bytesPerSecond <= SLOW_BYTES_PER_SECOND));
  const fast = hosts.filter((of) => !slow.includes(of)).flat();
  const work = async () => {
    for (let of = slow.shift(); of; of = slow.shift()) for (const link of of) await one(link);
  };
  const fastest = Math.max(1, ...slow.flat().map((link) => link.bytesPerSecond));
  const workers = Math.min(AT_A_TIME, Math.floor(AT_A_TIME_BYTES_PER_SECOND / fastest));
  await Promise.all(Array.from({ length: workers }, work));
  for (const link of fast) await one(link);
  return results;
}
