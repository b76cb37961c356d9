import type { Clock } from './clock.ts';
import { Link } from './link.ts';
import type { Scenario } from './scenario.ts';
import type { Visitor } from './visitor.ts';

/** Status line and header of an answer: nginx sends about so much, with what browsers ask for. */
export const RESPONSE_HEADER_BYTES = 350;

/** Largest parcel of a body, in bytes: two packets, so that a slow link is shared by many at once. */
const PARCEL_BYTES = 2_896;

/** The client's script, as it comes before the content. */
const SCRIPT_BYTES = 40_000;

/** TCP handshake before a request can be sent where no connection is idle. */
const HANDSHAKE_ROUND_TRIPS = 1;

/** What of the file is asked for; `length` undefined: to the end. In bytes. */
export interface Range {
  readonly offset: number;
  readonly length: number | undefined;
}

const WHOLE: Range = { offset: 0, length: undefined };

export interface RangeHandlers {
  /** The header came; `end` exclusive. `ranged`: not the whole file by a plain request. */
  onHead(end: number, ranged: boolean): void;
  onData(bytes: number): void;
  onEnd(): void;
  /** The range starts past the file's end. */
  onBeyond(): void;
}

/** The origin as one visitor uses it: connections are kept, as HTTP/1.1 does; an abort costs one. */
export class OriginClient {
  readonly #visitor: Visitor;
  readonly #origin: Origin;
  #idleConnections = 0;

  constructor(visitor: Visitor, origin: Origin) {
    this.#visitor = visitor;
    this.#origin = origin;
  }

  /** Asks for a range; the result aborts it. */
  fetch(range: Range, { onEnd, onBeyond, ...handlers }: RangeHandlers): () => void {
    const isKept = this.#idleConnections > 0;
    if (isKept) this.#idleConnections--;
    const ended = (then: () => void) => () => {
      this.#idleConnections++;
      then();
    };
    return this.#origin.fetch(this.#visitor, range, isKept ? 0 : HANDSHAKE_ROUND_TRIPS, {
      ...handlers,
      onEnd: ended(onEnd),
      onBeyond: ended(onBeyond),
    });
  }
}

/** The web server that has the file, behind a link that all share. */
export class Origin {
  /** Bytes that left it, headers included. */
  bytes = 0;
  /** Requests that reached it. */
  requests = 0;
  readonly #scenario: Scenario;
  readonly #clock: Clock;
  readonly #link: Link;

  constructor(scenario: Scenario, clock: Clock) {
    this.#scenario = scenario;
    this.#clock = clock;
    this.#link = new Link(clock, scenario.originBytesPerSecond, scenario.originOverhead);
  }

  /** What the page's script shows of it, which came as one of all that are fetched now; in bytes per ms. */
  get shownRate(): number {
    const { originBytesPerSecond, scriptBytesPerSecond, arrivalMs, peers, rttMs } = this.#scenario;
    // Who come at once fetch it at once.
    const sharers = arrivalMs === 0 ? peers : this.#link.flows + 1;
    const share =
      scriptBytesPerSecond / 1_000 ||
      (originBytesPerSecond || Number.POSITIVE_INFINITY) / 1_000 / sharers;
    // As the client takes it: no faster than in the round trip that its answer took.
    return Math.min(share, SCRIPT_BYTES / Math.max(1, rttMs));
  }

  fetch(
    visitor: Visitor,
    range: Range,
    roundTrips: number,
    { onHead, onData, onEnd, onBeyond }: RangeHandlers,
  ): () => void {
    const flow = {};
    const { bytes: size, rttMs, ranges } = this.#scenario;
    const { offset, length } = ranges ? range : WHOLE;
    let state: 'running' | 'aborted' = 'running';
    const send = (bytes: number, onTaken: () => void) =>
      this.#link.send(flow, bytes, () => {
        this.bytes += bytes;
        this.#clock.after(rttMs / 2, () =>
          visitor.take(flow, bytes, () => {
            visitor.fromOrigin += bytes;
            if (state === 'running') onTaken();
          }),
        );
      });
    let sending = false;
    this.#clock.after((roundTrips + 0.5) * rttMs, () => {
      if (state === 'aborted') return;
      sending = true;
      this.requests++;
      if (offset >= size) return send(RESPONSE_HEADER_BYTES, onBeyond);
      const end = length === undefined ? size : Math.min(offset + length, size);
      send(RESPONSE_HEADER_BYTES, () => onHead(end, offset > 0 || length !== undefined));
      for (let at = offset; at < end; at += PARCEL_BYTES) {
        const bytes = Math.min(PARCEL_BYTES, end - at);
        const isLast = at + bytes === end;
        send(bytes, () => {
          onData(bytes);
          if (isLast && state === 'running') onEnd();
        });
      }
    });
    return () => {
      if (state === 'aborted') return;
      state = 'aborted';
      if (sending) this.#clock.after(rttMs / 2, () => this.#link.drop(flow));
    };
  }
}
