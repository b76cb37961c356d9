import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as setTimeoutAsync } from 'node:timers/promises';
import { contentKey, ErrorCode, MAX_SESSION_MESSAGE_BYTES } from '@zauberflote/proto';
import type { DestinationStream } from 'pino';
import { watchLateness } from './abuse/lateness.ts';
import { Overload } from './abuse/overload.ts';
import type { Parkable } from './abuse/turns.ts';
import { Turns } from './abuse/turns.ts';
import { Gate } from './access/gate.ts';
import { KeyFile } from './access/key-file.ts';
import type { AdminServer } from './admin.ts';
import { startAdmin } from './admin.ts';
import { Admission } from './admission.ts';
import type { Backplane, BackplaneEnd } from './backplane/backplane.ts';
import { Exchange } from './backplane/exchange.ts';
import { joinNodes } from './backplane/join.ts';
import { certificateOf } from './certificate.ts';
import type { Config } from './config/settings.ts';
import { DEFAULTS } from './config/settings.ts';
import { isPublish, rpcHandlers } from './connect/rpc.ts';
import { Counters, countIn, Tally } from './counters.ts';
import { Heartbeat } from './heartbeat.ts';
import type { Refusal } from './http.ts';
import { answer, checkUpgrade, firstFrames, refuseUpgrade } from './http.ts';
import * as limits from './limits.ts';
import { Listener } from './listener.ts';
import { logOf } from './log.ts';
import { metricsOf } from './metrics.ts';
import { maxOpenFiles } from './open-files.ts';
import type { OpenPublisher } from './publish/open.ts';
import { openPublisher } from './publish/open.ts';
import { secureRandom } from './random.ts';
import type { RegistryStats } from './registry/options.ts';
import { Registry } from './registry/registry.ts';
import { algorithmsOf, Renewals } from './renewals.ts';
import type { Socket } from './sessions.ts';
import { isCongested, Sessions } from './sessions.ts';
import { statusOf } from './status/status.ts';
import type { SessionSocket } from './websocket.ts';
import { webSocketServer } from './websocket.ts';

/** Said to whoever comes while there is too much to do. */
function overloaded(): Refusal {
  const retryMs = limits.OVERLOAD_RETRY_MS * (1 + secureRandom());
  return {
    status: 503,
    text: 'This tracker has too much to do. Connect again later.',
    headers: { 'Retry-After': String(Math.ceil(retryMs / 1_000)) },
    limit: 'overload-delay-ms',
  };
}

const STOPPING: Refusal = {
  status: 503,
  text: 'This tracker is stopping. Connect again.',
  headers: { 'Retry-After': String(Math.ceil(limits.GOING_AWAY_RETRY_MS / 1_000)) },
};

/**
 * Any of the settings of `config/settings.ts`, with their defaults; but `logLevel` is `warn`: it may be
 * a part of another program.
 */
export interface TrackerOptions extends Partial<Config> {
  /** Pause between pings, and time to answer one, in milliseconds. @default HEARTBEAT_MS */
  readonly heartbeatMs?: number;
  /** Longest that the head of a request may take, in milliseconds. @default HEADERS_TIMEOUT_MS */
  readonly headersTimeoutMs?: number;
  /** Longest that a request may take that is no session, in milliseconds. @default REQUEST_TIMEOUT_MS */
  readonly requestTimeoutMs?: number;
  /** Pause between two looks at the files of token keys and certificate, in milliseconds. @default KEY_FILE_POLL_MS */
  readonly keyFilePollMs?: number;
  /** How long the event loop has to be late, in milliseconds. @default OVERLOAD_AFTER_MS */
  readonly overloadAfterMs?: number;
  /** Waits for so many milliseconds while it drains. @default a timer */
  readonly wait?: (ms: number) => Promise<unknown>;
  /** Where the log goes. @default stderr */
  readonly logTo?: DestinationStream;
}

export interface RunningTracker {
  /** The port it listens on. */
  readonly port: number;
  /** The port that the operator's pages are at, if any. */
  readonly adminPort: number | undefined;
  /** Where clients on this machine connect to, such as `ws://localhost:8080/`. */
  readonly url: string;
  /** Counts what the registry keeps; takes time for every peer. */
  stats(): RegistryStats;
  /**
   * Stops: takes no new sessions and is not ready for `drainSeconds`; then no new connections, GOING_AWAY to every client, and an end to those that do not go
   * within STOP_TIMEOUT_MS. Settles when nothing is left; calling it again waits for the same.
   */
  close(): Promise<void>;
}

/**
 * Starts a tracker: WebSocket endpoint at `/`, health check at `/healthz`.
 * @throws {NodeJS.ErrnoException} if it cannot listen: EADDRINUSE, EACCES, EADDRNOTAVAIL, ENOTFOUND.
 * @throws {KeyError} if the file of token keys cannot be used.
 * @throws {CertificateError} if the certificate cannot be used.
 * @throws {PublicationsError} if the file of publications cannot be used.
 * @throws {ConfigError} if the file with the password of Redis cannot be used.
 */
export async function startTracker({
  heartbeatMs = limits.HEARTBEAT_MS,
  headersTimeoutMs = limits.HEADERS_TIMEOUT_MS,
  requestTimeoutMs = limits.REQUEST_TIMEOUT_MS,
  keyFilePollMs = limits.KEY_FILE_POLL_MS,
  overloadAfterMs = limits.OVERLOAD_AFTER_MS,
  wait = (ms) => setTimeoutAsync(ms),
  logTo,
  ...options
}: TrackerOptions = {}): Promise<RunningTracker> {
  const given: Config = { ...DEFAULTS, logLevel: 'warn', ...options };
  const files = maxOpenFiles();
  // As few as there are files for, so that who comes too late hears so, and its health can be asked for.
  const maxPeers = Math.max(1, Math.min(given.maxPeers, files - 2 * limits.SPARE_FILES));
  const config: Config = { ...given, maxPeers };
  const { port, host, tokenKeysFile } = config;
  const counters = new Counters();
  let state: 'running' | 'draining' = 'running';
  const now = () => performance.now();
  const log = logOf(config.logLevel, logTo);
  const renewals = new Renewals(counters, log);
  const certificate = certificateOf(config, keyFilePollMs, (result) =>
    renewals.certificate(result, (pair) => listener.renew(pair)),
  );
  const onFault = (error: unknown) =>
    log.error({ err: error }, 'a fault of the tracker ended a session');
  let published: OpenPublisher | undefined;
  const keyFile =
    tokenKeysFile === undefined
      ? undefined
      : new KeyFile({
          ...{ path: tokenKeysFile, setting: 'token-keys-file', pollMs: keyFilePollMs },
          onChange(result) {
            renewals.keys('token-keys-file', result);
            published?.lookAtKeys();
          },
        });
  // Who meant a public key, and left a secret, sees it here.
  if (keyFile) log.info({ algorithms: algorithmsOf(keyFile.keys) }, 'tokens are asked for');
  published = await openPublisher({
    ...{ config, counters, keyFilePollMs, log },
    onKeys: (result) => renewals.keys('publish-keys-file', result),
    visitorKeys: () => keyFile?.keys ?? [],
    held: () => registry.keys(),
    onEnded: (content) => registry.close(content, now()),
  }).catch((error) => {
    keyFile?.close();
    throw error;
  });
  const publisher = published?.publisher;
  const isServed = (key: string) => publisher?.serves(key) ?? true;
  // After all that may fail: from here on it has timers, and connections.
  const here: BackplaneEnd = {
    onMessage: (message) => exchange.receive(message),
    keys: () => registry.keys(),
    count: () => registry.counts().swarms,
  };
  let backplane: Backplane;
  try {
    backplane = joinNodes(config, here, log);
  } catch (error) {
    keyFile?.close();
    published?.close();
    throw error;
  }
  const registry: Registry<Socket> = new Registry({
    ...config,
    isCongested,
    isServed,
    isAlone: () => !backplane.isUp,
    onSwarm: (key, isThere) => exchange.note(key, isThere),
    onDeparture: (peerId, keys) => exchange.departed(peerId, keys),
  });
  const exchange: Exchange<Socket> = new Exchange({
    backplane,
    registry,
    perform: (socket, act) => sessions.perform(socket, act),
    counters,
    now,
    random: secureRandom,
  });
  const sessions = new Sessions({
    nodes: exchange,
    registry,
    rates: config,
    counters,
    now,
    random: secureRandom,
    onFault,
    log,
  });
  const turns = new Turns<Socket & Parkable>({
    handle: (socket, frame, isBinary) => sessions.receive(socket, frame, isBinary),
    soon: setImmediate,
    now,
  });
  const sockets = webSocketServer();
  const admission = new Admission(config);
  const overload = new Overload({ ...config, afterMs: overloadAfterMs });
  const gate = new Gate({
    ...config,
    admission,
    counters,
    closed() {
      if (state === 'draining') return STOPPING;
      return overload.isOverloaded ? overloaded() : undefined;
    },
    // Publish checks its own.
    keys: ({ url }) => (url !== undefined && isPublish(url) ? undefined : keyFile?.keys),
    now,
    onFault,
    log,
  });
  published?.share(backplane);
  const tally = new Tally(counters);
  const tellTally = () => {
    const turnedAway = tally.since();
    if (turnedAway) log.info(turnedAway, 'visitors were turned away since the last such line');
  };
  // The one that is dead cannot read why, but one that merely never answers pings can.
  const heartbeat = new Heartbeat<SessionSocket>(
    heartbeatMs,
    (socket) => sessions.end(socket, ErrorCode.TIMEOUT, 'a ping was not answered'),
    () => {
      sessions.tick();
      admission.tick(now());
      publisher?.tick();
      tellTally();
    },
  );

  const respond = (request: IncomingMessage, response: ServerResponse) =>
    answer(request, response, { counts: () => registry.counts(), readiness });
  const rpc = rpcHandlers({
    tracker: {
      open: (stream, ipVersion) => sessions.open(stream, ipVersion),
      receive: (stream, frame) => turns.receive(stream, frame, true),
      closed(stream) {
        turns.forget(stream);
        sessions.closed(stream);
      },
      end: (stream, code, message) => sessions.end(stream, code, message),
      count: (content) => exchange.count(content),
      serves: (content) => isServed(contentKey(content)),
      publisher,
    },
    gate,
    ipVersionOf: (request) => admission.ipVersionOf(request),
    requestTimeoutMs,
    otherwise: respond,
  });
  if (maxPeers < 0.9 * given.maxPeers)
    log.warn(
      { files, maxPeers },
      'no more clients may come, as no more files may be open: raise the limit (LimitNOFILE, ulimit -n) or lower --max-peers',
    );
  const listener = new Listener({
    pair: certificate?.pair,
    maxConnections: Math.max(
      1,
      Math.min(maxPeers + limits.SPARE_CONNECTIONS, files - limits.SPARE_FILES),
    ),
    dropped: () => counters.dropped++,
    admits(socket) {
      const isAdmitted = admission.arrive(socket);
      if (!isAdmitted) countIn(counters.limits, 'connections-per-address');
      return isAdmitted;
    },
    ...{ headersTimeoutMs, requestTimeoutMs, heartbeatMs, ...rpc },
    upgrade(request, stream, head) {
      const refused = (refusal: Refusal) => refuseUpgrade(stream, refusal);
      const wrong = checkUpgrade(request);
      if (wrong) return gate.refuse(request, wrong, refused);
      gate.enter(request, stream, () => welcome(request, stream, head), refused);
    },
  });

  /** Makes a session of a request that was let in. */
  function welcome(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    sockets.handleUpgrade(request, stream, head, (socket) => {
      // 'error' comes before 'close' when the client breaks the WebSocket protocol or vanishes.
      const closed = () => {
        turns.forget(socket);
        sessions.closed(socket);
      };
      socket.on('error', closed);
      socket.on('close', closed);
      // The end of the connection may come much later: what was sent to it until then would be lost.
      socket.onClosing = closed;
      socket.on('message', (data, isBinary) => turns.receive(socket, data as Buffer, isBinary));
      socket.onTooLarge = () => {
        const message = `a message is larger than ${MAX_SESSION_MESSAGE_BYTES} bytes`;
        sessions.end(socket, ErrorCode.TOO_LARGE, message);
      };
      heartbeat.watch(socket);
      sessions.open(socket, admission.ipVersionOf(request));
      for (const frame of firstFrames(request)) turns.receive(socket, frame, true);
    });
  }

  const countPublished = publisher && (() => publisher.total);
  const isJoined = config.redis === undefined ? undefined : () => backplane.isUp;
  let admin: AdminServer | undefined;
  let address: AddressInfo;
  try {
    address = await listener.listen(port, host);
    if (config.adminPort !== undefined)
      admin = await startAdmin({
        port: config.adminPort,
        host: config.adminHost,
        metrics: metricsOf({
          counters,
          maxPeers,
          isOverloaded: () => overload.isOverloaded,
          introductionsForgotten: () => registry.introductionsForgotten,
          unserved: () => registry.unserved,
          published: countPublished,
          stats: () => registry.stats(),
          isJoined,
          certificateEnd: certificate && (() => renewals.certificateEnd),
        }),
        status: () =>
          statusOf({
            ...{ registry, counters, maxPeers, readiness, isJoined },
            published: countPublished,
          }),
        otherwise: respond,
      });
  } catch (error) {
    heartbeat.stop();
    keyFile?.close();
    published?.close();
    listener.closeHttp2();
    void listener.close();
    void backplane.close();
    throw error;
  }
  certificate?.watch();
  if (certificate) renewals.noteEnd(certificate.pair);
  const unwatch = watchLateness(overload, now, (isOverloaded) => {
    if (isOverloaded) log.warn('there is too much to do: new visitors are turned away');
    else log.info('visitors are let in again');
  });
  let closing: Promise<void> | undefined;

  return {
    port: address.port,
    adminPort: admin?.port,
    url: `${certificate ? 'wss' : 'ws'}://${host === undefined ? 'localhost' : bracketed(address)}:${address.port}/`,
    stats: () => registry.stats(),
    close() {
      closing ??= close();
      return closing;
    },
  };

  function readiness() {
    if (state === 'draining') return state;
    if (overload.isOverloaded) return 'overloaded';
    return registry.counts().peers < maxPeers ? 'ready' : 'full';
  }

  async function close(): Promise<void> {
    state = 'draining';
    log.info({ drainSeconds: config.drainSeconds, ...registry.counts() }, 'stopping');
    if (config.drainSeconds > 0) await wait(config.drainSeconds * 1_000);
    heartbeat.stop();
    unwatch();
    keyFile?.close();
    certificate?.close();
    const stopped = Promise.all([listener.close(), once(sockets, 'close')]);
    sockets.close();
    exchange.end();
    sessions.endAll();
    listener.closeHttp2();
    const timer = setTimeout(() => {
      for (const socket of sockets.clients) socket.terminate();
      listener.destroy();
    }, limits.STOP_TIMEOUT_MS);
    await stopped;
    clearTimeout(timer);
    await admin?.close();
    published?.close();
    await backplane.close();
    tellTally();
    log.info('stopped');
  }
}

function bracketed({ address, family }: AddressInfo): string {
  return family === 'IPv6' ? `[${address}]` : address;
}
