import type { PeerMessageBody, RefuseReason } from '@zauberflote/proto';
import { Arrivals } from '../connection/arrivals.ts';
import { LOW_WATER_BYTES } from '../connection/open-connection.ts';
import type { Connections } from '../connection/types.ts';
import type { NetworkInformation, Platform } from '../platform.ts';

/** Bytes of a packet: what one connection sends before the next has its turn. */
const PACKET_BYTES = 1_200;

/** What SCTP sends before it has heard that anything came (RFC 9260, section 7.2.1). */
const INITIAL_WINDOW_BYTES = 4_400;

/** Bytes of a fragment's message around its data. */
const HEADER_BYTES = 20;

interface Message {
  readonly requestId: number;
  readonly offset: number;
  readonly data: Uint8Array;
  left: number;
}

interface Line {
  readonly queue: Message[];
  queued: number;
  threshold: number;
  /** What the other side can take, in bytes per ms. */
  rate: number;
  credit: number;
  /** Bytes that left. */
  carried: number;
  /** From a fragment's arrival until it is said, in ms; infinite: a client of the version before. */
  sayMs: number;
  readonly arrivals: Arrivals;
}

/**
 * A visitor's uplink with connections that share it packet by packet, each with a send buffer as a
 * data channel has one, on a clock that the test turns.
 */
export class TestUplink {
  now = 0;
  /** Bytes per ms. */
  rate = 250;
  maxFragment = 65_536;
  /** How often the page finds time for events, in ms, a multiple of 5. */
  wakeMs = 5;
  /** {@link Line.sayMs} of those that come. */
  sayMs = 20;
  /** Most bytes that a connection takes out of its send buffer at once, as SCTP does into its window. */
  windowBytes = 0;
  readonly network = new EventTarget() as NetworkInformation & EventTarget;
  readonly gone = new Set<bigint>();
  /** Every message that was handed over, in order. */
  readonly sent: { peer: bigint; body: PeerMessageBody }[] = [];
  /** Every fragment that arrived, in order. */
  readonly arrived: { peer: bigint; requestId: number; offset: number; data: Uint8Array }[] = [];
  onWritable: () => void = () => {};
  onReceived: (peer: bigint, bytes: number) => void = () => {};
  /** Bytes that left, headers and all. */
  carried = 0;
  /** Most bytes that ever waited. */
  most = 0;
  readonly #lines = new Map<bigint, Line>();
  readonly #timers = new Set<{ at: number; run: () => void }>();
  readonly #words = new Set<{ at: number; peer: bigint; bytes: number }>();
  #credit = 0;
  #isTold = true;

  readonly platform = {
    now: () => this.now,
    setTimer: (ms: number, run: () => void) => {
      const timer = { at: this.now + ms, run };
      this.#timers.add(timer);
      return () => void this.#timers.delete(timer);
    },
    networkInformation: this.network,
  } as unknown as Platform;

  readonly connections = {
    isWritable: (peer: bigint) => this.line(peer).queued < 1_048_576,
    queuedBytes: (peer: bigint) => {
      const { queued, carried } = this.line(peer);
      // It grows by what has come, in slow start, and nothing is ever lost here.
      return Math.max(0, queued - Math.min(this.windowBytes, INITIAL_WINDOW_BYTES + carried));
    },
    maxFragmentBytes: () => this.maxFragment,
    send: (peer: bigint, body: PeerMessageBody) => {
      if (this.gone.has(peer)) return false;
      this.sent.push({ peer, body });
      if (body?.case !== 'fragment') return true;
      const { requestId = 0, offset = 0, data = new Uint8Array() } = body.value;
      const line = this.line(peer);
      const left = data.length + HEADER_BYTES;
      line.queue.push({ requestId, offset, data, left });
      line.queued += left;
      this.#watch(line);
      this.most = Math.max(this.most, this.queued);
      return true;
    },
  } as unknown as Connections;

  line(peer: bigint): Line {
    let line = this.#lines.get(peer);
    if (!line) {
      const counts = { queued: 0, threshold: 0, credit: 0, carried: 0 };
      const rate = Number.POSITIVE_INFINITY;
      line = { queue: [], rate, ...counts, sayMs: this.sayMs, arrivals: new Arrivals() };
      this.#lines.set(peer, line);
    }
    return line;
  }

  get queued(): number {
    return [...this.#lines.values()].reduce((sum, { queued }) => sum + queued, 0);
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Turns the clock in steps of 5 ms; events come between them, as to a page. */
  async run(ms: number, each: () => void = () => {}): Promise<void> {
    for (const end = this.now + ms; this.now < end; ) {
      this.now += 5;
      this.#send(5);
      if (!this.#isTold && this.now % this.wakeMs === 0) {
        this.#isTold = true;
        this.onWritable();
      }
      if (this.now % this.wakeMs === 0)
        for (const word of [...this.#words])
          if (word.at <= this.now && this.#words.delete(word))
            this.onReceived(word.peer, word.bytes);
      for (const timer of [...this.#timers])
        if (timer.at <= this.now && this.#timers.delete(timer)) timer.run();
      each();
      await new Promise(setImmediate);
    }
  }

  /** The bytes that a request has brought, put together. */
  bytes(peer: bigint, requestId: number): Uint8Array {
    const parts = this.arrived.filter((one) => one.peer === peer && one.requestId === requestId);
    const whole = new Uint8Array(parts.reduce((sum, { data }) => sum + data.length, 0));
    for (const { offset, data } of parts) whole.set(data, offset);
    return whole;
  }

  refusals(): [requestId: number | undefined, RefuseReason | undefined][] {
    return this.sent.flatMap(({ body }) =>
      body?.case === 'refuse' ? [[body.value.requestId, body.value.reason]] : [],
    );
  }

  #send(ms: number): void {
    // What an idle line could have sent is lost.
    this.#credit = Math.min(this.#credit, 0) + this.rate * ms;
    for (const line of this.#lines.values())
      line.credit = Math.min(Math.min(line.credit, 0) + line.rate * ms, Number.MAX_SAFE_INTEGER);
    for (let busy = true; busy; ) {
      busy = false;
      for (const [peer, line] of [...this.#lines]) {
        const [message] = line.queue;
        if (!message || line.credit <= 0 || this.#credit <= 0) continue;
        busy = true;
        // Who had its turn goes to the end.
        this.#lines.delete(peer);
        this.#lines.set(peer, line);
        const bytes = Math.min(PACKET_BYTES, message.left);
        message.left -= bytes;
        line.queued -= bytes;
        this.carried += bytes;
        line.carried += bytes;
        line.credit -= bytes;
        this.#credit -= bytes;
        if (message.left > 0) continue;
        line.queue.shift();
        this.arrived.push({ peer, ...message });
        const said = line.arrivals.take(message.data.length);
        if (said) this.#words.add({ at: this.now + line.sayMs, peer, bytes: said });
      }
    }
    for (const line of this.#lines.values()) {
      if (line.threshold < 0 || line.queued > line.threshold) continue;
      this.#watch(line);
      this.#isTold = false;
    }
  }

  /** As `OpenConnection` sets its channel's threshold; an empty queue tells nothing more. */
  #watch(line: Line): void {
    line.threshold = line.queued ? Math.min(LOW_WATER_BYTES, line.queued >> 1) : -1;
  }
}
