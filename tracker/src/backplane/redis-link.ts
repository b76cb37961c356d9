import type { RedisClientOptions } from '@redis/client';
import { createClient, createCluster, defineScript } from '@redis/client';
import * as limits from '../limits.ts';
import { storeScripts } from './redis-store.ts';

// The keys of each are in one slot, so that they work in a cluster. The clock is the server's: those of
// the trackers may differ by more than a node's time to live.
const NOW = `local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)`;

const scripts = {
  ...storeScripts,
  /** Puts a node into a sorted set for `NODE_TTL_MS`; a lender stays one for `MAX_LEASE_MS`. */
  zfEnter: defineScript({
    NUMBER_OF_KEYS: 2,
    SCRIPT: `${NOW}
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`,
    parseCommand(parser, key: string, node: string) {
      parser.pushKeys([key, lenderOf(key)]);
      parser.push(node, String(limits.NODE_TTL_MS), String(limits.MAX_LEASE_MS));
    },
    transformReply: (reply: number) => reply,
  }),
  /** Some of the nodes in it, by chance. */
  zfNodes: defineScript({
    NUMBER_OF_KEYS: 1,
    SCRIPT: `${NOW}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return redis.call('ZRANDMEMBER', KEYS[1], ARGV[1])`,
    parseCommand(parser, key: string, count: number) {
      parser.pushKey(key);
      parser.push(String(count));
    },
    transformReply: (reply: string[]) => reply,
  }),
  /** The lender, which is `node` for `MAX_LEASE_MS` if there is none, or only `except`. */
  zfLender: defineScript({
    NUMBER_OF_KEYS: 1,
    SCRIPT: `local lender = redis.call('GET', KEYS[1])
if lender and lender ~= ARGV[1] and lender ~= ARGV[2] then return lender end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return ARGV[1]`,
    parseCommand(parser, key: string, node: string, except: string) {
      parser.pushKey(lenderOf(key));
      parser.push(node, except, String(limits.MAX_LEASE_MS));
    },
    transformReply: (reply: string) => reply,
  }),
};

function lenderOf(key: string): string {
  return `${key}:lender`;
}

const clientOf = (options: RedisClientOptions) => createClient({ ...options, scripts });
// The defaults hold for all of its servers, which have addresses of their own.
const clusterOf = ({ socket, database: _, commandOptions, ...defaults }: Settings) =>
  createCluster({
    rootNodes: [{ socket }],
    commandOptions,
    defaults: { ...defaults, ...(socket.tls ? { socket: { tls: true } } : {}) },
    scripts,
  });

type Settings = ReturnType<typeof settingsOf>;

/** Not as a URL, which the client takes apart in a way that loses the password of a user. */
function settingsOf({ url, password }: Pick<RedisLinkOptions, 'url' | 'password'>) {
  const { hostname, port, protocol, username, pathname } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const tls = protocol === 'rediss:' ? { tls: true as const } : {};
  return {
    socket: { host, port: Number(port || 6379), ...tls },
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === undefined ? {} : { password }),
    database: Number(pathname.slice(1)),
    name: 'zauberflote-tracker',
    // What waits here would come too late, and take memory for as long as the server is away.
    disableOfflineQueue: true,
    commandsQueueMaxLength: limits.MAX_COMMANDS,
    // Else each command has a timer of its own, which takes half of its time: they are bounded in number.
    commandOptions: { timeout: 0 },
  };
}

/** A server, or a cluster of them. */
export type Redis = ReturnType<typeof clientOf> | ReturnType<typeof clusterOf>;

export interface RedisLinkOptions {
  /** `redis://` or `rediss://`, with or without a user and the number of a database; without a password. */
  readonly url: string;
  readonly password?: string | undefined;
  /** What is listened to. */
  readonly channel: string;
  readonly onMessage: (message: Uint8Array) => void;
  /** Hears of trouble on the way; it goes on by itself. */
  readonly onError: (error: Error) => void;
  /** Hears of each connection to a server that may have started anew, and so be empty. */
  readonly onReady: () => void;
  /** Ends all of it. */
  readonly signal: AbortSignal;
}

/**
 * Connects to a server, or to the cluster that it is a part of, and listens to a sharded channel. Waits
 * for a server that is not there, for as long as `signal` lets it.
 * @throws what the server said, or why it was ended
 */
export async function connectRedis(options: RedisLinkOptions): Promise<Redis> {
  const { channel, onMessage, onError, onReady, signal } = options;
  const settings = settingsOf(options);
  const open = async <R extends Redis>(redis: R): Promise<R> => {
    const connections = new Set<Pick<Redis, 'destroy'>>();
    const end = () => {
      // A cluster forgets them when it is ended.
      for (const connection of connectionsOf(redis)) connections.add(connection);
      destroy(redis);
      for (const connection of connections) destroy(connection);
    };
    // One that is ended while it connects, for the first time or again, becomes ready all the same, and stays.
    const ready = () => (signal.aborted ? end() : onReady());
    redis.on('error', onError);
    redis.on('ready', ready);
    // Of one server of a cluster.
    redis.on('node-error', onError);
    redis.on('node-ready', () => signal.aborted && end());
    signal.addEventListener('abort', end);
    try {
      signal.throwIfAborted();
      await redis.connect();
      return redis;
    } finally {
      if (signal.aborted) end();
    }
  };
  // Not by the client for clusters, which leads a subscription on by itself, and ends the process where
  // that fails: nobody could catch it. If the channel moves, it is not heard any more, and is left.
  const listen = async (socket: Settings['socket'], moves = 0): Promise<void> => {
    const listener = await open(clientOf({ ...settings, socket }));
    try {
      await listener.sSubscribe(channel, onMessage, true);
    } catch (error) {
      const [, host, port] = /^MOVED \d+ (.*):(\d+)$/.exec((error as Error).message) ?? [];
      if (port === undefined || moves === limits.MAX_CHANNEL_MOVES) throw error;
      destroy(listener);
      await listen({ ...socket, host: host || socket.host, port: Number(port) }, moves + 1);
    }
  };
  const single = await open(clientOf(settings));
  const info = String(await single.info('cluster'));
  await listen(settings.socket);
  if (!info.includes('cluster_enabled:1')) return single;
  destroy(single);
  return open(clusterOf(settings));
}

/** Those of a cluster; a single server has itself. */
function connectionsOf(redis: Redis): readonly Pick<Redis, 'destroy'>[] {
  if (!('nodeByAddress' in redis)) return [];
  const connections: Pick<Redis, 'destroy'>[] = [];
  redis.nodeByAddress.forEach(({ client }) => {
    if (client) connections.push(client);
  });
  return connections;
}

export function destroy(redis: Pick<Redis, 'destroy'>): void {
  try {
    redis.destroy();
  } catch {
    // It has ended already.
  }
}
