import type { RedisClientOptions } from '@redis/client';
import { createClient, createCluster, defineScript } from '@redis/client';
import * as limits from '../limits.ts';

// One key each, so that they work in a cluster. The clock is the server's: those of the trackers may
// differ by more than a node's time to live.
const NOW = `local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)`;

const scripts = {
  /** Puts a node into a sorted set for `NODE_TTL_MS`. */
  zfEnter: defineScript({
    NUMBER_OF_KEYS: 1,
    SCRIPT: `${NOW}
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`,
    parseCommand(parser, key: string, node: string) {
      parser.pushKey(key);
      parser.push(node, String(limits.NODE_TTL_MS));
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
};

const clientOf = (options: RedisClientOptions) => createClient({ ...options, scripts });
// The defaults hold for all of its servers, which have addresses of their own.
const clusterOf = ({ socket, database: _, ...defaults }: Settings) =>
  createCluster({
    rootNodes: [{ socket }],
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
  /** Ends all of it. */
  readonly signal: AbortSignal;
}

/**
 * Connects to a server, or to the cluster that it is a part of, and listens to a sharded channel. Waits
 * for a server that is not there, for as long as `signal` lets it.
 * @throws what the server said, or why it was ended
 */
export async function connectRedis(options: RedisLinkOptions): Promise<Redis> {
  const { channel, onMessage, onError, signal } = options;
  const settings = settingsOf(options);
  const open = async <R extends Redis>(redis: R): Promise<R> => {
    redis.on('error', onError);
    signal.addEventListener('abort', () => destroy(redis));
    signal.throwIfAborted();
    await redis.connect();
    return redis;
  };
  const single = await open(clientOf(settings));
  const info = String(await single.info('cluster'));
  if (!info.includes('cluster_enabled:1')) {
    const listener = await open(clientOf(settings));
    await listener.sSubscribe(channel, onMessage, true);
    return single;
  }
  destroy(single);
  const cluster = await open(clusterOf(settings));
  await cluster.sSubscribe(channel, onMessage, true);
  return cluster;
}

function destroy(redis: Redis): void {
  try {
    redis.destroy();
  } catch {
    // It has ended already.
  }
}
