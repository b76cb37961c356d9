/**
 * Transfers bytes over TCP and times them, to measure a link. Runs as a process of its own, because
 * it has to be inside a namespace.
 *
 * `transfer.ts serve ADDRESS` prints the port it listens on, and serves until it is killed.
 * `transfer.ts up|down ADDRESS PORT BYTES SKIP WINDOW DEADLINE_MS` prints a {@link Timing}. The first
 * SKIP bytes are not timed: a token bucket lets its burst through, and TCP starts slowly.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { run } from './command.ts';
import { FRAME_PAYLOAD_BYTES } from './shaping.ts';

/** What arrived after the skipped bytes, and how long that took. */
export interface Timing {
  readonly bytes: number;
  readonly ms: number;
}

export interface Task {
  readonly bytes: number;
  readonly skip: number;
  /** Bytes on their way at most. */
  readonly window: number;
  /** After that, what has arrived is the result. */
  readonly deadlineMs: number;
}

/** The receiver acknowledges so many bytes by a dot. Whole frames: half-full ones cost headers. */
const ACKNOWLEDGED_BYTES = 4 * FRAME_PAYLOAD_BYTES;
const DOT = '.'.charCodeAt(0);
const BLOCK = Buffer.alloc(ACKNOWLEDGED_BYTES);

/**
 * Sends with no more than a window on its way. TCP alone would fill the link's queue until it loses
 * packets, and then leave the link idle at times, or deliver late what it had long carried.
 */
function send(socket: Socket, { bytes, window }: Task): void {
  let sent = 0;
  let acknowledged = 0;
  const fill = () => {
    while (sent < bytes && sent - acknowledged < window) {
      const block = BLOCK.subarray(0, bytes - sent);
      socket.write(block);
      sent += block.length;
    }
  };
  socket.on('data', (data: Buffer) => {
    for (const byte of data) if (byte === DOT) acknowledged += ACKNOWLEDGED_BYTES;
    fill();
  });
  fill();
}

/** Resolves when all has arrived, the other side closed, or time is up. */
function receive(socket: Socket, task: Task): Promise<Timing> {
  return new Promise((resolve) => {
    let total = 0;
    let acknowledged = 0;
    let from: { bytes: number; at: number } | undefined;
    let last = 0;
    const finish = () => {
      clearTimeout(timer);
      resolve(from ? { bytes: total - from.bytes, ms: last - from.at } : { bytes: 0, ms: 0 });
    };
    const timer = setTimeout(finish, task.deadlineMs);
    socket.on('data', (data: Buffer) => {
      total += data.length;
      last = performance.now();
      if (!from && total >= task.skip) from = { bytes: total, at: last };
      const due = Math.floor(total / ACKNOWLEDGED_BYTES);
      socket.write('.'.repeat(due - acknowledged));
      acknowledged = due;
      if (total >= task.bytes) finish();
    });
    socket.on('close', finish);
  });
}

function taskOf([bytes = 0, skip = 0, window = 0, deadlineMs = 0]: readonly number[]): Task {
  return { bytes, skip, window, deadlineMs };
}

/** The first line says what the client wants; nothing follows it before an answer. */
async function serve(socket: Socket): Promise<void> {
  const [line] = (await once(socket, 'data')) as [Buffer];
  const [direction, ...numbers] = line.toString().trim().split(' ');
  const task = taskOf(numbers.map(Number));
  if (direction === 'down') return send(socket, task);
  const timing = receive(socket, task);
  socket.write('ready\n');
  socket.end(`${JSON.stringify(await timing)}\n`);
}

async function request(direction: string, socket: Socket, numbers: string[]): Promise<Timing> {
  const task = taskOf(numbers.map(Number));
  await once(socket, 'connect');
  socket.write(`${[direction, ...numbers].join(' ')}\n`);
  if (direction === 'down') return receive(socket, task);
  await once(socket, 'data');
  let said = '';
  socket.on('data', (data) => {
    said += data;
  });
  send(socket, task);
  await once(socket, 'end');
  // After the acknowledgements.
  return JSON.parse(said.slice(said.indexOf('{')));
}

if (import.meta.main) {
  const [what, address, port, ...numbers] = process.argv.slice(2) as [string, string, ...string[]];
  // Only now: many that start urgently would keep the kernel from its shaping. Without the right to
  // it, the clock depends a little more on what else runs.
  await run('chrt', ['--rr', '--all-tasks', '--pid', '1', `${process.pid}`]).catch(() => {});
  if (what === 'serve') {
    const server = createServer((socket) => {
      // A client that goes away has what it wanted.
      socket.on('error', () => {});
      serve(socket).catch(() => socket.destroy());
    });
    server.listen(0, address);
    await once(server, 'listening');
    console.log((server.address() as AddressInfo).port);
  } else {
    const socket = connect(Number(port), address);
    console.log(JSON.stringify(await request(what, socket, numbers)));
    socket.destroy();
  }
}
