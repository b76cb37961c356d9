import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ConfigError } from '../config/read.ts';
import type { Config } from '../config/settings.ts';
import type { Log } from '../log.ts';
import { secureRandom } from '../random.ts';
import type { Backplane, BackplaneEnd } from './backplane.ts';
import { MemoryHub } from './memory.ts';
import { RedisBackplane } from './redis.ts';

/**
 * Joins this tracker to those that share its Redis; without one it is alone.
 * @throws {ConfigError} if there is no password in the file that should have it
 */
export function joinNodes(
  { redis, redisPasswordFile }: Pick<Config, 'redis' | 'redisPasswordFile'>,
  end: BackplaneEnd,
  log: Pick<Log, 'info' | 'warn'>,
): Backplane {
  const node = randomBytes(9).toString('base64url');
  if (redis === undefined) return new MemoryHub(secureRandom).join(node, end);
  const password =
    redisPasswordFile === undefined ? () => undefined : passwordOf(redisPasswordFile);
  return new RedisBackplane({ ...end, url: redis, password, node, log });
}

/** What is in the file at the moment, or was last. */
function passwordOf(path: string): () => string {
  let last = passwordIn(path);
  return () => {
    try {
      last = passwordIn(path);
    } catch {
      // It is being replaced.
    }
    return last;
  };
}

function passwordIn(path: string): string {
  let password: string;
  try {
    password = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new ConfigError(`--redis-password-file cannot be read: ${(error as Error).message}`);
  }
  if (password === '') throw new ConfigError(`--redis-password-file: ${path} is empty`);
  return password;
}
