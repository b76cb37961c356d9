import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RedisServer, until } from '../../test-support/redis.ts';
import { clockAhead } from '../../test-support/timers.ts';
import { MAX_IN_FLIGHT, NODE_TTL_MS, REJOIN_MS } from '../limits.ts';
import type { Backplane } from './backplane.ts';
import { joinNodes } from './join.ts';

describe('a tracker that is joined to others by Redis', () => {
  const PASSWORD = 'Papagena';
  let folder: string;
  let file: string;
  let redis: RedisServer;
  let backplane: Backplane;
  let infos: number;
  const ask = (...command: readonly string[]) =>
    redis.ask('-a', PASSWORD, '--no-auth-warning', ...command);

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'zf-join-'));
    file = join(folder, 'password');
    redis = await RedisServer.start('--requirepass', PASSWORD);
  });
  beforeEach(async () => {
    writeFileSync(file, `${PASSWORD}\n`);
    infos = 0;
    backplane = joinNodes(
      { redis: redis.url, redisPasswordFile: file },
      { onMessage: () => {}, keys: () => [], count: () => 0 },
      { info: () => infos++, warn: () => {} } as never,
    );
    await until('it has joined', async () => backplane.isUp);
  });
  afterEach(() => backplane.close());
  after(async () => {
    await redis.remove();
    rmSync(folder, { recursive: true });
  });

  it('names no node whose time is over, though others still have what it had, and removes it', async () => {
    const key = 'zf:{5:00}';
    await ask('zadd', key, '1', 'gone', `${Date.now() + NODE_TTL_MS}`, 'there');
    assert.deepEqual(await backplane.nodesWith('5:00'), ['there']);
    assert.equal(await ask('zrange', key, '0', '-1'), 'there');
  });

  it('waits for so many answers of Redis, fails at once what is beyond them, and goes on', async () => {
    // Within one turn of the event loop: none is answered before the last is asked.
    const asked = Array.from({ length: MAX_IN_FLIGHT + 1 }, () => backplane.nodesWith('5:01'));
    const results = await Promise.allSettled(asked);
    const refused = results.filter(({ status }) => status === 'rejected');
    assert.deepEqual(refused, [results.at(-1)]);
    await assert.rejects(asked.at(-1)!, /too much waits for Redis/);
    assert.deepEqual(await backplane.nodesWith('5:01'), []);
  });

  it('connects anew with the password that it read last while the file cannot be read', async () => {
    rmSync(file);
    const putRight = clockAhead(REJOIN_MS + 1);
    try {
      await until('it has joined again', async () => infos === 2 && backplane.isUp);
    } finally {
      putRight();
    }
  });
});
