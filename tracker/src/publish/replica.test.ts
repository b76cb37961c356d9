import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { MemoryStore } from '../backplane/memory-store.ts';
import { MAX_ENTRIES_READ } from '../limits.ts';
import { KEPT_AFTER_END_SECONDS, KEPT_FOR_OTHERS_SECONDS } from './limits.ts';
import { Publications } from './publications.ts';
import { Replica } from './replica.ts';

const SITES = ['a.example', 'b.example'];
const CONTENTS = ['2:00', '5:01'];
const MOST = 1_000_000;

/** A tracker. Two of them are on one machine, and have one file. */
interface Tracker {
  publications: Publications;
  replica: Replica;
  /** Whether it can reach the store. */
  isUp: boolean;
  readonly path: string;
  readonly changed: string[];
}

describe('publications of several machines', () => {
  let folder: string;
  let trackers: Tracker[];
  let store: MemoryStore;
  let now: number;
  /** In ms, and never the same: what is said at two machines at one instant has no order. */
  let stamps = 0;
  const stamp = () => now * 1_000 + stamps++;
  const faults: unknown[] = [];
  let files = 0;

  async function start(tracker: Tracker): Promise<void> {
    tracker.publications = await Publications.open(tracker.path, true, stamp);
    tracker.replica = new Replica({
      publications: tracker.publications,
      store: {
        get isUp() {
          return tracker.isUp;
        },
        // As one that answers late.
        read: async (from) => {
          await null;
          if (!tracker.isUp) throw new Error('it is away');
          return store.read(from);
        },
        write: async (entries) => {
          await null;
          if (!tracker.isUp) throw new Error('it is away');
          store.write(entries);
        },
      },
      now: () => now,
      onChanged: (contents) => tracker.changed.push(...contents),
      onFault: (error) => faults.push(error),
    });
  }

  function stop({ replica, publications }: Tracker): void {
    replica.close();
    publications.close();
  }

  /** @param together how many of them have the file of the first */
  async function begin(count: number, together = 1): Promise<void> {
    store = new MemoryStore();
    now = 1_000;
    stamps = 0;
    const file = () => join(folder, `${files++}.db`);
    const first = file();
    trackers = Array.from({ length: count }, (_, i) => ({
      ...{ path: i < together ? first : file(), isUp: true, changed: [] },
      ...{ publications: undefined as never, replica: undefined as never },
    }));
    for (const tracker of trackers) await start(tracker);
  }

  const shareAll = async () => {
    // Twice: what the last one writes is read by the others.
    for (let round = 0; round < 2; round++)
      for (const { replica } of trackers) await replica.share();
  };
  const known = ({ publications }: Tracker) =>
    CONTENTS.filter((content) => publications.has(content, now));

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'zf-replica-'));
  });
  afterEach(() => {
    assert.deepEqual(faults.splice(0), []);
    rmSync(folder, { recursive: true });
  });

  it('are alike once all have met, as the last word has it, whatever was away, lost or forgotten', async () => {
    const step = fc.record({
      who: fc.nat(3),
      act: fc.constantFrom(
        ...(['publish', 'publish', 'withdraw', 'withdraw', 'share', 'share'] as const),
        ...(['cut', 'restart', 'lose', 'go back', 'sweep', 'sweep', 'sweep'] as const),
      ),
      site: fc.constantFrom(...SITES),
      contents: fc.uniqueArray(fc.constantFrom(...CONTENTS), { minLength: 1 }),
      seconds: fc.constantFrom(5_000, 20_000, 500_000),
      // All of it within a week: nothing has been away for longer.
      passes: fc.constantFrom(0, 1, KEPT_AFTER_END_SECONDS + 1),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        await begin(4, 2);
        /** Until when each site has each content, by the last who said so anywhere. */
        const words = new Map<string, number>();
        try {
          for (const { who, act, site, contents, seconds, passes } of steps) {
            const tracker = trackers[who]!;
            if (act === 'publish' || act === 'withdraw') {
              const until = act === 'publish' ? now + seconds : 0;
              if (until > 0) tracker.publications.publish(site, contents, until, now, MOST);
              else tracker.publications.withdraw(site, contents, now, MOST);
              for (const content of contents) words.set(`${content} ${site}`, until);
            } else if (act === 'share') await tracker.replica.share();
            else if (act === 'cut') tracker.isUp = !tracker.isUp;
            else if (act === 'lose') store.lose();
            else if (act === 'go back') store.lose(passes % 4);
            else if (act === 'sweep') tracker.publications.sweep(now, 9);
            else {
              stop(tracker);
              await start(tracker);
            }
            now += passes;
          }
          for (const tracker of trackers) tracker.isUp = true;
          await shareAll();
          const expected = CONTENTS.filter((content) =>
            SITES.some((site) => (words.get(`${content} ${site}`) ?? 0) > now),
          );
          for (const tracker of trackers) {
            assert.deepEqual(known(tracker), expected);
            assert.deepEqual(tracker.publications.unsent(1), []);
          }
        } finally {
          for (const tracker of trackers) stop(tracker);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('come in portions, and each tells what changed', async () => {
    await begin(2);
    const [one, other] = trackers as [Tracker, Tracker];
    const names = Array.from({ length: 2 * MAX_ENTRIES_READ + 7 }, (_, n) => `2:${n}`);
    one.publications.publish('a.example', names, 2_000, now, MOST);
    await one.replica.share();
    await other.replica.share();
    assert.equal(other.publications.total(now), names.length);
    assert.deepEqual(other.changed.sort(), [...names].sort());
    other.changed.length = 0;
    one.publications.withdraw('a.example', names.slice(0, 2), now, MOST);
    await one.replica.share();
    await other.replica.share();
    assert.deepEqual(other.changed.sort(), ['2:0', '2:1']);
    // Its own words come back to it, and change nothing.
    assert.deepEqual(one.changed, []);
    for (const tracker of trackers) stop(tracker);
  });

  it('do not come back from one that was away when they were taken back, though the store has lost that', async () => {
    await begin(2);
    const [one, away] = trackers as [Tracker, Tracker];
    one.publications.publish('a.example', ['2:00'], now + 1_000_000, now, MOST);
    await shareAll();
    away.isUp = false;
    one.publications.withdraw('a.example', ['2:00'], now, MOST);
    await one.replica.share();
    store.lose();
    now += KEPT_FOR_OTHERS_SECONDS - 1;
    one.publications.sweep(now, 9);
    away.isUp = true;
    for (const { replica } of [away, one, away]) await replica.share();
    for (const tracker of trackers) assert.deepEqual(known(tracker), []);
    for (const tracker of trackers) stop(tracker);
  });

  it('are taken back elsewhere as well after the store was away for very long', async () => {
    await begin(2);
    const [one, other] = trackers as [Tracker, Tracker];
    one.publications.publish('a.example', ['2:00'], now + 10_000_000, now, MOST);
    await shareAll();
    one.isUp = false;
    one.publications.withdraw('a.example', ['2:00'], now, MOST);
    now += 2 * KEPT_FOR_OTHERS_SECONDS;
    one.publications.sweep(now, 9);
    assert.deepEqual(known(other), ['2:00']);
    one.isUp = true;
    await shareAll();
    assert.deepEqual(known(other), []);
    // From now on the others have a week to hear of it.
    assert.equal(one.publications.sweep(now + KEPT_FOR_OTHERS_SECONDS - 1, 9), 0);
    assert.equal(one.publications.sweep(now + KEPT_FOR_OTHERS_SECONDS, 9), 1);
    for (const tracker of trackers) stop(tracker);
  });

  it('are told to others when a tracker that was on its own is joined to them again', async () => {
    await begin(2);
    const [one, other] = trackers as [Tracker, Tracker];
    one.publications.publish('a.example', ['2:00'], now + 9_000, now, MOST);
    await shareAll();
    stop(one);
    const alone = await Publications.open(one.path, false, stamp);
    alone.publish('a.example', ['5:01'], now + 9_000, now, MOST);
    alone.withdraw('a.example', ['2:00'], now, MOST);
    now += KEPT_AFTER_END_SECONDS;
    alone.sweep(now, 9);
    alone.close();
    await start(one);
    await shareAll();
    assert.deepEqual(known(other), ['5:01']);
    for (const tracker of trackers) stop(tracker);
  });

  it('are told although the tracker of a machine that took them is not joined, only another with the same file', async () => {
    await begin(2);
    const [one, other] = trackers as [Tracker, Tracker];
    const beside = await Publications.open(one.path, false, stamp);
    beside.publish('a.example', ['2:00', '5:01'], now + 9_000, now, MOST);
    await shareAll();
    beside.withdraw('a.example', ['2:00'], now, MOST);
    await shareAll();
    assert.deepEqual(known(other), ['5:01']);
    beside.close();
    for (const tracker of trackers) stop(tracker);
  });

  it('are taken back of a tracker that has no room for more, up to a bound, which is told', async () => {
    await begin(1);
    const [one] = trackers as [Tracker];
    one.publications.publish('a.example', ['2:00'], now + 9_000, now, 1);
    assert.deepEqual(one.publications.withdraw('a.example', ['5:01'], now, 1), { published: 1 });
    assert.deepEqual(one.publications.withdraw('a.example', ['5:02'], now, 1), { needed: 3 });
    assert.deepEqual(one.publications.withdraw('a.example', ['2:00'], now, 1), { published: 0 });
    stop(one);
  });

  it('are found by other trackers of a machine among what ended, when others took them back', async () => {
    await begin(2);
    const [one, other] = trackers as [Tracker, Tracker];
    one.publications.publish('a.example', ['2:00'], 9_000, now, MOST);
    await shareAll();
    one.publications.publish('b.example', ['5:01'], now + 60, now, MOST);
    one.publications.withdraw('a.example', ['2:00'], now, MOST);
    await one.replica.share();
    // Hours later, as the store was away.
    now += 7_000;
    await other.replica.share();
    const beside = await Publications.open(other.path, true);
    assert.deepEqual(beside.ended({ at: now - 1, content: '' }, now, 9), [
      { at: now, content: '2:00' },
      { at: now, content: '5:01' },
    ]);
    beside.close();
    for (const tracker of trackers) stop(tracker);
  });

  it('begin anew at once where something was published meanwhile, one after the other', async () => {
    await begin(2);
    const [one, other] = trackers as [Tracker, Tracker];
    one.publications.publish('a.example', ['2:00'], 2_000, now, MOST);
    const first = one.replica.share();
    one.publications.publish('a.example', ['5:01'], 2_000, now, MOST);
    await one.replica.share();
    await first;
    await other.replica.share();
    assert.deepEqual(known(other), ['2:00', '5:01']);
    for (const tracker of trackers) stop(tracker);
  });

  it('leave out what is none of theirs in the store', async () => {
    await begin(1);
    const [one] = trackers as [Tracker];
    const entry = { stamp: 5, value: 2_000, forgetAt: 9_999 };
    store.write([
      { ...entry, name: '2:00 a.example' },
      { ...entry, name: '2:01' },
      { ...entry, name: '2:01 a.example b.example' },
      { ...entry, name: '5:01 a.example', stamp: 2 ** 60 },
    ]);
    await one.replica.share();
    assert.deepEqual(known(one), ['2:00']);
    stop(one);
  });
});
