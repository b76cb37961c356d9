import type { ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '../net/types.ts';

/** How long a server may take to take connections on a busy machine, in ms. */
const PATIENCE_MS = 20_000;

/**
 * Resolves when a port of a host takes connections.
 * @param what for the message
 * @throws {Error} when its process ends before, or it takes too long
 */
export async function listening(
  host: Host,
  port: number,
  child: ChildProcess,
  what: string,
): Promise<void> {
  let ended: string | undefined;
  child.once('exit', (code, signal) => (ended = `ended with ${signal ?? `code ${code}`}`));
  child.once('error', (error) => (ended = error.message));
  for (const end = Date.now() + PATIENCE_MS; ; await sleep(30)) {
    if (ended) throw new Error(`${what} did not start: ${ended}`);
    if (await accepts(host.address, port)) return;
    if (Date.now() > end) throw new Error(`${what} took no connection in ${PATIENCE_MS / 1000} s`);
  }
}

function accepts(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: 1_000 });
    const answer = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
    socket.once('timeout', () => answer(false));
  });
}
