import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { KEPT_AFTER_END_SECONDS } from './limits.ts';
import { Publications, PublicationsError } from './publications.ts';

const SITES = ['a.example', 'b.example'];
const CONTENTS = ['2:00', '2:01', '5:02', '1:03'];

describe('publications in a file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'zf-publications-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  let files = 0;
  const fresh = () => join(folder, `${files++}.db`);

  const FIRST = { at: -1, content: '' };
  const MOST = 1_000;

  it('are what a naive model of them is, whichever of two trackers is asked, and after a restart', async () => {
    const step = fc.record({
      who: fc.nat(1),
      site: fc.constantFrom(...SITES),
      contents: fc.uniqueArray(fc.constantFrom(...CONTENTS), { minLength: 1 }),
      seconds: fc.oneof(fc.constant(0), fc.nat(20)),
      passes: fc.nat(9),
      restarts: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const path = fresh();
        const both = [await Publications.open(path), await Publications.open(path)];
        const model = new Map<string, number>();
        let now = 1_000;
        let looked = now - 1;
        const isThere = (content: string, of: string) => (model.get(`${content} ${of}`) ?? 0) > now;
        const countOf = (of: string) => CONTENTS.filter((content) => isThere(content, of)).length;
        const known = () => CONTENTS.filter((content) => SITES.some((of) => isThere(content, of)));
        try {
          for (const { who, site, contents, seconds, passes, restarts } of steps) {
            const before = known();
            const done =
              seconds === 0
                ? both[who]!.withdraw(site, contents, now, MOST)
                : both[who]!.publish(site, contents, now + seconds, now, MOST);
            for (const content of contents)
              model.set(`${content} ${site}`, seconds && now + seconds);
            assert.deepEqual(done, { published: countOf(site) });
            now += passes;
            if (restarts) {
              both[who]!.close();
              both[who] = await Publications.open(path);
            }
            const has = known();
            for (const each of both) {
              assert.deepEqual(
                CONTENTS.filter((content) => each.has(content, now)),
                has,
              );
              assert.equal(each.total(now), countOf(SITES[0]!) + countOf(SITES[1]!));
              const ended: string[] = [];
              for (let from = { at: looked - 1, content: '' }; ; ) {
                const some = each.ended(from, now, 2);
                ended.push(...some.map(({ content }) => content));
                if (some.length < 2) break;
                from = some[1]!;
              }
              for (const content of before)
                if (!has.includes(content)) assert.ok(ended.includes(content), content);
            }
            looked = now;
          }
        } finally {
          for (const each of both) each.close();
        }
      }),
      { numRuns: 40 },
    );
  });

  it('walks through what ended in steps, each once', async () => {
    const publications = await Publications.open(fresh());
    publications.publish('a.example', CONTENTS, 20, 1, MOST);
    publications.publish('b.example', CONTENTS.slice(1), 10, 1, MOST);
    publications.withdraw('a.example', ['5:02'], 5, MOST);
    const seen: unknown[] = [];
    let from = FIRST;
    for (let step = publications.ended(from, 15, 2); step.length > 0; ) {
      seen.push(...step.map(({ at, content }) => [at, content]));
      from = step.at(-1)!;
      step = publications.ended(from, 15, 2);
    }
    assert.deepEqual(seen, [
      [5, '5:02'],
      [10, '1:03'],
      [10, '2:01'],
      [10, '5:02'],
    ]);
    publications.close();
  });

  it('forgets in time what has ended, in portions', async () => {
    const path = fresh();
    const publications = await Publications.open(path);
    publications.publish('a.example', CONTENTS, 100, 1, MOST);
    const rows = () => {
      const db = new DatabaseSync(path);
      const { n } = db.prepare('SELECT count(*) AS n FROM publications').get() as { n: number };
      db.close();
      return n;
    };
    publications.sweep(100 + KEPT_AFTER_END_SECONDS - 1, 3);
    assert.equal(rows(), 4);
    publications.sweep(100 + KEPT_AFTER_END_SECONDS, 3);
    assert.equal(rows(), 1);
    publications.sweep(100 + KEPT_AFTER_END_SECONDS, 3);
    assert.equal(rows(), 0);
    publications.close();
  });

  it('do not come back with a clock that is set back', async () => {
    const publications = await Publications.open(fresh());
    publications.publish('a.example', ['2:00'], 1_000, 500, MOST);
    publications.withdraw('a.example', ['2:00'], 600, MOST);
    assert.equal(publications.has('2:00', 100), false);
    publications.close();
  });

  it('are no more than may be kept, whatever is taken back or runs out within the hour', async () => {
    const publications = await Publications.open(fresh());
    const publish = (content: string, until = 100) =>
      publications.publish('a.example', [content], until, 1, 2);
    publications.withdraw('a.example', CONTENTS, 1, MOST);
    assert.deepEqual(publish('2:00', 2), { published: 1 });
    assert.deepEqual(publish('2:01'), { published: 2 });
    publications.withdraw('a.example', ['2:01'], 3, MOST);
    assert.deepEqual(publish('5:02'), { needed: 3 });
    // What is there may be said again, also where fewer are kept than before.
    assert.deepEqual(publications.publish('a.example', ['2:00'], 100, 5, 1), { published: 1 });
    assert.equal(publications.has('5:02', 5), false);
    publications.close();
  });

  it('takes all or nothing', async () => {
    const publications = await Publications.open(fresh());
    // The database refuses what is no text: half of these are in by then.
    const contents = ['2:00', null as unknown as string];
    assert.throws(() => publications.publish('a.example', contents, 100, 1, MOST));
    assert.equal(publications.total(1), 0);
    publications.publish('a.example', ['2:00'], 100, 1, MOST);
    assert.equal(publications.total(1), 1);
    publications.close();
  });

  it('waits a moment for another program that writes, and then says so', async () => {
    const path = fresh();
    const publications = await Publications.open(path);
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const publish = () => publications.publish('a.example', ['2:00'], 100, 1, MOST);
    assert.throws(publish, /locked/);
    // Who reads does not wait, nor who has nothing to forget.
    assert.equal(publications.has('2:00', 1), false);
    publications.sweep(100_000, 10);
    other.exec('COMMIT');
    publish();
    assert.equal(publications.has('2:00', 1), true);
    other.close();
    publications.close();
  });

  it('takes over a file of the version before', async () => {
    const path = fresh();
    const db = new DatabaseSync(path);
    db.exec(`
      PRAGMA application_id = ${0x7a667075};
      PRAGMA user_version = 1;
      CREATE TABLE publications (
        content TEXT NOT NULL, site TEXT NOT NULL, until INTEGER NOT NULL, ended INTEGER NOT NULL,
        PRIMARY KEY (content, site)
      ) WITHOUT ROWID, STRICT;
      CREATE INDEX by_site ON publications (site, until);
      CREATE INDEX by_end ON publications (ended, content);
      INSERT INTO publications VALUES ('2:00', 'a.example', 100, 100), ('2:01', 'a.example', 0, 40);
    `);
    db.close();
    for (let start = 0; start < 2; start++) {
      const publications = await Publications.open(path, true);
      assert.deepEqual(
        CONTENTS.map((content) => publications.has(content, 50)),
        [true, false, false, false],
      );
      assert.deepEqual(publications.publish('a.example', ['2:02'], 100, 50, MOST), {
        published: 2,
      });
      publications.close();
    }
  });

  it('refuse at the start a file that can be read, but not written', async () => {
    const path = fresh();
    // Else SQLite could not even read it there.
    const inUse = await Publications.open(path);
    inUse.publish('a.example', ['2:00'], 100, 50, MOST);
    const opening = `import { Publications } from ${JSON.stringify(new URL('publications.ts', import.meta.url))};
      await Publications.open(process.argv[1]).catch((error) => console.log(error.message));`;
    const { stdout, stderr } = spawnSync(
      'unshare',
      [
        ...['--mount', 'sh', '-ec'],
        'mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"; exec "$2" --input-type=module -e "$3" "$4"',
        ...['sh', folder, process.execPath, opening, path],
      ],
      { encoding: 'utf8' },
    );
    inUse.close();
    assert.match(stdout, /readonly database; it and its folder have to be writable\n$/, stderr);
  });

  it('leaves alone what is no file of publications', async () => {
    const refuses = async (path: string, what: RegExp) =>
      assert.rejects(Publications.open(path), (error: Error) => {
        assert.ok(error instanceof PublicationsError);
        assert.match(error.message, what);
        assert.ok(error.message.includes(path));
        return true;
      });
    await refuses(join(folder, 'nowhere', 'db'), /its folder has to be there, and writable/);
    const text = fresh();
    writeFileSync(text, 'Nobody should lose this.\n'.repeat(99));
    await refuses(text, /not a database/);
    const foreign = fresh();
    const db = new DatabaseSync(foreign);
    db.exec('CREATE TABLE letters (text TEXT)');
    await refuses(foreign, /another program's/);
    assert.equal(db.prepare('PRAGMA journal_mode').get()!.journal_mode, 'delete');
    db.close();
    const newer = fresh();
    (await Publications.open(newer)).close();
    const changed = new DatabaseSync(newer);
    changed.exec('PRAGMA user_version = 3');
    changed.close();
    await refuses(newer, /a later version of the tracker/);
  });
});
