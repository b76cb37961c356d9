import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '../net/types.ts';

/** A port of a host as the driver reaches it. */
export interface Reach {
  /** For Node's http; undefined where plain TCP will do. */
  readonly agent: Agent;
  /** Prefix of a WebSocket address, to be followed by a path. */
  readonly webSocket: string;
  close(): void;
}

/** How long socat may take to start on a busy machine, in ms. */
const PATIENCE_MS = 20_000;

/**
 * Reaches a loopback port of a host. Where the host is a namespace of its own, socat carries the
 * bytes through a Unix socket, which namespaces share: what the driver says to a browser then
 * neither crosses the shaped links nor counts there.
 */
export async function reach(host: Host, port: number, dir: string, name: string): Promise<Reach> {
  if (host.address.startsWith('127.')) {
    const agent = new Agent({ keepAlive: true });
    return { agent, webSocket: `ws://127.0.0.1:${port}`, close: () => agent.destroy() };
  }
  const path = join(dir, `${name}.sock`);
  const relay = host.spawn(
    'socat',
    [`UNIX-LISTEN:${path},fork,unlink-early`, `TCP:127.0.0.1:${port}`],
    {
      stdio: 'ignore',
    },
  );
  const failed = Promise.race([
    once(relay, 'error').then(([error]) => (error as Error).message),
    once(relay, 'exit').then(([code]) => `exit code ${code}`),
  ]).then((cause) => Promise.reject(new Error(`socat on ${host.name} failed: ${cause}`)));
  failed.catch(() => {});
  const waiting = new AbortController();
  await Promise.race([failed, answers(path, waiting.signal)]).finally(() => waiting.abort());
  // Node takes a socketPath for every request of an agent, though its types do not say so.
  const agent = new Agent({ keepAlive: true, socketPath: path } as object);
  return {
    agent,
    webSocket: `ws+unix:${path}:`,
    close() {
      agent.destroy();
      relay.kill();
    },
  };
}

/** The socket is there a moment before anybody listens to it. */
async function answers(path: string, signal: AbortSignal): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !signal.aborted; await sleep(20)) {
    const socket = connect({ path });
    const open = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (open) return;
    if (Date.now() > end) throw new Error(`socat did not open ${path} in ${PATIENCE_MS / 1000} s`);
  }
}
