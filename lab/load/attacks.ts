/**
 * What hostile clients do to a tracker, each from the addresses of 127.2.0.0/16, for as long as it is
 * told: started by `hostile.ts` as `node attacks.ts KIND PORT SECONDS`. Prints one line of JSON, what it did.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeSessionRequest, HashAlgorithm, SUBPROTOCOL } from '@zauberflote/proto';
import { LoadSocket } from './socket.ts';

const HOST = '127.0.0.1';

/** Attackers at a time, of those that speak; each from an address of its own. */
const SPEAKERS = 50;
/** Sockets that never finish their request. */
const SLOW_SOCKETS = 900;
/** Connections that one address tries to open. */
const ONE_ADDRESS = 5_000;
/** Most that one attack connects or sends, whatever the tracker lets it. */
const MOST = 200_000;

export interface Done {
  readonly connected: number;
  readonly refused: number;
  readonly sent: number;
}

/** Names of attacks, and what each does until `ended` says so. */
export const ATTACKS = {
  slowloris: (port: number, ended: () => boolean) => slowloris(port, ended),
  garbage: (port: number, ended: () => boolean) => speak(port, ended, garbage),
  floods: (port: number, ended: () => boolean) => speak(port, ended, () => want(1)),
  'giant wants': (port: number, ended: () => boolean) => speak(port, ended, () => want(64)),
  'one address': (port: number, ended: () => boolean) => oneAddress(port, ended),
} as const;

export type Attack = keyof typeof ATTACKS;

/** Sends the head of a request, a letter a second. */
async function slowloris(port: number, ended: () => boolean): Promise<Done> {
  let refused = 0;
  let sent = 0;
  const sockets = new Set<Socket>();
  while (!ended()) {
    while (sockets.size < SLOW_SOCKETS && sent < MOST) {
      const localAddress = `127.2.2.${1 + (sent % 200)}`;
      const socket = connect({ port, host: HOST, localAddress });
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        refused++;
        sockets.delete(socket);
      });
      socket.write('GET / HTTP/1.1\r\nHost: a\r\nX: ');
      sent++;
    }
    for (const socket of sockets) socket.write('x');
    await sleep(1_000);
  }
  const connected = sent;
  for (const socket of sockets) socket.destroy();
  return { connected, refused, sent };
}

/** Connects, and again when it was ended, at least once, and sends as fast as its socket takes it. */
async function speak(port: number, ended: () => boolean, next: () => Uint8Array): Promise<Done> {
  let connected = 0;
  let refused = 0;
  let sent = 0;
  const one = async (_: unknown, nth: number) => {
    // Twice also where the machine is so busy that the time is over before, or nobody is let in for a while.
    for (let times = 0; (times < 2 || !ended()) && connected + refused < MOST; ) {
      try {
        const socket = await openOne(port, `127.2.0.${1 + nth}`);
        connected++;
        times++;
        do {
          // As many as it takes to fill what is between us, then as fast as it is read.
          for (let i = 0; i < 20 && !socket.ended; i++, sent++) socket.send(next());
          await Promise.race([socket.flushed(), sleep(1_000)]);
        } while (!ended() && !socket.ended && sent < MOST);
        socket.destroy();
      } catch {
        refused++;
        await sleep(50);
      }
    }
  };
  await Promise.all(Array.from({ length: SPEAKERS }, one));
  return { connected, refused, sent };
}

async function oneAddress(port: number, ended: () => boolean): Promise<Done> {
  let refused = 0;
  const open: LoadSocket[] = [];
  // In any case more than an address may open, and until it was let in at all.
  const isEnough = (tried: number) => ended() && tried >= 500 && open.length > 0;
  for (let tried = 0; tried < ONE_ADDRESS && !isEnough(tried); tried += 100)
    await Promise.all(
      Array.from({ length: 100 }, async () => {
        try {
          open.push(await openOne(port, '127.2.1.1'));
        } catch {
          refused++;
        }
      }),
    );
  while (!ended()) await sleep(200);
  for (const socket of open) socket.destroy();
  return { connected: open.length, refused, sent: 0 };
}

async function openOne(port: number, localAddress: string): Promise<LoadSocket> {
  const mask = Uint8Array.of(1, 2, 3, 4);
  const { promise, resolve } = Promise.withResolvers<LoadSocket>();
  await LoadSocket.open(
    { port, host: HOST, localAddress, subprotocol: SUBPROTOCOL, mask },
    resolve,
  );
  return promise;
}

let noise = 1;

/** Bytes that mean nothing. */
function garbage(): Uint8Array {
  return Uint8Array.from({ length: 500 }, () => {
    noise = (Math.imul(noise, 1_664_525) + 1_013_904_223) >>> 0;
    return noise >>> 24;
  });
}

/** Asks for as much as one message can, each time for other contents. */
function want(count: number): Uint8Array {
  const contents = Array.from({ length: count }, () => {
    const digest = new Uint8Array(32);
    new DataView(digest.buffer).setUint32(0, noise++);
    return { algorithm: HashAlgorithm.SHA256, digest };
  });
  return encodeSessionRequest({ case: 'want', value: { contents, maxPeers: 64 } });
}

if (import.meta.main) {
  const [kind, port, seconds] = process.argv.slice(2) as [Attack, string, string];
  // Behind whoever measures on the same processor.
  setPriority(10);
  const end = performance.now() + Number(seconds) * 1_000;
  process.once('disconnect', () => process.exit(0));
  const done = await ATTACKS[kind](Number(port), () => performance.now() >= end);
  process.send?.(done);
  if (process.connected) await once(process, 'message');
  process.exit(0);
}
