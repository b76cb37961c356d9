/**
 * Sets the simulation beside the real lab: `node lab/sim/agreement.ts SUMMARY.json` simulates each
 * cell of a bench's mode `zauberflote` and says how far the two are apart.
 */
import { readFileSync } from 'node:fs';
import { FRAME_BYTES, FRAME_PAYLOAD_BYTES } from '../net/shaping.ts';
import type { Cell, Summary } from '../results.ts';
import type { Scenario } from './scenario.ts';
import { simulate } from './simulate.ts';

/** How far the two may be apart, as a share of the real time (issue 3). */
export const TOLERANCE = 0.2;

/**
 * Bytes on the wire for each byte of content over a data channel. Chromium's SCTP fills packets of
 * 1191 bytes with 1163 of payload (common header 12, chunk header 16); around each go DTLS 37
 * (header 13, nonce 8, tag 16), UDP 8, IPv4 20 and Ethernet 14.
 */
const PEER_OVERHEAD = (1191 + 37 + 8 + 20 + 14) / 1163;

/** From the navigation to the client's first step, with an unlimited server: plain HTTP shows the
 * picture after 44 ms (DESIGN section 9, measured). */
const PAGE_MS = 44;

/** TCP handshake, page, script. */
const PAGE_ROUND_TRIPS = 3;

export interface Agreement {
  readonly cell: Cell;
  /** Mean load times. */
  readonly realMs: number;
  readonly simulatedMs: number;
  /** simulatedMs / realMs - 1 */
  readonly error: number;
}

/**
 * The scenario that a cell of a bench was.
 * @throws {Error} saying why, if the simulation does not model it
 */
export function scenarioOf({ verdict, conditions }: Summary, cell: Cell, seed = 1): Scenario {
  const { shaper, options } = conditions;
  const refusal =
    verdict !== 'ok'
      ? `the bench's verdict is '${verdict}'`
      : cell.mode !== 'zauberflote'
        ? `mode ${cell.mode} is not simulated`
        : cell.failed > 0 || cell.meanMs === null
          ? `${cell.failed} of ${cell.loads} loads failed`
          : options.loss !== 0
            ? 'loss is not simulated'
            : options.site !== 'photo' || options.scriptFrom !== 'fast'
              ? 'only a single picture with the script from the fast server is simulated'
              : undefined;
  if (refusal !== undefined) throw new Error(`cannot be compared: ${refusal}`);
  const number = (name: string): number => {
    const value = options[name];
    if (typeof value === 'number') return value;
    throw new Error(`cannot be compared: the summary's conditions have no option '${name}'`);
  };
  const counted = shaper === 'tc';
  return {
    peers: cell.leechers,
    seeders: cell.seeders,
    arrivalMs: 0,
    originBytesPerSecond: cell.rateBytesPerSecond,
    scriptBytesPerSecond: 0,
    ranges: true,
    peerUpBytesPerSecond: number('peerUp'),
    peerDownBytesPerSecond: number('peerDown'),
    rttMs: number('rttMs'),
    churn: 0,
    crash: 0,
    crashAtMs: 0,
    bytes: number('assetBytes'),
    playBytesPerSecond: 0,
    seed,
    originOverhead: counted ? FRAME_BYTES / FRAME_PAYLOAD_BYTES : 1,
    peerOverhead: counted ? PEER_OVERHEAD : 1,
  };
}

/** Simulates a cell of a bench. @throws as {@link scenarioOf} */
export function compare(summary: Summary, cell: Cell): Agreement {
  const scenario = scenarioOf(summary, cell);
  const { timeMs } = simulate(scenario).result;
  if (timeMs === null) throw new Error('nobody completed in the simulation');
  const simulatedMs = timeMs.mean + PAGE_MS + PAGE_ROUND_TRIPS * scenario.rttMs;
  const realMs = cell.meanMs as number;
  return { cell, realMs, simulatedMs, error: simulatedMs / realMs - 1 };
}

/** Reads a summary.json. @throws {Error} for people */
export function readSummary(file: string): Summary {
  try {
    const summary = JSON.parse(readFileSync(file, 'utf8')) as Summary;
    if (!Array.isArray(summary.cells) || !summary.conditions) throw new Error('it has no cells');
    return summary;
  } catch (error) {
    throw new Error(`${file} is not a summary of a bench: ${(error as Error).message}`);
  }
}

function main([file, ...more]: readonly string[]): void {
  if (file === undefined || more.length > 0) throw new Error('give one SUMMARY.json');
  const summary = readSummary(file);
  for (const cell of summary.cells.filter(({ mode }) => mode === 'zauberflote')) {
    const name = `S=${cell.seeders} L=${cell.leechers} ${cell.rateBytesPerSecond} B/s`;
    try {
      const { realMs, simulatedMs, error } = compare(summary, cell);
      const agrees = Math.abs(error) <= TOLERANCE;
      const ms = `real ${realMs.toFixed(0)} ms, simulated ${simulatedMs.toFixed(0)} ms`;
      const apart = `${(error * 100).toFixed(1)} %, ${agrees ? 'agrees' : 'DIFFERS'}`;
      console.log(`${name}: ${ms}, ${apart}`);
      if (!agrees) process.exitCode = 1;
    } catch (error) {
      console.log(`${name}: ${(error as Error).message}`);
    }
  }
}

if (import.meta.main) {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    console.error(`agreement: ${(error as Error).message}`);
    process.exitCode = 2;
  }
}
