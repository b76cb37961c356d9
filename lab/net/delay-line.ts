/**
 * Holds the packets of links for a while, and loses some, where the kernel has no netem. It runs as
 * a process of its own in a namespace of its own, between the two UDP sockets of each link; socat
 * ties these to the link's two tap devices. See {@link DelayLine} for the side that starts it.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';

export interface LinkOptions {
  readonly link: number;
  /** Each way. */
  readonly delayMs: number;
  /** Each way, 0 to 1. */
  readonly loss: number;
  readonly seed: number;
}

export type Order =
  | ({ readonly order: 'add' } & LinkOptions)
  | { readonly order: 'lose'; readonly link: number; readonly loss: number };

/** UDP ports on the namespace's own loopback; nobody else is there. */
export function ports(link: number, end: 'host' | 'bridge'): { node: number; socat: number } {
  const first = 10_000 + link * 4 + (end === 'host' ? 0 : 2);
  return { node: first, socat: first + 1 };
}

/** Timers have whole milliseconds: a packet may leave this much early, so that none leaves 1 ms late. */
const EARLY_MS = 0.5;
/** Sockets lose datagrams when a burst is longer; the kernel may grant less. */
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;

/** Seeded numbers in [0, 1): xorshift32 (Marsaglia 2003) behind a mixing step. */
function randomNumbers(seed: number): () => number {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** One direction of one link. */
class Pipe {
  loss: number;
  readonly #delayMs: number;
  readonly #random: () => number;
  readonly #send: (packet: Buffer) => void;
  #held: { readonly due: number; readonly packet: Buffer }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LinkOptions, seed: number, send: (packet: Buffer) => void) {
    this.loss = options.loss;
    this.#delayMs = options.delayMs;
    this.#random = randomNumbers(seed);
    this.#send = send;
  }

  put(packet: Buffer): void {
    // Drawn also where nothing is lost: the sequence does not depend on when loss is on.
    if (this.#random() < this.loss) return;
    this.#held.push({ due: performance.now() + this.#delayMs, packet });
    this.#timer ??= setTimeout(() => this.#release(), this.#delayMs);
  }

  #release(): void {
    const now = performance.now();
    const waiting = this.#held.findIndex(({ due }) => due > now + EARLY_MS);
    const ready = waiting === -1 ? this.#held : this.#held.slice(0, waiting);
    this.#held = waiting === -1 ? [] : this.#held.slice(waiting);
    for (const { packet } of ready) this.#send(packet);
    const next = this.#held[0];
    this.#timer = next && setTimeout(() => this.#release(), Math.floor(next.due - now));
  }
}

async function bound(port: number): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  socket.setRecvBufferSize(SOCKET_BUFFER_BYTES);
  socket.setSendBufferSize(SOCKET_BUFFER_BYTES);
  return socket;
}

async function add(options: LinkOptions): Promise<Pipe[]> {
  const atHost = ports(options.link, 'host');
  const atBridge = ports(options.link, 'bridge');
  const host = await bound(atHost.node);
  const bridge = await bound(atBridge.node);
  const up = new Pipe(options, options.seed * 2, (packet) =>
    bridge.send(packet, atBridge.socat, '127.0.0.1'),
  );
  const down = new Pipe(options, options.seed * 2 + 1, (packet) =>
    host.send(packet, atHost.socat, '127.0.0.1'),
  );
  host.on('message', (packet) => up.put(packet));
  bridge.on('message', (packet) => down.put(packet));
  return [up, down];
}

if (import.meta.main) {
  const links = new Map<number, Pipe[]>();
  process.on('message', async (message: Order) => {
    if (message.order === 'add') links.set(message.link, await add(message));
    else for (const pipe of links.get(message.link)!) pipe.loss = message.loss;
    process.send!(message.link);
  });
  process.on('disconnect', () => process.exit());
}
