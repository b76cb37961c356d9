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
  /** How often the file of token keys could not be read again. */
  keyFileFailures = 0;
  /** How often a new certificate could not be used. */
  certificateFailures = 0;
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
