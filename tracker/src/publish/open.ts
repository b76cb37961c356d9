import { KeyFile } from '../access/key-file.ts';
import type { TokenKey } from '../access/keys.ts';
import { KeyError } from '../access/keys.ts';
import type { TokenProblem } from '../access/tokens.ts';
import type { Backplane } from '../backplane/backplane.ts';
import type { Config } from '../config/settings.ts';
import type { Counters } from '../counters.ts';
import { countIn } from '../counters.ts';
import type { LimitName } from '../limits.ts';
import type { Log } from '../log.ts';
import { SHARE_MS } from './limits.ts';
import { Publications, PublicationsError } from './publications.ts';
import { Publisher, SHARED_KEYS } from './publisher.ts';
import { Replica } from './replica.ts';

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
  /** Call it when the keys of visitors have changed. */
  lookAtKeys(): void;
  /** From now on what others publish is known here, and the other way round. */
  share(store: Backplane): void;
  close(): void;
}

/**
 * What takes publications, with its files; undefined: every content is served.
 * @throws {KeyError} if the file of keys cannot be used
 * @throws {PublicationsError} if the database cannot
 */
export async function openPublisher({
  config: { publishKeysFile, publishedFile, tokenAudience, maxPublished, redis },
  ...options
}: OpenOptions): Promise<OpenPublisher | undefined> {
  if (publishKeysFile === undefined && publishedFile === undefined) return undefined;
  if (publishKeysFile === undefined || publishedFile === undefined)
    throw new PublicationsError('--publish-keys-file and --published-file are needed both');
  const { counters, log, keyFilePollMs, onKeys, visitorKeys, held, onEnded } = options;
  const publications = await Publications.open(publishedFile, redis !== undefined);
  const changed = (result: readonly TokenKey[] | Error) => {
    onKeys(result);
    lookAtKeys();
  };
  const isShared = ({ keys }: KeyFile) => keys.some((key) => isAmong(key, visitorKeys()));
  const lookAtKeys = () => {
    if (keyFile && isShared(keyFile)) log.error(SHARED_KEYS);
  };
  let keyFile: KeyFile | undefined;
  try {
    const file = { path: publishKeysFile, setting: 'publish-keys-file' } as const;
    keyFile = new KeyFile({ ...file, pollMs: keyFilePollMs, onChange: changed });
    if (isShared(keyFile)) throw new KeyError(SHARED_KEYS);
  } catch (error) {
    keyFile?.close();
    publications.close();
    throw error;
  }
  const now = () => Math.floor(Date.now() / 1_000);
  let replica: Replica | undefined;
  let timer: NodeJS.Timeout | undefined;
  const publisher = new Publisher({
    publications,
    // Both files may change later.
    keys: () => keyFile.keys.filter((key) => !isAmong(key, visitorKeys())),
    tokenAudience,
    maxPublished,
    now,
    held,
    onEnded,
    soon: setImmediate,
    onRefused(limit: LimitName, problem?: TokenProblem) {
      countIn(counters.limits, limit);
      if (problem) countIn(counters.tokens, problem);
    },
    onFault: (error) =>
      log.error({ err: error }, 'a fault of the tracker: a call to publish failed'),
    onDiskFault(error, isNew) {
      counters.publicationFaults++;
      if (isNew) log.error({ err: error }, 'publications cannot be read, or kept');
    },
  });
  log.info({ published: publisher.total }, 'only published contents are served');
  return {
    publisher,
    lookAtKeys,
    share(store) {
      if (redis === undefined) return;
      const onChanged = (contents: readonly string[]) => publisher.changed(contents);
      const onFault = (error: unknown) => publisher.fault(error);
      const own = new Replica({ publications, store, now, onChanged, onFault });
      replica = own;
      publisher.onPublished = () => void own.share();
      timer = setInterval(publisher.onPublished, SHARE_MS);
    },
    close() {
      clearInterval(timer);
      replica?.close();
      publisher.close();
      keyFile.close();
      publications.close();
    },
  };
}

function isAmong({ key }: TokenKey, others: readonly TokenKey[]): boolean {
  return others.some((other) => other.key.equals(key));
}
