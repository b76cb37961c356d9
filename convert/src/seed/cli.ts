import { constants } from 'node:os';
import { formatContentId } from '@zauberflote/proto';
import manifest from '../../package.json' with { type: 'json' };
import { DiskStore } from './disk-store.ts';
import { findFiles } from './find-files.ts';
import { Library } from './library.ts';
import { LEAVE_MS } from './limits.ts';
import type { Command, SeedOptions } from './options.ts';
import { parseOptions, USAGE } from './options.ts';
import { NoWebRtcError, type SeedPlatform, seedPlatform } from './platform.ts';
import { Seeder } from './seeder.ts';
import { TrackerNews } from './tracker-news.ts';

/** Runs the command: resolves when it has printed what was asked for, or has come to its end. Sets the exit code. */
export async function main(args: readonly string[]): Promise<void> {
  let command: Command;
  try {
    command = parseOptions(args);
  } catch (error) {
    fail(2, (error as Error).message);
    return console.error('Try: zauberflote-seed --help');
  }
  if (command.kind !== 'seed')
    return void process.stdout.write(command.kind === 'help' ? USAGE : `${manifest.version}\n`);
  await seed(command.options);
}

async function seed(options: SeedOptions): Promise<void> {
  const { problems } = await findFiles(options.named);
  const unusable = options.named.filter((name) => problems.has(name));
  if (unusable.length === options.named.length) {
    for (const name of unusable) fail(1, `${name}: ${problems.get(name)}`);
    return;
  }
  let surroundings: SeedPlatform;
  try {
    surroundings = await seedPlatform(options);
  } catch (error) {
    if (error instanceof NoWebRtcError) return fail(1, error.message);
    return fail(2, `--token-file ${options.tokenFile} cannot be read: ${(error as Error).message}`);
  }
  await run(options, surroundings);
}

async function run(options: SeedOptions, { platform, left, end }: SeedPlatform): Promise<void> {
  const stopping = new AbortController();
  const { signal } = stopping;
  let failure: string | undefined;
  const stop = (why?: string) => {
    failure ??= why;
    stopping.abort();
  };
  // By hand, as in a container nothing else would, a second signal ends it at once.
  for (const name of ['SIGTERM', 'SIGINT'] as const)
    process.on(name, () => {
      if (signal.aborted) process.exit(128 + constants.signals[name]);
      stop();
    });
  const news = new TrackerNews(log, () =>
    stop(
      'no tracker can be used: what --tracker names speaks another protocol, or cannot be connected to from here',
    ),
  );
  const store = new DiskStore((file, error) => library.unreadable(file, error));
  const seeder = new Seeder(options, platform, store, { onTracker: (state) => news.tell(state) });
  const library = new Library(options.named, store, options, {
    added(file) {
      seeder.add(file);
      log(`${file.name}: seeded as ${file.contents.map(formatContentId).join(', ')}`);
    },
    removed: (file) => seeder.remove(file),
    log,
  });
  const status = () =>
    console.log(
      JSON.stringify({
        time: new Date().toISOString(),
        tracker: seeder.tracker,
        peers: seeder.peers,
        files: library.size,
        contents: store.size,
        bytes: seeder.bytes,
        sent: Object.fromEntries(seeder.sent),
      }),
    );
  const { statusSeconds, rescanSeconds } = options;
  const timer = statusSeconds ? setInterval(status, statusSeconds * 1_000) : undefined;
  // Who reads stdout may have enough, as head does; that is no reason to seed no more.
  process.stdout.on('error', () => clearInterval(timer));
  await library.scan(signal);
  if (!signal.aborted) log(`${library.size} files are seeded, ${store.size} contents`);
  await library.watch(rescanSeconds * 1_000, signal);
  clearInterval(timer);
  if (statusSeconds) status();
  const { bytes } = seeder;
  seeder.close();
  const patience = new Promise((resolve) => setTimeout(resolve, LEAVE_MS).unref());
  await Promise.race([left(), patience]);
  end();
  if (failure) fail(1, failure);
  else log(`stopped; ${bytes} bytes were sent to visitors`);
  // A socket to a tracker that does not answer would keep it.
  process.exit();
}

function log(line: string): void {
  // Names of files may hold anything, also what would look like other lines.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: just those
  const safe = line.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, (char) =>
    JSON.stringify(char).slice(1, -1),
  );
  console.error(`zauberflote-seed: ${safe}`);
}

function fail(exitCode: number, message: string): void {
  log(message);
  process.exitCode = exitCode;
}
