import { KeyFile } from '../access/key-file.ts';
import type { TokenKey } from '../access/keys.ts';
import type { TokenProblem } from '../access/tokens.ts';
import type { Config } from '../config/settings.ts';
import type { Counters } from '../counters.ts';
import { countIn } from '../counters.ts';
import type { LimitName } from '../limits.ts';
import type { Log } from '../log.ts';
import { Publications } from './publications.ts';
import { Publisher } from './publisher.ts';

export interface OpenOptions {
  readonly config: Config;
  readonly counters: Counters;
  readonly keyFilePollMs: number;
  /** Hears of new keys, or why there are none. */
  readonly onKeys: (result: readonly TokenKey[] | Error) => void;
  /** Hears of contents that are not served any more. */
  readonly onEnded: (contents: readonly string[]) => void;
  readonly log: Log;
}

export interface OpenPublisher {
  readonly publisher: Publisher;
  close(): void;
}

/**
 * What takes publications, with its files; undefined: every content is served.
 * @throws {KeyError} if the file of keys cannot be used
 * @throws {PublicationsError} if the database cannot
 */
export async function openPublisher({
  config: { publishKeysFile, publishedFile, tokenAudience, maxPublished },
  ...options
}: OpenOptions): Promise<OpenPublisher | undefined> {
  if (publishKeysFile === undefined || publishedFile === undefined) return undefined;
  const { counters, log, keyFilePollMs, onKeys, onEnded } = options;
  const publications = await Publications.open(publishedFile);
  let keyFile: KeyFile;
  try {
    const file = { path: publishKeysFile, setting: 'publish-keys-file' } as const;
    keyFile = new KeyFile({ ...file, pollMs: keyFilePollMs, onChange: onKeys });
  } catch (error) {
    publications.close();
    throw error;
  }
  const publisher = new Publisher({
    publications,
    keys: () => keyFile.keys,
    tokenAudience,
    maxPublished,
    now: () => Math.floor(Date.now() / 1_000),
    onEnded,
    onRefused(limit: LimitName, problem?: TokenProblem) {
      countIn(counters.limits, limit);
      if (problem) countIn(counters.tokens, problem);
    },
    onFault: (error) => log.error({ err: error }, 'publications cannot be kept'),
  });
  log.info({ published: publisher.total }, 'only published contents are served');
  return {
    publisher,
    close() {
      keyFile.close();
      publications.close();
    },
  };
}
