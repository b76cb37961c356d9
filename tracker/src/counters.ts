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
  /** Sessions begun, those turned away with OVERLOADED included. */
  sessions = 0;
  /** Sessions ended by the tracker, by ErrorCode. */
  readonly ended = new Map<number, number>();
  /** Requests to upgrade that were refused, by HTTP status. */
  readonly refused = new Map<number, number>();
}

/** Counts one more under `key`. */
export function countIn(counts: Map<number, number>, key: number): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
