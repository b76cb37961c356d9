import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Place } from '../backplane/backplane.ts';
import {
  KEPT_AFTER_END_SECONDS,
  KEPT_FOR_OTHERS_SECONDS,
  MAX_PUBLISH_SECONDS,
  PUBLICATIONS_WAIT_MS,
} from './limits.ts';

/** A file of publications that cannot be used. The message says why, and the cure. */
export class PublicationsError extends Error {}

/** "zfpu": tells our files from other databases of SQLite. */
const APPLICATION_ID = 0x7a667075;
const VERSION = 2;

/** What to do about an error of SQLite, by its code: busy and locked, read-only and cannot open. */
const CURES: Readonly<Record<number, string>> = {
  5: 'another program writes to it; start again',
  6: 'another program writes to it; start again',
  8: 'it and its folder have to be writable',
  14: 'its folder has to be there, and writable',
};

/** Until when a site has a content, as other machines are told: of two, the newer one holds. */
export interface Shared {
  /** As {@link contentKey} names it. */
  readonly content: string;
  readonly site: string;
  /** 0: it was taken back. */
  readonly until: number;
  /** When that was said, in milliseconds since 1970; higher than that of what it replaced. */
  readonly stamp: number;
}

/** Where a walk through what ended has got to. */
export interface Ended {
  readonly at: number;
  readonly content: string;
}

/**
 * Until when sites have contents, in a database of SQLite, which several trackers of one machine may
 * share. Times are whole seconds since 1970, but for stamps. Contents are named by `contentKey`. A row whose end has come, or
 * that was taken back, is kept for a while, so that the others learn of it; for longer if those are other machines.
 * Every method but `close` throws what SQLite says when the disk fails.
 */
export class Publications {
  readonly #db: DatabaseSync;
  readonly #statements: ReturnType<typeof statementsOf>;
  readonly #stampNow: () => number;

  private constructor(db: DatabaseSync, stampNow: () => number) {
    this.#db = db;
    this.#stampNow = stampNow;
    this.#statements = statementsOf(db);
  }

  /**
   * Opens the file, or makes it.
   * @param isShared whether what is published here is to be told to other machines, from now on for ever
   * @param stampNow wall-clock time in milliseconds
   * @throws {PublicationsError} if it cannot be read and written, or is something else
   */
  static async open(
    path: string,
    isShared = false,
    stampNow: () => number = Date.now,
  ): Promise<Publications> {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    // Before, SQLite neither waits for others nor says whether it is in a transaction.
    if (major < 22 || (major === 22 && minor < 16) || major === 23)
      throw new PublicationsError('--published-file needs Node.js 22.16, or 24 or later');
    const { DatabaseSync } = await import('node:sqlite');
    let db: DatabaseSync | undefined;
    try {
      db = new DatabaseSync(path, { timeout: PUBLICATIONS_WAIT_MS });
      prepare(db, path);
      if (isShared) db.exec("INSERT OR IGNORE INTO place VALUES (1, '', 0)");
      return new Publications(db, stampNow);
    } catch (error) {
      db?.close();
      if (error instanceof PublicationsError) throw error;
      const { errcode = 0, message } = error as Error & { errcode?: number };
      const cure = CURES[errcode & 255] ?? 'restore it, or name another file';
      throw new PublicationsError(`${path} (--published-file) cannot be used: ${message}; ${cure}`);
    }
  }

  /** Whether any site has it. */
  has(content: string, now: number): boolean {
    return this.#statements.has.get(content, now) !== undefined;
  }

  /** Pairs of a site and a content. Looks at each. */
  total(now: number): number {
    return numberIn(this.#statements.total.get(now));
  }

  /**
   * Sets the end for a site's contents, whatever it was. All are on disk when it returns, or none.
   * @param most pairs to keep, those included that ended a while ago
   * @returns how many contents the site has then; or, if they do not fit, how many pairs there would be
   */
  publish(
    site: string,
    contents: readonly string[],
    until: number,
    now: number,
    most: number,
  ): { readonly published: number } | { readonly needed: number } {
    const { isThere, rows, add } = this.#statements;
    return this.#all(() => {
      const news = contents.filter((content) => !isThere.get(content, site)).length;
      const needed = news > 0 ? numberIn(rows.get()) + news : 0;
      if (needed > most) return { needed };
      const isShared = Number(this.#isShared);
      for (const content of contents) add.run(content, site, until, this.#stampNow(), isShared);
      return { published: this.#countOf(site, now) };
    });
  }

  /**
   * Takes them back, as above. Where other machines may have published them, that is noted also of contents
   * that are not known here.
   * @param most pairs to keep; as many again may be noted so
   */
  withdraw(
    site: string,
    contents: readonly string[],
    now: number,
    most: number,
  ): { readonly published: number } | { readonly needed: number } {
    const { isThere, rows, withdraw, takeBack } = this.#statements;
    return this.#all(() => {
      const isShared = this.#isShared;
      const news = isShared ? contents.filter((content) => !isThere.get(content, site)).length : 0;
      const needed = news > 0 ? numberIn(rows.get()) + news : 0;
      if (needed > 2 * most) return { needed };
      for (const content of contents)
        if (isShared) takeBack.run(content, site, now, this.#stampNow());
        else withdraw.run(now, content, site, this.#stampNow());
      return { published: this.#countOf(site, now) };
    });
  }

  /**
   * The next up to `count` that a site has had no longer, in their order; another site may have them.
   * @param from what came last
   */
  ended(from: Ended, now: number, count: number): Ended[] {
    const { ended } = this.#statements;
    return ended
      .all(from.at, from.content, now, count)
      .map(({ at, content }) => ({ at: Number(at), content: String(content) }));
  }

  /** Forgets up to `count` that ended long ago, and that others need not be told. @returns how many */
  sweep(now: number, count: number): number {
    const told = now - (this.#isShared ? KEPT_FOR_OTHERS_SECONDS : KEPT_AFTER_END_SECONDS);
    // By then nobody has it any more.
    const untold = now - MAX_PUBLISH_SECONDS;
    const { oldest, forget } = this.#statements;
    // To write means to wait for others who do.
    return oldest.get(told, untold) ? Number(forget.run(told, untold, count).changes) : 0;
  }

  /** Up to where the store that machines share was read, and told everything; none at first. */
  get place(): Place {
    const { store = '', seen = 0 } = this.#statements.place.get() ?? {};
    return { store: String(store), seen: Number(seen) };
  }

  keepPlace({ store, seen }: Place): void {
    this.#statements.keepPlace.run(store, seen);
  }

  /**
   * Takes over what others published, where it is newer.
   * @returns the contents of which anything has changed
   */
  learn(news: readonly Shared[], now: number): string[] {
    return this.#all(() =>
      news.flatMap(({ content, site, until, stamp }) =>
        this.#statements.learn.run(content, site, until, Math.max(until, now), stamp).changes
          ? [content]
          : [],
      ),
    );
  }

  /** The next up to `count` of all there are, in their order. @param from the last one before */
  after({ content, site }: Pick<Shared, 'content' | 'site'>, count: number): Shared[] {
    return this.#statements.after.all(content, site, count).map(sharedOf);
  }

  /** Up to `count` that others were not told of. */
  unsent(count: number): Shared[] {
    return this.#statements.unsent.all(count).map(sharedOf);
  }

  /** They were told of these. What has ended is kept for a while from now on. */
  sent(told: readonly Shared[], now: number): void {
    this.#all(() => {
      for (const { content, site, stamp } of told)
        this.#statements.sent.run(content, site, stamp, now);
    });
  }

  close(): void {
    this.#db.close();
  }

  /** Whether other machines are to be told; by now, as another process may have been joined to them. */
  get #isShared(): boolean {
    return this.#statements.place.get() !== undefined;
  }

  #countOf(site: string, now: number): number {
    return numberIn(this.#statements.countOf.get(site, now));
  }

  #all<T>(act: () => T): T {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = act();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }
}

/** `until` is 0 for what was taken back, which a clock that is set back must not bring back; `ended` says when that was, or will be. */
const FIRST_TABLE = `
  CREATE TABLE publications (
    content TEXT NOT NULL, site TEXT NOT NULL, until INTEGER NOT NULL, ended INTEGER NOT NULL,
    PRIMARY KEY (content, site)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX by_site ON publications (site, until);
  CREATE INDEX by_end ON publications (ended, content);
`;

/** Since version 2. `unsent` is 1 for what other machines have not been told. */
const SHARED_TABLES = `
  ALTER TABLE publications ADD COLUMN stamp INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE publications ADD COLUMN unsent INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX by_unsent ON publications (unsent) WHERE unsent = 1;
  CREATE TABLE place (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), store TEXT NOT NULL, seen INTEGER NOT NULL) STRICT;
`;

/** What ended before ?1 and was told to others, if there are any; or before ?2. */
const OLD = 'ended <= ?1 AND (unsent = 0 OR ended <= ?2)';

function statementsOf(db: DatabaseSync) {
  const prepared = (sql: string): StatementSync => db.prepare(sql);
  return {
    has: prepared('SELECT 1 FROM publications WHERE content = ? AND until > ? LIMIT 1'),
    isThere: prepared('SELECT 1 FROM publications WHERE content = ? AND site = ?'),
    add: prepared(`INSERT INTO publications VALUES (?1, ?2, ?3, ?3, ?4, ?5)
      ON CONFLICT DO UPDATE SET until = ?3, ended = ?3, stamp = max(?4, stamp + 1), unsent = ?5`),
    withdraw: prepared(`UPDATE publications
      SET until = 0, ended = min(ended, ?1), stamp = max(?4, stamp + 1)
      WHERE content = ?2 AND site = ?3 AND until > 0`),
    takeBack: prepared(`INSERT INTO publications VALUES (?1, ?2, 0, ?3, ?4, 1)
      ON CONFLICT DO UPDATE SET until = 0, ended = ?3, stamp = max(?4, stamp + 1), unsent = 1`),
    place: prepared('SELECT store, seen FROM place'),
    keepPlace: prepared('INSERT OR REPLACE INTO place VALUES (1, ?, ?)'),
    learn: prepared(`INSERT INTO publications VALUES (?1, ?2, ?3, ?4, ?5, 0)
      ON CONFLICT DO UPDATE SET until = ?3, ended = ?4, stamp = ?5, unsent = 0
      WHERE (?5, ?3) > (stamp, until)`),
    after: prepared(
      'SELECT content, site, until, stamp FROM publications WHERE (content, site) > (?, ?) ORDER BY content, site LIMIT ?',
    ),
    unsent: prepared(
      'SELECT content, site, until, stamp FROM publications WHERE unsent = 1 LIMIT ?',
    ),
    sent: prepared(`UPDATE publications SET unsent = 0, ended = iif(until > ?4, until, max(ended, ?4))
      WHERE content = ?1 AND site = ?2 AND stamp = ?3`),
    rows: prepared('SELECT count(*) AS n FROM publications'),
    total: prepared('SELECT count(*) AS n FROM publications WHERE until > ?'),
    countOf: prepared('SELECT count(*) AS n FROM publications WHERE site = ? AND until > ?'),
    ended: prepared(
      'SELECT ended AS at, content FROM publications WHERE (ended, content) > (?, ?) AND ended <= ? ORDER BY ended, content LIMIT ?',
    ),
    oldest: prepared(`SELECT 1 FROM publications WHERE ${OLD} LIMIT 1`),
    forget: prepared(
      `DELETE FROM publications WHERE (content, site) IN (SELECT content, site FROM publications WHERE ${OLD} LIMIT ?3)`,
    ),
  };
}

/** @throws {PublicationsError} if it is not ours */
function prepare(db: DatabaseSync, path: string): void {
  const pragma = (name: string) => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  const version = () => {
    const tables = numberIn(db.prepare('SELECT count(*) AS n FROM sqlite_schema').get());
    if (tables === 0) return 0;
    const found = pragma('application_id') === APPLICATION_ID ? Number(pragma('user_version')) : -1;
    if (found >= 1 && found <= VERSION) return found;
    throw new PublicationsError(
      `${path} (--published-file) is another program's, or of a later version of the tracker; name another file`,
    );
  };
  const before = version();
  // What was said to be kept is kept.
  db.exec('PRAGMA synchronous = FULL');
  if (before === VERSION) {
    // On a file system that is read-only, only the first publication would show it.
    db.exec(`BEGIN IMMEDIATE; PRAGMA user_version = ${VERSION}; ROLLBACK`);
    return;
  }
  // Who reads must not wait for who writes.
  if (before === 0) db.exec('PRAGMA journal_mode = WAL');
  db.exec('BEGIN IMMEDIATE');
  try {
    // Another tracker may have been faster.
    const found = version();
    if (found === 0) db.exec(`PRAGMA application_id = ${APPLICATION_ID}; ${FIRST_TABLE}`);
    if (found < 2) db.exec(SHARED_TABLES);
    db.exec(`PRAGMA user_version = ${VERSION}; COMMIT`);
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function sharedOf({ content, site, until, stamp }: Record<string, unknown>): Shared {
  return {
    ...{ content: String(content), site: String(site) },
    ...{ until: Number(until), stamp: Number(stamp) },
  };
}

function numberIn(row: { n?: unknown } | undefined): number {
  return Number(row?.n ?? 0);
}
