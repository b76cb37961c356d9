import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ErrorCode, MAX_SESSION_MESSAGE_BYTES, SUBPROTOCOL } from '@zauberflote/proto';
import { WebSocket, WebSocketServer } from 'ws';
import type { Config } from './config/settings.ts';
import { DEFAULTS } from './config/settings.ts';
import { Heartbeat } from './heartbeat.ts';
import { answer, checkUpgrade, refuseUpgrade } from './http.ts';
import * as limits from './limits.ts';
import { secureRandom } from './random.ts';
import type { RegistryStats } from './registry/registry.ts';
import { Registry } from './registry/registry.ts';
import type { Socket } from './sessions.ts';
import { isCongested, Sessions } from './sessions.ts';

/** Any of the settings of `config/settings.ts`, with their defaults. */
export interface TrackerOptions extends Partial<Config> {
  /** Pause between pings, and time to answer one, in milliseconds. @default HEARTBEAT_MS */
  readonly heartbeatMs?: number;
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
  ...options
}: TrackerOptions = {}): Promise<RunningTracker> {
  const { port, host, maxPeers } = { ...DEFAULTS, ...options };
  const registry = new Registry<Socket>({ isCongested, maxPeers });
  const sessions = new Sessions({
    registry,
    now: () => performance.now(),
    random: secureRandom,
    onFault: (error) => console.error('A session was ended by a fault of the tracker:', error),
  });
  const sockets = webSockets((socket) =>
    sessions.end(
      socket,
      ErrorCode.TOO_LARGE,
      `a message is larger than ${MAX_SESSION_MESSAGE_BYTES} bytes`,
    ),
  );
  // The one that is dead cannot read why, but one that merely never answers pings can.
  const heartbeat = new Heartbeat(
    heartbeatMs,
    (socket) => sessions.end(socket, ErrorCode.TIMEOUT, 'a ping was not answered'),
    () => sessions.tick(),
  );

  const server = createServer({
    // Some clients offer to switch to HTTP/2 in passing, which is to be ignored.
    shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
  });
  server.maxConnections = maxPeers + limits.SPARE_CONNECTIONS;
  server.on('request', (request, response) => answer(request, response, () => registry.counts()));
  server.on('upgrade', (request, stream, head) => {
    const refusal = checkUpgrade(request);
    if (refusal) return refuseUpgrade(stream, refusal);
    sockets.handleUpgrade(request, stream, head, (socket) => {
      // 'error' comes before 'close' when the client breaks the WebSocket protocol or vanishes.
      socket.on('error', () => sessions.closed(socket));
      socket.on('close', () => sessions.closed(socket));
      socket.on('message', (data, isBinary) => sessions.receive(socket, data as Buffer, isBinary));
      heartbeat.watch(socket);
      sessions.open(socket);
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

/** The WebSocket part of the server; `onTooLarge` is to end the session. */
function webSockets(onTooLarge: (socket: WebSocket) => void) {
  class SessionSocket extends WebSocket {
    // For a message beyond maxPayload, ws closes with 1009 by itself, and without a reason. Only
    // here can the Error be sent first, and our own code be used.
    override close(code?: number, reason?: string | Buffer): void {
      if (code === 1009 && reason === undefined) onTooLarge(this);
      else super.close(code, reason);
    }
  }
  const options = {
    noServer: true,
    WebSocket: SessionSocket,
    maxPayload: MAX_SESSION_MESSAGE_BYTES,
    perMessageDeflate: false,
    handleProtocols: () => SUBPROTOCOL,
    closeTimeout: limits.CLOSE_TIMEOUT_MS,
  };
  return new WebSocketServer(options);
}

function bracketed({ address, family }: AddressInfo): string {
  return family === 'IPv6' ? `[${address}]` : address;
}
