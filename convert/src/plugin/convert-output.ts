import { realpath } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { SiteSettings } from '../convert-settings.ts';
import { allOrNothing } from '../site/all-or-nothing.ts';
import { convertSite, needFolder, type SiteReport } from '../site/convert-site.ts';
import { foldersOf } from '../site/folders.ts';
import { Writer } from '../site/sinks.ts';
import { Updater } from '../site/updater.ts';
import { isInside } from '../site/walk.ts';
import type { OutputOptions } from './types.ts';

/** What is to be converted, and where to. Paths are absolute. */
export interface Job {
  readonly site: string;
  /** Undefined: the site itself is changed. */
  readonly out: string | undefined;
  readonly force: boolean;
  readonly settings: SiteSettings;
  /** Where the sources are. */
  readonly project: string;
}

/**
 * Converts what a bundler wrote. Without pages nothing is written.
 * @throws {Error} in words, if a file cannot be read or written; then the site is as it was
 */
export async function convertOutput(job: Job): Promise<SiteReport> {
  const { urls, page, excluded, withClient } = job.settings;
  const { site, out } = await foldersOf({ ...job, check: false });
  const isInPlace = job.out === undefined;
  if (isInPlace && isInside(site, await realpath(job.project)))
    throw new Error(
      `the output goes to ${site}, where the project itself is: let the bundler write to a folder of its own, or say with 'site' and 'out' what is to be converted, and where to`,
    );
  await needFolder(site);
  const writer = isInPlace ? await Updater.open(site) : await Writer.open(site, out);
  const root = writer instanceof Writer ? writer.folderName : site;
  return allOrNothing(writer, async () => {
    const report = await convertSite({ site, root, urls, page, excluded, withClient }, writer);
    if (report.pages.length > 0) await writer.commit();
    else writer.discard();
    return report;
  });
}

/** Where an output goes, absolute. */
export function outputFolder({ dir, file }: OutputOptions): string {
  return resolve(dir ?? (file === undefined ? '.' : dirname(file)));
}

/** Without those that are in another one. */
export function outermost(folders: readonly string[]): string[] {
  return folders.filter(
    (folder) => !folders.some((other) => other !== folder && isInside(other, folder)),
  );
}
