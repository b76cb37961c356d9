import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { PUBLICATIONS_WAIT_MS, WITHDRAWN_KEPT_SECONDS } from '../limits.ts';

/** A file of publications that cannot be used. The message says why, and the cure. */
export class PublicationsError extends Error {}

/** "zfpu": tells our files from other databases of SQLite. */
const APPLICATION_ID = 0x7a667075;
const VERSION = 1;

/**
 * Until when sites have contents, in a database of SQLite, which several trackers of one machine may
 * share. Times are whole seconds since 1970. Contents are named by `contentKey`. A row whose end has come is kept
 * for a while, so that the others learn of it.
 * Every method but `close` throws what SQLite says when the disk fails.
 */
export class Publications {
  readonly #db: DatabaseSync;
  readonly #has: StatementSync;
  readonly #add: StatementSync;
  readonly #total: StatementSync;
  readonly #countOf: StatementSync;
  readonly #isNew: StatementSync;
  readonly #ended: StatementSync;
  readonly #forget: StatementSync;

  private constructor(db: DatabaseSync) {
    this.#db = db;
    this.#has = db.prepare('SELECT 1 FROM publications WHERE content = ? AND until > ? LIMIT 1');
    this.#add = db.prepare('INSERT OR REPLACE INTO publications VALUES (?, ?, ?)');
    this.#total = db.prepare('SELECT count(*) AS n FROM publications WHERE until > ?');
    this.#countOf = db.prepare(
      'SELECT count(*) AS n FROM publications WHERE site = ? AND until > ?',
    );
    this.#isNew = db.prepare(
      'SELECT 1 FROM publications WHERE content = ? AND site = ? AND until > ?',
    );
    this.#ended = db.prepare(
      'SELECT DISTINCT content FROM publications WHERE until > ? AND until <= ?',
    );
    this.#forget = db.prepare('DELETE FROM publications WHERE until <= ?');
  }

  /**
   * Opens the file, or makes it.
   * @throws {PublicationsError} if it cannot be read and written, or is something else
   */
  static async open(path: string): Promise<Publications> {
    const { DatabaseSync } = await import('node:sqlite').catch(() => {
      throw new PublicationsError('--published-file needs Node.js 22.13 or later');
    });
    let db: DatabaseSync | undefined;
    try {
      db = new DatabaseSync(path, { timeout: PUBLICATIONS_WAIT_MS });
      prepare(db, path);
      return new Publications(db);
    } catch (error) {
      db?.close();
      if (error instanceof PublicationsError) throw error;
      throw new PublicationsError(
        `${path} (--published-file) cannot be used: ${(error as Error).message}; its folder has to be there, and writable`,
      );
    }
  }

  /** Whether any site has it. */
  has(content: string, now: number): boolean {
    return this.#has.get(content, now) !== undefined;
  }

  /** Pairs of a site and a content. Looks at each. */
  total(now: number): number {
    return countIn(this.#total.get(now));
  }

  /** Contents of one site. */
  countOf(site: string, now: number): number {
    return countIn(this.#countOf.get(site, now));
  }

  /** How many of these the site has not yet; they are distinct. */
  news(site: string, contents: readonly string[], now: number): number {
    return contents.filter((content) => !this.#isNew.get(content, site, now)).length;
  }

  /** Sets the end for a site's contents, whatever it was; all are on disk when it returns, or none. */
  set(site: string, contents: readonly string[], until: number): void {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      for (const content of contents) this.#add.run(content, site, until);
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /** Contents that a site has had no longer since `after`, and that no other has at `now`. */
  ended(after: number, now: number): string[] {
    return this.#ended
      .all(after, now)
      .map(({ content }) => content as string)
      .filter((content) => !this.has(content, now));
  }

  /** Forgets what ended long ago. */
  sweep(now: number): void {
    this.#forget.run(now - WITHDRAWN_KEPT_SECONDS);
  }

  close(): void {
    this.#db.close();
  }
}

function prepare(db: DatabaseSync, path: string): void {
  const pragma = (name: string) => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  const tables = countIn(db.prepare('SELECT count(*) AS n FROM sqlite_schema').get());
  if (
    tables > 0 &&
    (pragma('application_id') !== APPLICATION_ID || pragma('user_version') !== VERSION)
  )
    throw new PublicationsError(
      `${path} (--published-file) is another program's, or of another version of the tracker; name another file`,
    );
  // Who reads must not wait for who writes, and what was said to be kept is kept.
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    BEGIN IMMEDIATE;
    PRAGMA application_id = ${APPLICATION_ID};
    PRAGMA user_version = ${VERSION};
    CREATE TABLE IF NOT EXISTS publications (
      content TEXT NOT NULL, site TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (content, site)
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX IF NOT EXISTS by_site ON publications (site, until);
    CREATE INDEX IF NOT EXISTS by_end ON publications (until, content);
    COMMIT;
  `);
}

function countIn(row: { n?: unknown } | undefined): number {
  return Number(row?.n ?? 0);
}
