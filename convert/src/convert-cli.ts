import { parseFlags, type Settings } from './convert-flags.ts';
import { describe, json } from './convert-report.ts';
import { allOrNothing, inWords } from './site/all-or-nothing.ts';
import { convertSite, needFolder, type SiteOptions } from './site/convert-site.ts';
import { foldersOf } from './site/folders.ts';
import { Checker, Writer } from './site/sinks.ts';

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
    fail(1, inWords(error));
  }
}

async function write(settings: Settings, site: string, out: string): Promise<void> {
  const writer = await Writer.open(site, out);
  await allOrNothing(writer, async () => {
    const report = await convertSite(
      { ...optionsOf(settings, site), root: writer.folderName },
      writer,
    );
    await writer.commit();
    tell(settings, describe(report, settings.verbose), () => json(report, undefined));
  });
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

function fail(exitCode: number, message: string): void {
  console.error(`zauberflote-convert: ${message}`);
  process.exitCode = exitCode;
}
