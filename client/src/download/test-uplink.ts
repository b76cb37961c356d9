import assert from 'node:assert/strict';
import type { PeerMessageBody, RefuseReason } from '@zauberflote/proto';
import { HashAlgorithm } from '@zauberflote/proto';
import { Arrivals } from '../connection/arrivals.ts';
import { LOW_WATER_BYTES } from '../connection/open-connection.ts';
import type { Connections } from '../connection/types.ts';
import type { NetworkInformation, Platform } from '../platform.ts';
import { type Servable, Uploads } from './uploads.ts';

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
  /** Bytes that are in the send buffer, and that have not come. */
  unsent: number;
  left: number;
}

interface Packet {
  readonly line: Line;
  readonly message: Message;
  readonly bytes: number;
}

interface Line {
  readonly peer: bigint;
  /** The send buffer, and bytes in it. */
  readonly queue: Message[];
  queued: number;
  threshold: number;
  /** Bytes that left it and have not come, and packets of them that wait at the other side. */
  underWay: number;
  readonly last: Packet[];
  /** What the other side can take, in bytes per ms. */
  rate: number;
  credit: number;
  /** Bytes that came. */
  carried: number;
  /** From a fragment's arrival until it is said, in ms; infinite: a client of the version before. */
  sayMs: number;
  readonly arrivals: Arrivals;
}

/**
 * A visitor's uplink, on a clock that the test turns. Connections share it packet by packet, each with
 * a send buffer as a data channel has one. What SCTP has taken out of it waits in the queue of a
 * router, first in, first out, and then where the other side is slow.
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
  /** Most bytes that ever waited to leave. */
  most = 0;
  readonly #router: Packet[] = [];
  #inRouter = 0;
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
      this.#fill();
      return this.line(peer).queued;
    },
    maxFragmentBytes: () => this.maxFragment,
    send: (peer: bigint, body: PeerMessageBody) => {
      if (this.gone.has(peer)) return false;
      this.sent.push({ peer, body });
      if (body?.case !== 'fragment') return true;
      const { requestId = 0, offset = 0, data = new Uint8Array() } = body.value;
      const line = this.line(peer);
      const left = data.length + HEADER_BYTES;
      line.queue.push({ requestId, offset, data, unsent: left, left });
      line.queued += left;
      this.#watch(line);
      this.most = Math.max(this.most, this.queued);
      return true;
    },
  } as unknown as Connections;

  line(peer: bigint): Line {
    let line = this.#lines.get(peer);
    if (!line) {
      const counts = { queued: 0, threshold: 0, underWay: 0, credit: 0, carried: 0 };
      const rate = Number.POSITIVE_INFINITY;
      const { sayMs } = this;
      line = { peer, queue: [], last: [], rate, ...counts, sayMs, arrivals: new Arrivals() };
      this.#lines.set(peer, line);
    }
    return line;
  }

  /** Bytes that wait to leave. */
  get queued(): number {
    return [...this.#lines.values()].reduce((sum, { queued }) => sum + queued, this.#inRouter);
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
      this.#fill();
      while (this.#credit > 0 && this.#router.length > 0) {
        const packet = this.#router.shift() as Packet;
        busy = true;
        this.#inRouter -= packet.bytes;
        this.carried += packet.bytes;
        this.#credit -= packet.bytes;
        packet.line.last.push(packet);
        // What comes at once makes room at once.
        if (this.#arrive(packet.line)) this.#fill();
      }
      for (const line of this.#lines.values()) busy = this.#arrive(line) || busy;
    }
    for (const line of this.#lines.values()) {
      if (line.threshold < 0 || line.queued > line.threshold) continue;
      this.#watch(line);
      this.#isTold = false;
    }
  }

  /** Connections in turn, a packet each: as much as SCTP lets them send before it has come. */
  #fill(): void {
    for (let busy = true; busy; ) {
      busy = false;
      for (const [peer, line] of [...this.#lines]) {
        const [message] = line.queue;
        // It grows by what has come, in slow start, and nothing is ever lost here.
        const window = Math.min(this.windowBytes, INITIAL_WINDOW_BYTES + line.carried);
        if (!message || line.underWay >= Math.max(1, window)) continue;
        busy = true;
        // Who had its turn goes to the end.
        this.#lines.delete(peer);
        this.#lines.set(peer, line);
        const bytes = Math.min(PACKET_BYTES, message.unsent);
        message.unsent -= bytes;
        line.queued -= bytes;
        line.underWay += bytes;
        this.#inRouter += bytes;
        this.#router.push({ line, message, bytes });
        if (message.unsent === 0) line.queue.shift();
      }
    }
  }

  /** What the other side takes of what has reached it. @returns whether that is anything */
  #arrive(line: Line): boolean {
    const before = line.carried;
    while (line.credit > 0 && line.last.length > 0) {
      const { message, bytes } = line.last.shift() as Packet;
      line.credit -= bytes;
      line.underWay -= bytes;
      line.carried += bytes;
      message.left -= bytes;
      if (message.left > 0) continue;
      const { peer } = line;
      this.arrived.push({ peer, ...message });
      const said = line.arrivals.take(message.data.length);
      if (said) this.#words.add({ at: this.now + line.sayMs, peer, bytes: said });
    }
    return line.carried > before;
  }

  /** As `OpenConnection` sets its channel's threshold; an empty queue tells nothing more. */
  #watch(line: Line): void {
    line.threshold = line.queued ? Math.min(LOW_WATER_BYTES, line.queued >> 1) : -1;
  }
}

export const CONTENT = { algorithm: HashAlgorithm.SHA1, digest: new Uint8Array(20) };
/** Bytes of a request, if nothing else is said: two usual fragments. */
export const CHUNK = 32_768;
export const FILE = Uint8Array.from(
  { length: (1 << 20) + 512 },
  (_, i) => (i * 7 + (i >> 10)) & 255,
);

export const served: Servable = {
  size: FILE.length,
  read: (offset, length) => FILE.slice(offset, offset + length),
};

/** A page that serves a file by an uplink of so many bytes per ms. */
export function serve(rate: number, servable = served) {
  const line = new TestUplink();
  line.rate = rate;
  const uploads = new Uploads(line.connections, () => servable, line.platform);
  line.onWritable = () => uploads.writable();
  line.onReceived = (peer, bytes) => uploads.received(peer, bytes);
  let last = 0;
  /** Asks for the bytes from `offset`, by default for none that others ask for; the id of the request. */
  const ask = (peer: number, length = CHUNK, offset = last % 512): number => {
    const value = { requestId: ++last, content: CONTENT, offset: BigInt(offset), length };
    assert.ok(uploads.request(BigInt(peer), value));
    return last;
  };
  /** Bytes that arrived at these peers. */
  const got = (...peers: number[]) =>
    line.arrived.reduce(
      (sum, { peer, data }) => sum + (peers.includes(Number(peer)) ? data.length : 0),
      0,
    );
  return { line, uploads, ask, got };
}
