import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { WITHDRAWN_KEPT_SECONDS } from '../limits.ts';
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
        let looked = now;
        try {
          for (const { who, site, contents, seconds, passes, restarts } of steps) {
            const isThere = (content: string, of: string) =>
              (model.get(`${content} ${of}`) ?? 0) > now;
            assert.equal(
              both[who]!.news(site, contents, now),
              contents.filter((content) => !isThere(content, site)).length,
            );
            const before = CONTENTS.filter((content) => SITES.some((of) => isThere(content, of)));
            both[who]!.set(site, contents, now + seconds);
            for (const content of contents) model.set(`${content} ${site}`, now + seconds);
            now += passes;
            if (restarts) {
              both[who]!.close();
              both[who] = await Publications.open(path);
            }
            const has = CONTENTS.filter((content) => SITES.some((of) => isThere(content, of)));
            for (const each of both) {
              assert.deepEqual(
                CONTENTS.filter((content) => each.has(content, now)),
                has,
              );
              const live = [...model].filter(([, until]) => until > now);
              assert.equal(each.total(now), live.length);
              for (const of of SITES)
                assert.equal(
                  each.countOf(of, now),
                  live.filter(([key]) => key.endsWith(of)).length,
                );
              const ended = new Set(each.ended(looked - 1, now));
              for (const content of before)
                assert.equal(ended.has(content), !has.includes(content), content);
              each.sweep(now);
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

  it('forgets in time what has ended', async () => {
    const path = fresh();
    const publications = await Publications.open(path);
    publications.set('a.example', CONTENTS, 100);
    publications.sweep(100 + WITHDRAWN_KEPT_SECONDS - 1);
    const rows = () => {
      const db = new DatabaseSync(path);
      const { n } = db.prepare('SELECT count(*) AS n FROM publications').get() as { n: number };
      db.close();
      return n;
    };
    assert.equal(rows(), 4);
    publications.sweep(100 + WITHDRAWN_KEPT_SECONDS);
    assert.equal(rows(), 0);
    publications.close();
  });

  it('takes all or nothing', async () => {
    const path = fresh();
    const publications = await Publications.open(path);
    // The database refuses what is no text: half of these are in by then.
    const contents = ['2:00', null as unknown as string];
    assert.throws(() => publications.set('a.example', contents, 100));
    assert.equal(publications.total(1), 0);
    publications.set('a.example', ['2:00'], 100);
    assert.equal(publications.total(1), 1);
    publications.close();
  });

  it('waits a moment for another program that writes, and then says so', async () => {
    const path = fresh();
    const publications = await Publications.open(path);
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    assert.throws(() => publications.set('a.example', ['2:00'], 100), /locked/);
    // Who reads does not wait.
    assert.equal(publications.has('2:00', 1), false);
    other.exec('COMMIT');
    publications.set('a.example', ['2:00'], 100);
    assert.equal(publications.has('2:00', 1), true);
    other.close();
    publications.close();
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
    db.exec('DROP TABLE letters; PRAGMA user_version = 7');
    db.close();
  });
});
