/** What tc is told, and how its counters are read. */
import type { HostOptions } from './types.ts';

/** Largest Ethernet frame: 1 500 bytes and its header of 14. What htb counts. */
export const FRAME_BYTES = 1514;
/** TCP payload of such a frame: less IPv4 header (20), TCP header (20) and timestamps (12). */
export const FRAME_PAYLOAD_BYTES = 1448;

/** For `ip link`: no segments above a frame, which would pass a shaper and a counter in one piece. */
export const FRAMES = 'gso_max_segs 1';

/** "As fast as the machine": far above what one processor moves frame by frame (about 500 MB/s). */
const UNLIMITED_BYTES_PER_SECOND = 4e9;
/**
 * htb works to the nanosecond, but wakes late on a busy machine: what it may then catch up with. It
 * is also what passes at once at the start, so it is less than a frame on slow links (htb lets a
 * frame go as soon as it has any tokens): with a frame of 1 514 bytes, 32 KiB at 64 KiB/s were
 * 5.5 % too fast.
 */
const BURST_SECONDS = 0.01;
/** Queue before a limited link, in time: what routers of home lines have (Gettys 2011 found more). */
const QUEUE_SECONDS = 0.5;
/** Less than this, and ten TCP connections cannot even keep their first windows in it. */
const MIN_QUEUE_BYTES = 96 * 1024;

const COUNTED = '1:10';
const DRIVER = '1:20';

/** What delays and loses packets on one direction of a link, by netem. */
export interface Impairment {
  readonly delayMs: number;
  /** 0 to 1. */
  readonly loss: number;
}

function burstBytes(rate: number): number {
  return Math.ceil(rate * BURST_SECONDS);
}

function queueBytes(rate: number): number {
  return Math.max(MIN_QUEUE_BYTES, Math.ceil(rate * QUEUE_SECONDS));
}

/** Arguments of netem. @param rate of the link: netem's queue is the link's queue too */
export function netem({ delayMs, loss }: Impairment, rate: number | undefined): string {
  const bytes = queueBytes(rate ?? 0) + ((rate ?? 1e8) * delayMs) / 1000;
  const limit = Math.ceil(bytes / 512);
  return `netem limit ${limit} delay ${delayMs}ms loss ${+(loss * 100).toFixed(4)}%`;
}

/**
 * Lines for tc that shape and count what leaves a device.
 * @param rate bytes per second, undefined for as fast as the machine
 * @param driver matched against the `side` of each packet: this traffic passes beside
 */
export function shape(
  device: string,
  rate: number | undefined,
  side: 'src' | 'dst',
  driver: string,
  impairment?: Impairment,
): string[] {
  const of = (bytesPerSecond: number) =>
    `htb rate ${bytesPerSecond}bps ceil ${bytesPerSecond}bps ` +
    `burst ${burstBytes(bytesPerSecond)}b cburst ${burstBytes(bytesPerSecond)}b ` +
    `quantum ${FRAME_BYTES}`;
  const leaf = impairment
    ? netem(impairment, rate)
    : rate === undefined
      ? 'pfifo limit 1000'
      : `bfifo limit ${queueBytes(rate)}b`;
  return [
    `qdisc add dev ${device} root handle 1: htb default 10`,
    `class add dev ${device} parent 1: classid ${COUNTED} ${of(rate ?? UNLIMITED_BYTES_PER_SECOND)}`,
    `qdisc add dev ${device} parent ${COUNTED} handle 10: ${leaf}`,
    `class add dev ${device} parent 1: classid ${DRIVER} ${of(UNLIMITED_BYTES_PER_SECOND)}`,
    `qdisc add dev ${device} parent ${DRIVER} handle 20: pfifo limit 1000`,
    `filter add dev ${device} parent 1: protocol ip prio 1 u32 match ip ${side} ${driver}/32 flowid ${DRIVER}`,
  ];
}

/** Line for tc that changes what {@link shape} set. */
export function impair(device: string, impairment: Impairment, rate: number | undefined): string {
  return `qdisc change dev ${device} parent ${COUNTED} handle 10: ${netem(impairment, rate)}`;
}

/** Bytes that left a shaped device, of `tc -s class show`. @throws {Error} if it does not say */
export function sentBytes(text: string): number {
  const match = text.match(new RegExp(`class htb ${COUNTED} [^\\n]*\\n\\s*Sent (\\d+) bytes`));
  if (!match) throw new Error(`tc shows no counter of class ${COUNTED}:\n${text}`);
  return Number(match[1]);
}

/** @throws {Error} naming the limit that makes no sense */
export function checkOptions(name: string, options: HostOptions): void {
  if (!/^[a-z0-9][a-z0-9-]{0,40}$/i.test(name))
    throw new Error(`"${name}" cannot be a host's name: letters, digits and hyphens, at most 41`);
  const check = (what: string, value: number | undefined, least: number, most: number) => {
    if (value !== undefined && !(value >= least && value <= most))
      throw new Error(`host ${name}: ${what} is ${value}, it must be from ${least} to ${most}`);
  };
  // Below one frame in about three seconds no transfer can be measured; above, tc is not the limit.
  check('upBytesPerSecond', options.upBytesPerSecond, 512, 1e9);
  check('downBytesPerSecond', options.downBytesPerSecond, 512, 1e9);
  check('rttMs', options.rttMs, 0, 10_000);
  check('loss', options.loss, 0, 1);
}
