import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Config } from '../config/settings.ts';
import type { Log } from '../log.ts';
import { secureRandom } from '../random.ts';
import type { Backplane, BackplaneEnd } from './backplane.ts';
import { MemoryHub } from './memory.ts';
import { RedisBackplane } from './redis.ts';

/** Joins this tracker to those that share its Redis; without one it is alone. */
export function joinNodes(
  { redis, redisPasswordFile }: Pick<Config, 'redis' | 'redisPasswordFile'>,
  end: BackplaneEnd,
  log: Pick<Log, 'info' | 'warn'>,
): Backplane {
  const node = randomBytes(9).toString('base64url');
  if (redis === undefined) return new MemoryHub(secureRandom).join(node, end);
  const password =
    redisPasswordFile === undefined ? undefined : readFileSync(redisPasswordFile, 'utf8').trim();
  return new RedisBackplane({ ...end, url: redis, password, node, log });
}
