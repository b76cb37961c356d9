import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { KEPT_AFTER_END_SECONDS, PUBLICATIONS_WAIT_MS } from '../limits.ts';

/** A file of publications that cannot be used. The message says why, and the cure. */
export class PublicationsError extends Error {}

/** "zfpu": tells our files from other databases of SQLite. */
const APPLICATION_ID = 0x7a667075;
const VERSION = 1;

/** What to do about an error of SQLite, by its code: busy and locked, read-only and cannot open. */
const CURES: Readonly<Record<number, string>> = {
  5: 'another program writes to it; start again',
  6: 'another program writes to it; start again',
  8: 'its folder has to be there, and writable',
  14: 'its folder has to be there, and writable',
};

/** Where a walk through what ended has got to. */
export interface Ended {
  readonly at: number;
  readonly content: string;
}

/**
 * Until when sites have contents, in a database of SQLite, which several trackers of one machine may
 * share. Times are whole seconds since 1970. Contents are named by `contentKey`. A row whose end has come, or
 * that was taken back, is kept for a while, so that the others learn of it.
 * Every method but `close` throws what SQLite says when the disk fails.
 */
export class Publications {
  readonly #db: DatabaseSync;
  readonly #statements: ReturnType<typeof statementsOf>;

  private constructor(db: DatabaseSync) {
    this.#db = db;
    this.#statements = statementsOf(db);
  }

  /**
   * Opens the file, or makes it.
   * @throws {PublicationsError} if it cannot be read and written, or is something else
   */
  static async open(path: string): Promise<Publications> {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    // Before, SQLite neither waits for others nor says whether it is in a transaction.
    if (major < 22 || (major === 22 && minor < 16) || major === 23)
      throw new PublicationsError('--published-file needs Node.js 22.16, or 24 or later');
    const { DatabaseSync } = await import('node:sqlite');
    let db: DatabaseSync | undefined;
    try {
      db = new DatabaseSync(path, { timeout: PUBLICATIONS_WAIT_MS });
      prepare(db, path);
      return new Publications(db);
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
      for (const content of contents) add.run(content, site, until);
      return { published: this.#countOf(site, now) };
    });
  }

  /** Takes them back, as above. */
  withdraw(site: string, contents: readonly string[], now: number): { readonly published: number } {
    return this.#all(() => {
      for (const content of contents) this.#statements.withdraw.run(now, content, site);
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

  /** Forgets up to `count` that ended long ago. @returns how many */
  sweep(now: number, count: number): number {
    const before = now - KEPT_AFTER_END_SECONDS;
    const { oldest, forget } = this.#statements;
    // To write means to wait for others who do.
    return oldest.get(before) ? Number(forget.run(before, count).changes) : 0;
  }

  close(): void {
    this.#db.close();
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
const TABLE = `
  CREATE TABLE IF NOT EXISTS publications (
    content TEXT NOT NULL, site TEXT NOT NULL, until INTEGER NOT NULL, ended INTEGER NOT NULL,
    PRIMARY KEY (content, site)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX IF NOT EXISTS by_site ON publications (site, until);
  CREATE INDEX IF NOT EXISTS by_end ON publications (ended, content);
`;

function statementsOf(db: DatabaseSync) {
  const prepared = (sql: string): StatementSync => db.prepare(sql);
  return {
    has: prepared('SELECT 1 FROM publications WHERE content = ? AND until > ? LIMIT 1'),
    isThere: prepared('SELECT 1 FROM publications WHERE content = ? AND site = ?'),
    add: prepared('INSERT OR REPLACE INTO publications VALUES (?1, ?2, ?3, ?3)'),
    withdraw: prepared(
      'UPDATE publications SET until = 0, ended = min(ended, ?) WHERE content = ? AND site = ? AND until > 0',
    ),
    rows: prepared('SELECT count(*) AS n FROM publications'),
    total: prepared('SELECT count(*) AS n FROM publications WHERE until > ?'),
    countOf: prepared('SELECT count(*) AS n FROM publications WHERE site = ? AND until > ?'),
    ended: prepared(
      'SELECT ended AS at, content FROM publications WHERE (ended, content) > (?, ?) AND ended <= ? ORDER BY ended, content LIMIT ?',
    ),
    oldest: prepared('SELECT 1 FROM publications WHERE ended <= ? LIMIT 1'),
    forget: prepared(
      'DELETE FROM publications WHERE (content, site) IN (SELECT content, site FROM publications WHERE ended <= ? LIMIT ?)',
    ),
  };
}

/** @throws {PublicationsError} if it is not ours */
function prepare(db: DatabaseSync, path: string): void {
  const pragma = (name: string) => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  const isOurs = () =>
    pragma('application_id') === APPLICATION_ID && pragma('user_version') === VERSION;
  const tables = numberIn(db.prepare('SELECT count(*) AS n FROM sqlite_schema').get());
  if (tables > 0 && !isOurs())
    throw new PublicationsError(
      `${path} (--published-file) is another program's, or of another version of the tracker; name another file`,
    );
  // What was said to be kept is kept.
  db.exec('PRAGMA synchronous = FULL');
  if (tables > 0) return;
  // Who reads must not wait for who writes.
  db.exec(`
    PRAGMA journal_mode = WAL;
    BEGIN IMMEDIATE;
    PRAGMA application_id = ${APPLICATION_ID};
    PRAGMA user_version = ${VERSION};
    ${TABLE}
    COMMIT;
  `);
}

function numberIn(row: { n?: unknown } | undefined): number {
  return Number(row?.n ?? 0);
}
