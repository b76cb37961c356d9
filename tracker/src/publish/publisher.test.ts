import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ENDED_AT_ONCE, KEPT_AFTER_END_SECONDS } from './limits.ts';
import { Publications } from './publications.ts';
import { Publisher } from './publisher.ts';

const START = 1_000_000;
const TICK = 30;
const MOST = 100_000;

describe('what a tracker does when publications end', () => {
  let folder: string;
  let path: string;
  /** Of this tracker, and of another one with the same file. */
  let own: Publications;
  let other: Publications;
  let publisher: Publisher;
  let now: number;
  let held: Set<string>;
  let faults: unknown[];
  let waiting: (() => void)[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'zf-publisher-'));
    path = join(folder, 'db');
    own = await Publications.open(path);
    other = await Publications.open(path);
    now = START;
    held = new Set();
    faults = [];
    waiting = [];
    publisher = new Publisher({
      ...{ publications: own, keys: () => [], tokenAudience: undefined, maxPublished: MOST },
      now: () => now,
      held: () => held,
      onEnded: (content) => held.delete(content),
      onRefused: assert.fail,
      onFault: (error) => assert.fail(String(error)),
      onDiskFault: (error, isNew) => isNew && faults.push(error),
      soon: (act) => waiting.push(act),
    });
  });
  afterEach(() => {
    publisher.close();
    own.close();
    other.close();
    rmSync(folder, { recursive: true });
  });

  /** Time passes, and what is looked for then. @returns in how many steps */
  const tick = (seconds = TICK): number => {
    now += seconds;
    publisher.tick();
    let steps = 1;
    for (let act = waiting.shift(); act; act = waiting.shift()) {
      steps++;
      act();
    }
    return steps;
  };
  const names = (count: number) => Array.from({ length: count }, (_, n) => `2:${n}`);
  const publish = (contents: readonly string[], seconds = 1_000_000) => {
    other.publish('a.example', contents, now + seconds, now, MOST);
    for (const content of contents) held.add(content);
  };
  /** While it runs, nothing can be read. */
  const broken = (act: () => void) => {
    const db = new DatabaseSync(path);
    db.exec('ALTER TABLE publications RENAME TO away');
    act();
    db.exec('ALTER TABLE away RENAME TO publications');
    db.close();
  };

  it('forgets the holders of what ran out, and of what another tracker took back', () => {
    publish(['2:0', '2:1']);
    publish(['2:2'], 45);
    tick();
    assert.deepEqual([...held], ['2:0', '2:1', '2:2']);
    other.withdraw('a.example', ['2:0'], now, MOST);
    tick();
    assert.deepEqual([...held], ['2:1']);
  });

  it('does so in steps, each once', () => {
    publish(names(2 * ENDED_AT_ONCE + 1), 10);
    assert.equal(tick(), 3);
    assert.equal(held.size, 0);
    assert.equal(tick(), 1);
  });

  it('keeps holders while the disk fails, says so once a tick, and finds out afterwards', () => {
    publish(['2:0', '2:1']);
    tick();
    other.withdraw('a.example', ['2:0'], now, MOST);
    broken(() => {
      for (let i = 0; i < 3; i++) tick();
      assert.equal(publisher.serves('2:1'), false);
      assert.equal(faults.length, 3);
      assert.equal(held.size, 2);
      tick(KEPT_AFTER_END_SECONDS + 1);
      assert.equal(held.size, 2);
    });
    assert.equal(publisher.serves('2:1'), true);
    tick();
    assert.deepEqual([...held], ['2:1']);
  });

  it('looks through all that is held after it stood still for too long to be told, in steps', () => {
    publish(names(ENDED_AT_ONCE + 5));
    tick();
    other.withdraw('a.example', ['2:7'], now + 10, MOST);
    now += KEPT_AFTER_END_SECONDS + TICK;
    other.sweep(now, MOST);
    assert.equal(tick(), 2);
    assert.equal(held.size, ENDED_AT_ONCE + 4);
    assert.ok(!held.has('2:7'));
  });

  it('does so too after the clock was set back', () => {
    publish(['2:0', '2:1']);
    tick();
    now -= 50_000;
    other.withdraw('a.example', ['2:0'], now + 1, MOST);
    tick();
    assert.deepEqual([...held], ['2:1']);
  });

  it('forgets all that ended long ago, however much', () => {
    publish(names(ENDED_AT_ONCE + 5), 10);
    tick();
    tick(KEPT_AFTER_END_SECONDS);
    const db = new DatabaseSync(path);
    assert.equal(db.prepare('SELECT count(*) AS n FROM publications').get()!.n, 0);
    db.close();
  });

  it('does not look again while it looks, nor after it was closed', () => {
    publish(names(ENDED_AT_ONCE + 5), 10);
    now += TICK;
    publisher.tick();
    publisher.tick();
    assert.equal(waiting.length, 1);
    publisher.close();
    waiting.shift()!();
    assert.deepEqual([waiting.length, held.size, faults], [0, 5, []]);
    publisher.tick();
    assert.equal(held.size, 5);
  });
});
