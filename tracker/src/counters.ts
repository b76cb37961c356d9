import { ErrorCode } from '@zauberflote/proto';
import { LIMIT_NAMES } from './limits.ts';

/** What has happened since the start. Plain fields, as some count every message; read on a scrape. */
export class Counters {
  /** Frames from clients, and their bytes. */
  received = 0;
  receivedBytes = 0;
  /** Messages to clients, and their bytes. */
  sent = 0;
  sentBytes = 0;
  /** How often a client was not read from for a while, because it sent too much. */
  holds = 0;
  /** Holders named in replies. */
  named = 0;
  /** Sessions begun, those turned away with OVERLOADED included. */
  sessions = 0;
  /** Sessions ended by the tracker, by ErrorCode. */
  readonly ended = new Map<number, number>();
  /** Requests to upgrade that were refused, by HTTP status. */
  readonly refused = new Map<number, number>();
  /** How often a limit was met: a client was held, refused or ended for it. */
  readonly limits = new Map<string, number>(LIMIT_NAMES.map((name) => [name, 0]));
  /** Tokens refused, by what was wrong. */
  readonly tokens = new Map<string, number>();
  /** Settings of files whose last change was not taken. */
  readonly notTaken = new Set<string>();
  /** Connections closed as there were too many, or no file descriptors for them. */
  dropped = 0;
  /** How often the file of token keys could not be read again. */
  keyFileFailures = 0;
  /** How often a new certificate could not be used. */
  certificateFailures = 0;
  /** How often publications could not be read, or kept. */
  publicationFaults = 0;
  /** Wants for which other nodes were asked, and those that were answered without all of them. */
  inquiries = 0;
  lateInquiries = 0;
  /** Leases of which other nodes were told. */
  forwardedLeases = 0;
  /** Leases that were answered from what is kept here, as who else should could not be found, or was silent. */
  leasesAlone = 0;
  /** Messages to other nodes, those that nobody heard among them, and from them. */
  nodeSent = 0;
  nodeUnheard = 0;
  nodeReceived = 0;
  /** Messages from other nodes that could not be read. */
  nodeMalformed = 0;
}

const ERROR_NAMES = new Map<number, string>(
  Object.entries(ErrorCode).map(([name, code]) => [code, name]),
);

/** Such as `GOING_AWAY`. */
export function errorName(code: number): string {
  return ERROR_NAMES.get(code) ?? String(code);
}

/** Counts one more under `key`. */
export function countIn<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** Tells what was refused and ended since it was last asked. */
export class Tally {
  readonly #counters: Pick<Counters, 'refused' | 'ended'>;
  #refused = new Map<number, number>();
  #ended = new Map<number, number>();

  constructor(counters: Pick<Counters, 'refused' | 'ended'>) {
    this.#counters = counters;
  }

  /** Undefined: nothing. Else requests by HTTP status, and sessions by ErrorCode's name. */
  since(): { refused: Record<string, number>; ended: Record<string, number> } | undefined {
    const refused = more(this.#refused, this.#counters.refused);
    const ended = more(this.#ended, this.#counters.ended);
    if (refused.length + ended.length === 0) return undefined;
    this.#refused = new Map(this.#counters.refused);
    this.#ended = new Map(this.#counters.ended);
    return {
      refused: Object.fromEntries(refused),
      ended: Object.fromEntries(ended.map(([code, count]) => [errorName(code), count])),
    };
  }
}

function more(before: ReadonlyMap<number, number>, now: ReadonlyMap<number, number>) {
  return [...now]
    .map(([key, count]) => [key, count - (before.get(key) ?? 0)] as const)
    .filter(([, count]) => count > 0);
}
