/**
 * Transfers bytes over TCP and times them, to measure a link. Runs as a process of its own, because
 * it has to be inside a namespace.
 *
 * `transfer.ts serve ADDRESS` prints the port it listens on, and serves until it is killed.
 * `transfer.ts up|down ADDRESS PORT BYTES SKIP DEADLINE_MS` prints a {@link Timing}. The first SKIP
 * bytes are not timed: a token bucket lets its burst through, and TCP starts slowly.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** What arrived after the skipped bytes, and how long that took. */
export interface Timing {
  readonly bytes: number;
  readonly ms: number;
}

export interface Task {
  readonly bytes: number;
  readonly skip: number;
  /** After that, what has arrived is the result. */
  readonly deadlineMs: number;
}

function* blocks(bytes: number): Generator<Buffer> {
  const block = Buffer.alloc(64 * 1024);
  for (let left = bytes; left > 0; left -= block.length) yield block.subarray(0, left);
}

async function send(socket: Socket, bytes: number): Promise<void> {
  await pipeline(Readable.from(blocks(bytes)), socket, { end: false });
}

/** Resolves when all has arrived, the other side closed, or time is up. */
function receive(socket: Socket, task: Task): Promise<Timing> {
  return new Promise((resolve) => {
    let total = 0;
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
      if (total >= task.bytes) finish();
    });
    socket.on('close', finish);
  });
}

/** The first line says what the client wants; nothing follows it before an answer. */
async function serve(socket: Socket): Promise<void> {
  const [line] = (await once(socket, 'data')) as [Buffer];
  const [direction, ...numbers] = line.toString().trim().split(' ');
  const [bytes = 0, skip = 0, deadlineMs = 0] = numbers.map(Number);
  if (direction === 'down') return send(socket, bytes);
  const timing = receive(socket, { bytes, skip, deadlineMs });
  socket.write('ready\n');
  socket.end(`${JSON.stringify(await timing)}\n`);
}

async function request(direction: string, socket: Socket, task: Task): Promise<Timing> {
  await once(socket, 'connect');
  socket.write(`${direction} ${task.bytes} ${task.skip} ${task.deadlineMs}\n`);
  if (direction === 'down') return receive(socket, task);
  await once(socket, 'data');
  const answered = once(socket, 'data');
  // Cut short if the other side's time is up.
  send(socket, task.bytes).catch(() => {});
  const [answer] = (await answered) as [Buffer];
  return JSON.parse(answer.toString());
}

if (import.meta.main) {
  const [what, address, port, ...numbers] = process.argv.slice(2) as [string, string, string];
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
    const [bytes = 0, skip = 0, deadlineMs = 0] = (numbers as string[]).map(Number);
    const socket = connect(Number(port), address);
    console.log(JSON.stringify(await request(what, socket, { bytes, skip, deadlineMs })));
    socket.destroy();
  }
}
