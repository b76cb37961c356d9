/**
 * Every setting of the tracker, once: flags, environment, configuration file, `--help` and the table
 * in docs/operations.md all follow this. A key `maxPeers` is the flag `--max-peers`, the variable
 * `ZF_MAX_PEERS` and the key `max-peers` of the file.
 */

import { isIP } from 'node:net';
import { MAX_HOLDERS_PER_SWARM } from '@zauberflote/proto';
import { isNetwork } from '../abuse/address.ts';
import { isOriginPattern } from '../abuse/origins.ts';
import * as limits from '../limits.ts';
import { LOG_LEVELS } from '../log.ts';
import { MAX_PUBLISHED } from '../publish/limits.ts';

interface Described {
  /** The heading of `--help` that it is under. */
  readonly group: string;
  /** One sentence for `--help`, with units and without the default. */
  readonly help: string;
}

interface IntegerSetting extends Described {
  readonly kind: 'integer';
  readonly min: number;
  readonly max: number;
  /** Undefined: off. */
  readonly default: number | undefined;
}

interface TextSetting extends Described {
  readonly kind: 'text';
  /** What stands for the value in `--help`. */
  readonly placeholder: string;
  readonly default: string | undefined;
  /** What is wrong with a value, for people; undefined: nothing. */
  readonly problem?: (value: string) => string | undefined;
}

/** Several texts: comma-separated in flag and environment, an array in the file. */
interface ListSetting extends Described {
  readonly kind: 'list';
  readonly placeholder: string;
  readonly default: readonly string[];
  /** What its entries have to be, for people. */
  readonly takes: string;
  readonly accepts: (entry: string) => boolean;
}

/** One of several words. */
interface ChoiceSetting extends Described {
  readonly kind: 'choice';
  readonly choices: readonly string[];
  readonly default: string;
}

/** The path of a file that can be read. What is secret is only taken from files. */
interface FileSetting extends Described {
  readonly kind: 'file';
  readonly default: undefined;
}

interface SettingsByKey {
  readonly [key: string]: IntegerSetting | TextSetting | ListSetting | ChoiceSetting | FileSetting;
}

export type Setting = SettingsByKey[string];

/** What could be no name, and so is no name that might be known later. */
function hostProblem(value: string): string | undefined {
  return isIP(value) === 0 && /[[\]:/\s]/.test(value)
    ? 'has to be an address or a name alone, such as ::1, without brackets and without a port'
    : undefined;
}

function redisProblem(value: string): string | undefined {
  const url = URL.parse(value);
  if (!url || !['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '')
    return 'has to be such as redis://host:6379, or rediss://host:6379 for TLS';
  if (!/^(\/\d*)?$/.test(url.pathname) || url.search !== '' || url.hash !== '')
    return 'has nothing after its port but the number of a database, such as redis://host:6379/1';
  // Else everybody who may list processes could read it.
  if (url.password !== '') return 'must not have a password; put it into --redis-password-file';
  return undefined;
}

export const SETTINGS = {
  port: {
    kind: 'integer',
    group: 'Listening',
    min: 0,
    max: 65_535,
    default: 8080,
    help: 'TCP port to listen on; 0 takes a free one',
  },
  host: {
    kind: 'text',
    group: 'Listening',
    placeholder: 'HOST',
    default: undefined,
    problem: hostProblem,
    help: 'address or name to listen on; without it every address of this machine',
  },
  tlsCertFile: {
    kind: 'file',
    group: 'Listening',
    default: undefined,
    help: 'certificate (PEM, with those between it and its authority), for wss:// without a proxy; read again when it changes',
  },
  tlsKeyFile: {
    kind: 'file',
    group: 'Listening',
    default: undefined,
    help: 'its private key (PEM, without a password)',
  },
  adminPort: {
    kind: 'integer',
    group: 'Operations',
    min: 0,
    max: 65_535,
    default: undefined,
    help: 'TCP port for the operator: a status page, and /metrics for Prometheus; off without it',
  },
  adminHost: {
    kind: 'text',
    group: 'Operations',
    placeholder: 'HOST',
    default: '127.0.0.1',
    problem: hostProblem,
    help: 'address or name that it listens on',
  },
  logLevel: {
    kind: 'choice',
    group: 'Operations',
    choices: LOG_LEVELS,
    default: 'info',
    help: 'what is logged, as lines of JSON on stderr: error, warn, info, debug (also who connects, from where) or silent',
  },
  drainSeconds: {
    kind: 'integer',
    group: 'Operations',
    min: 0,
    max: 600,
    default: 0,
    help: 'time from SIGTERM, in which /readyz says no, until clients are sent away, in seconds',
  },
  redis: {
    kind: 'text',
    group: 'Several trackers',
    placeholder: 'URL',
    default: undefined,
    problem: redisProblem,
    help: 'Redis or Valkey, 7 or later, that joins this tracker to others, such as redis://10.0.0.5:6379; also a cluster; without it this tracker is alone',
  },
  redisPasswordFile: {
    kind: 'file',
    group: 'Several trackers',
    default: undefined,
    help: 'its password',
  },
  maxPeers: {
    kind: 'integer',
    group: 'Limits',
    min: 1,
    max: 1_000_000,
    default: limits.MAX_PEERS,
    help: 'clients connected at once; more are told to come back later',
  },
  maxHoldings: {
    kind: 'integer',
    group: 'Limits',
    min: 1,
    max: 100_000_000,
    default: limits.MAX_HOLDINGS,
    help: 'contents announced by all clients; beyond, one that announced most is told to come back later',
  },
  holdingsPerPeer: {
    kind: 'integer',
    group: 'Limits',
    min: 1,
    max: 1_000_000,
    default: limits.MAX_HOLDINGS_PER_PEER,
    help: 'contents announced by one client; beyond, its session is ended',
  },
  maxIntroductions: {
    kind: 'integer',
    group: 'Limits',
    min: limits.MAX_HOLDERS_PER_REPLY,
    max: 100_000_000,
    default: limits.MAX_INTRODUCTIONS,
    help: 'pairs of clients that may signal each other; beyond, old ones are forgotten',
  },
  holdersPerContent: {
    kind: 'integer',
    group: 'Limits',
    min: 1,
    max: MAX_HOLDERS_PER_SWARM,
    default: MAX_HOLDERS_PER_SWARM,
    help: 'holders of one content that a client is told of at once',
  },
  messagesPerSecond: {
    kind: 'integer',
    group: 'Limits',
    min: 1,
    max: 1_000_000,
    default: limits.MESSAGES_PER_SECOND,
    help: 'messages from one client; it is slowed down, and ended if it sends far more',
  },
  bytesPerSecond: {
    kind: 'integer',
    group: 'Limits',
    min: 16_384,
    max: 1_000_000_000,
    default: limits.BYTES_PER_SECOND,
    help: 'bytes from one client, likewise',
  },
  contentsPerSecond: {
    kind: 'integer',
    group: 'Limits',
    min: 16,
    max: 1_000_000,
    default: limits.CONTENTS_PER_SECOND,
    help: 'contents that one client asks for, announces and drops, likewise',
  },
  connectionsPerAddress: {
    kind: 'integer',
    group: 'Limits',
    min: 1,
    max: 1_000_000,
    default: limits.CONNECTIONS_PER_ADDRESS,
    help: 'connections from one address (of IPv6: one /64) at once',
  },
  connectRatePerAddress: {
    kind: 'integer',
    group: 'Limits',
    min: 1,
    max: 1_000_000,
    default: limits.CONNECT_RATE_PER_ADDRESS,
    help: 'new connections from one address per second; ten times as many at once',
  },
  overloadDelayMs: {
    kind: 'integer',
    group: 'Limits',
    min: 50,
    max: 60_000,
    default: limits.OVERLOAD_DELAY_MS,
    help: 'delay of the event loop, in milliseconds, from which on new clients are refused until it is well again',
  },
  trustedProxies: {
    kind: 'list',
    group: 'Access',
    placeholder: 'NETWORK',
    default: ['127.0.0.0/8', '::1'],
    takes: 'addresses or networks such as 10.0.0.0/8',
    accepts: isNetwork,
    help: 'proxies whose X-Forwarded-For is believed; the limits of one address do not hold for them',
  },
  allowOrigin: {
    kind: 'list',
    group: 'Access',
    placeholder: 'HOST',
    default: [],
    takes: 'hosts such as example.com or *.example.com',
    accepts: isOriginPattern,
    help: 'sites whose pages may connect, such as example.com or *.example.com; without it all may',
  },
  tokenKeysFile: {
    kind: 'file',
    group: 'Access',
    default: undefined,
    help: 'keys that tokens are signed with: JWKS, PEM (public), or a secret; read again when it changes; without it no token is asked for',
  },
  tokenAudience: {
    kind: 'text',
    group: 'Access',
    placeholder: 'TEXT',
    default: undefined,
    help: 'whom tokens have to be for (aud)',
  },
  publishKeysFile: {
    kind: 'file',
    group: 'Publishing',
    default: undefined,
    help: 'serve only contents that sites published; keys that tokens for publishing are signed with, as above',
  },
  // It need not be there yet.
  publishedFile: {
    kind: 'text',
    group: 'Publishing',
    placeholder: 'FILE',
    default: undefined,
    help: 'database that keeps what was published; trackers on the same machine may share it',
  },
  maxPublished: {
    kind: 'integer',
    group: 'Publishing',
    min: 1,
    max: 10_000_000,
    default: MAX_PUBLISHED,
    help: 'contents published by all sites; beyond, no more are taken',
  },
} as const satisfies SettingsByKey;

export type SettingKey = keyof typeof SETTINGS;

type ValueOf<S extends Setting> = S extends { readonly kind: 'integer' }
  ? number | (S['default'] extends number ? never : undefined)
  : S extends { readonly kind: 'list' }
    ? readonly string[]
    : S extends { readonly choices: readonly (infer Choice)[] }
      ? Choice
      : string | (S['default'] extends string ? never : undefined);

/** A value for every setting. */
export type Config = { readonly [K in SettingKey]: ValueOf<(typeof SETTINGS)[K]> };

export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

/** The settings where nothing is set. */
export const DEFAULTS = Object.fromEntries(
  SETTING_KEYS.map((key) => [key, SETTINGS[key].default]),
) as unknown as Config;

/** Its name in flags (after `--`) and in the file. */
export function optionName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Its name in the environment. */
export function variableName(key: string): string {
  return `ZF_${optionName(key).replaceAll('-', '_').toUpperCase()}`;
}
