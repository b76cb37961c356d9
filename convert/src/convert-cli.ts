import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { parseFlags, type Settings } from './convert-flags.ts';
import { describe, json } from './convert-report.ts';
import { convertSite, needFolder, type SiteOptions } from './site/convert-site.ts';
import { Checker, Writer } from './site/sinks.ts';
import { readStamp } from './site/stamp.ts';
import { isInside } from './site/walk.ts';

/** What may stop it before it is done, and the exit status by which shells know. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** What can be said about a failure to read or write. */
const FILE_ERRORS: Readonly<Record<string, string>> = {
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
};

/** Runs the command; sets the exit code of the process. */
export async function main(args: readonly string[]): Promise<void> {
  let settings: Settings | string;
  try {
    settings = parseFlags(args);
  } catch (error) {
    return fail(2, `${(error as Error).message}\nTry: zauberflote-convert --help`);
  }
  if (typeof settings === 'string') {
    process.stdout.write(settings);
    return;
  }
  let folders: { site: string; out: string };
  try {
    folders = await foldersOf(settings);
  } catch (error) {
    return fail(2, (error as Error).message);
  }
  try {
    await (settings.check ? check : write)(settings, folders.site, folders.out);
  } catch (error) {
    const { code, path, message } = error as NodeJS.ErrnoException;
    fail(1, code && FILE_ERRORS[code] ? `${path}: ${FILE_ERRORS[code]}` : message);
  }
}

async function write(settings: Settings, site: string, out: string): Promise<void> {
  const writer = await Writer.open(site, out);
  const stop = (signal: keyof typeof SIGNALS) => {
    if (!writer.mayStop) return;
    writer.discard();
    process.exit(SIGNALS[signal]);
  };
  for (const signal of Object.keys(SIGNALS)) process.on(signal, stop);
  try {
    const report = await convertSite(
      { ...optionsOf(settings, site), root: writer.folderName },
      writer,
    );
    await writer.commit();
    tell(settings, describe(report, settings.verbose), () => json(report, undefined));
  } catch (error) {
    writer.discard();
    throw error;
  } finally {
    for (const signal of Object.keys(SIGNALS)) process.removeListener(signal, stop);
  }
}

async function check(settings: Settings, site: string, out: string): Promise<void> {
  await needFolder(out);
  const checker = new Checker(site, out);
  const report = await convertSite({ ...optionsOf(settings, site), root: site }, checker);
  await checker.finish();
  const { differences } = checker;
  tell(settings, describe(report, settings.verbose), () => json(report, differences));
  for (const difference of differences) fail(1, difference);
  if (differences.length > 0) fail(1, 'not as it would be written: convert again');
}

function tell(settings: Settings, lines: readonly string[], report: () => string): void {
  for (const line of lines) console.error(line);
  if (settings.json) process.stdout.write(report());
}

function optionsOf(
  { urls, page, excluded, withClient }: Settings,
  site: string,
): Omit<SiteOptions, 'root'> {
  return { site, urls, page, excluded, withClient };
}

/** @throws {Error} if one is in the other, or is not to be replaced */
async function foldersOf(settings: Settings): Promise<{ site: string; out: string }> {
  await needFolder(settings.site);
  const site = await realpath(settings.site);
  if (settings.out === undefined) return { site, out: site };
  const out = await real(resolve(settings.out));
  if (isInside(site, out) || isInside(out, site))
    throw new Error(`--out ${settings.out} and the site are not apart; take a folder beside it`);
  if (settings.check || settings.force) return { site, out };
  const there = await readdir(out).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new Error(`--out ${settings.out} is no folder that can be read`);
  });
  if (there.length > 0 && !(await readStamp(out)))
    throw new Error(
      `--out ${settings.out} has files that this command did not write; empty it, take another folder, or replace it all with --force`,
    );
  return { site, out };
}

/** Without links, also of what is not there yet. */
async function real(path: string): Promise<string> {
  const found = await realpath(path).catch(() => undefined);
  if (found !== undefined) return found;
  const parent = dirname(path);
  return parent === path ? path : join(await real(parent), basename(path));
}

function fail(exitCode: number, message: string): void {
  console.error(`zauberflote-convert: ${message}`);
  process.exitCode = exitCode;
}
