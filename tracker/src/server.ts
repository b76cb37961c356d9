import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ErrorCode, MAX_SESSION_MESSAGE_BYTES } from '@zauberflote/proto';
import { Admission } from './admission.ts';
import type { Config } from './config/settings.ts';
import { DEFAULTS } from './config/settings.ts';
import { Heartbeat } from './heartbeat.ts';
import { answer, checkUpgrade, firstFrames, refuseUpgrade } from './http.ts';
import * as limits from './limits.ts';
import { secureRandom } from './random.ts';
import type { RegistryStats } from './registry/registry.ts';
import { Registry } from './registry/registry.ts';
import type { Socket } from './sessions.ts';
import { isCongested, Sessions } from './sessions.ts';
import type { SessionSocket } from './websocket.ts';
import { webSocketServer } from './websocket.ts';

/** Any of the settings of `config/settings.ts`, with their defaults. */
export interface TrackerOptions extends Partial<Config> {
  /** Pause between pings, and time to answer one, in milliseconds. @default HEARTBEAT_MS */
  readonly heartbeatMs?: number;
  /** Longest that the head of a request may take, in milliseconds. @default HEADERS_TIMEOUT_MS */
  readonly headersTimeoutMs?: number;
}

export interface RunningTracker {
  /** The port it listens on. */
  readonly port: number;
  /** Where clients on this machine connect to, such as `ws://localhost:8080/`. */
  readonly url: string;
  /** Counts what the registry keeps; takes time for every peer. */
  stats(): RegistryStats;
  /**
   * Stops: no new connections, GOING_AWAY to every client, and an end to those that do not go
   * within STOP_TIMEOUT_MS. Settles when nothing is left; calling it again waits for the same.
   */
  close(): Promise<void>;
}

/**
 * Starts a tracker: WebSocket endpoint at `/`, health check at `/healthz`.
 * @throws {NodeJS.ErrnoException} if it cannot listen: EADDRINUSE, EACCES, EADDRNOTAVAIL, ENOTFOUND.
 */
export async function startTracker({
  heartbeatMs = limits.HEARTBEAT_MS,
  headersTimeoutMs = limits.HEADERS_TIMEOUT_MS,
  ...options
}: TrackerOptions = {}): Promise<RunningTracker> {
  const config: Config = { ...DEFAULTS, ...options };
  const { port, host, maxPeers } = config;
  const registry = new Registry<Socket>({ isCongested, maxPeers });
  const sessions = new Sessions({
    registry,
    rates: config,
    now: () => performance.now(),
    random: secureRandom,
    onFault: (error) => console.error('A session was ended by a fault of the tracker:', error),
  });
  const sockets = webSocketServer();
  const admission = new Admission(config);
  // The one that is dead cannot read why, but one that merely never answers pings can.
  const heartbeat = new Heartbeat<SessionSocket>(
    heartbeatMs,
    (socket) => sessions.end(socket, ErrorCode.TIMEOUT, 'a ping was not answered'),
    () => {
      sessions.tick();
      admission.tick(performance.now());
    },
  );

  const server = createServer({
    headersTimeout: headersTimeoutMs,
    requestTimeout: limits.REQUEST_TIMEOUT_MS,
    // Both are looked for only so often.
    connectionsCheckingInterval: headersTimeoutMs / 2,
    // Some clients offer to switch to HTTP/2 in passing, which is to be ignored.
    shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
  });
  server.maxConnections = maxPeers + limits.SPARE_CONNECTIONS;
  server.on('request', (request, response) => answer(request, response, () => registry.counts()));
  server.on('upgrade', (request, stream, head) => {
    const refusal = checkUpgrade(request);
    if (refusal) return refuseUpgrade(stream, refusal);
    const leave = admission.admit(request, performance.now());
    if (typeof leave !== 'function') return refuseUpgrade(stream, leave);
    stream.once('close', leave);
    sockets.handleUpgrade(request, stream, head, (socket) => {
      // 'error' comes before 'close' when the client breaks the WebSocket protocol or vanishes.
      socket.on('error', () => sessions.closed(socket));
      socket.on('close', () => sessions.closed(socket));
      socket.on('message', (data, isBinary) => sessions.receive(socket, data as Buffer, isBinary));
      socket.onTooLarge = () => {
        const message = `a message is larger than ${MAX_SESSION_MESSAGE_BYTES} bytes`;
        sessions.end(socket, ErrorCode.TOO_LARGE, message);
      };
      heartbeat.watch(socket);
      sessions.open(socket);
      for (const frame of firstFrames(request)) sessions.receive(socket, frame, true);
    });
  });

  try {
    server.listen({ port, host });
    await once(server, 'listening');
  } catch (error) {
    heartbeat.stop();
    throw error;
  }
  const address = server.address() as AddressInfo;
  let closing: Promise<void> | undefined;

  return {
    port: address.port,
    url: `ws://${host === undefined ? 'localhost' : bracketed(address)}:${address.port}/`,
    stats: () => registry.stats(),
    close() {
      closing ??= close();
      return closing;
    },
  };

  async function close(): Promise<void> {
    heartbeat.stop();
    const stopped = Promise.all([once(server, 'close'), once(sockets, 'close')]);
    server.close();
    sockets.close();
    sessions.endAll();
    const timer = setTimeout(() => {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
    }, limits.STOP_TIMEOUT_MS);
    await stopped;
    clearTimeout(timer);
  }
}

function bracketed({ address, family }: AddressInfo): string {
  return family === 'IPv6' ? `[${address}]` : address;
}
