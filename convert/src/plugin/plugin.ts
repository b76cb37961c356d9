import { resolve } from 'node:path';
import { describe } from '../convert-report.ts';
import { siteSettings } from '../convert-settings.ts';
import { inWords } from '../site/all-or-nothing.ts';
import type { SiteReport } from '../site/convert-site.ts';
import { convertOutput, type Job, outermost, outputFolder } from './convert-output.ts';
import { flagsOf, inOptions, type ZauberfloteOptions } from './options.ts';
import { placeOf } from './place.ts';
import type { HookContext, OutputOptions, ViteConfig, ZauberflotePlugin } from './types.ts';

/**
 * A plugin for Vite and Rollup: when the bundler has written its output, does to it what the command
 * `zauberflote-convert` does to a site. Vite's dev server is left alone. Options that are wrong, and files that cannot
 * be read or written, fail the build; the output is then as the bundler wrote it.
 */
export function zauberflote(options: ZauberfloteOptions): ZauberflotePlugin {
  let vite: ViteConfig | undefined;
  /** Outputs that the bundler is about to write: it may write several at a time, into one folder. */
  let rendering = 0;
  /** In what was converted; undefined: nothing was. */
  let pages: number | undefined;
  /** Of this build, written to. */
  const seen = new Set<string>();
  const waiting = new Set<string>();

  /** @throws {Error} */
  const jobFor = (site: string): Job => {
    const { settings, root } = read();
    if (options.out !== undefined && options.site === undefined && seen.size > 1)
      throw new Error(
        `'out' can take one output folder, and there are ${[...seen].toSorted().join(' and ')}; name one of them as 'site'`,
      );
    return {
      site: options.site === undefined ? site : resolve(root, options.site),
      out: options.out === undefined ? undefined : resolve(root, options.out),
      force: options.force ?? false,
      settings,
      project: root,
    };
  };
  const read = () => {
    const flags = flagsOf(options);
    const settings = siteSettings(flags, vite && placeOf(vite.base, flags));
    return { settings, root: vite?.root ?? process.cwd() };
  };

  return {
    name: 'zauberflote',
    apply: 'build',
    enforce: 'post',
    configResolved(config) {
      vite = config;
    },
    // What runs on a server has no pages of its own.
    applyToEnvironment: ({ config }) => config.consumer !== 'server',
    buildStart() {
      rendering = 0;
      pages = undefined;
      seen.clear();
      waiting.clear();
      try {
        read();
      } catch (error) {
        this.error(inOptions(inWords(error)));
      }
    },
    renderStart() {
      rendering++;
    },
    renderError() {
      rendering--;
    },
    generateBundle(_options, _bundle, isWrite) {
      if (!isWrite) rendering--;
    },
    writeBundle: {
      // Behind all others, which may write into the folder as well.
      order: 'post',
      sequential: true,
      async handler(this: HookContext, output: OutputOptions) {
        rendering--;
        const folder = outputFolder(output);
        seen.add(folder);
        waiting.add(folder);
        if (rendering > 0) return;
        const folders = options.site === undefined ? outermost([...waiting]) : [folder];
        waiting.clear();
        try {
          for (const site of folders) {
            const report = await convertOutput(jobFor(site));
            pages = (pages ?? 0) + report.pages.length;
            if (report.pages.length > 0) tell(this, report, options.verbose ?? false);
          }
        } catch (error) {
          this.error(inOptions(inWords(error)));
        }
      },
    },
    closeBundle() {
      if (pages === 0)
        this.warn(
          `no page (.html) is in ${[...seen].toSorted().join(' or ')}, so nothing was done; where pages are written by something that runs after the bundler, run zauberflote-convert after that`,
        );
    },
  };
}

function tell(context: HookContext, report: SiteReport, verbose: boolean): void {
  const isMarked = report.pages.some(({ marks }) => marks.length > 0);
  const text = inOptions(describe(report, verbose).join('\n'));
  if (isMarked) context.info(text);
  else context.warn(`nothing in the pages is marked\n${text}`);
}
