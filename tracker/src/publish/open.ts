import { KeyFile } from '../access/key-file.ts';
import type { TokenKey } from '../access/keys.ts';
import { KeyError } from '../access/keys.ts';
import type { TokenProblem } from '../access/tokens.ts';
import type { Config } from '../config/settings.ts';
import type { Counters } from '../counters.ts';
import { countIn } from '../counters.ts';
import type { LimitName } from '../limits.ts';
import type { Log } from '../log.ts';
import { Publications, PublicationsError } from './publications.ts';
import { Publisher } from './publisher.ts';

export interface OpenOptions {
  readonly config: Config;
  readonly counters: Counters;
  readonly keyFilePollMs: number;
  /** Hears of new keys, or why there are none. */
  readonly onKeys: (result: readonly TokenKey[] | Error) => void;
  /** Keys that visitors' tokens are signed with, if they need any: these do not publish. */
  readonly visitorKeys: () => readonly TokenKey[];
  /** See PublisherOptions. */
  readonly held: () => Iterable<string>;
  readonly onEnded: (content: string) => void;
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
  if (publishKeysFile === undefined && publishedFile === undefined) return undefined;
  if (publishKeysFile === undefined || publishedFile === undefined)
    throw new PublicationsError('--publish-keys-file and --published-file are needed both');
  const { counters, log, keyFilePollMs, onKeys, visitorKeys, held, onEnded } = options;
  const publications = await Publications.open(publishedFile);
  let keyFile: KeyFile | undefined;
  try {
    const file = { path: publishKeysFile, setting: 'publish-keys-file' } as const;
    keyFile = new KeyFile({ ...file, pollMs: keyFilePollMs, onChange: onKeys });
    refuseShared(keyFile, visitorKeys());
  } catch (error) {
    keyFile?.close();
    publications.close();
    throw error;
  }
  const publisher = new Publisher({
    publications,
    // Both files may change later.
    keys: () => keyFile.keys.filter((key) => !isAmong(key, visitorKeys())),
    tokenAudience,
    maxPublished,
    now: () => Math.floor(Date.now() / 1_000),
    held,
    onEnded,
    soon: setImmediate,
    onRefused(limit: LimitName, problem?: TokenProblem) {
      countIn(counters.limits, limit);
      if (problem) countIn(counters.tokens, problem);
    },
    onFault: (error) => log.error({ err: error }, 'publications cannot be read, or kept'),
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

/** Tokens of visitors are in the pages of their sites, where everybody can read them. @throws {KeyError} */
function refuseShared({ keys }: KeyFile, visitorKeys: readonly TokenKey[]): void {
  if (keys.some((key) => isAmong(key, visitorKeys)))
    throw new KeyError(
      '--publish-keys-file has a key that is in --token-keys-file as well, so that every visitor could publish; make another pair for publishing',
    );
}

function isAmong({ key }: TokenKey, others: readonly TokenKey[]): boolean {
  return others.some((other) => other.key.equals(key));
}
