import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findBrowser } from './browsers/programs.ts';
import { createNet } from './net/index.ts';
import type { Net } from './net/types.ts';
import { Unsupported } from './net/unsupported.ts';
import { checkScripts } from './origin/scripts.ts';
import type { Summary } from './results.ts';
import { type BenchOptions, parseOptions, USAGE } from './runner/options.ts';
import { runBench } from './runner/run.ts';
import { temporary } from './runner/temporary.ts';
import { showTime } from './runner/units.ts';
import { goOnUnread } from './runner/unread.ts';

const EXIT = { ok: 0, failed: 1, void: 1, unsupported: 3 } as const;
/** What was measured is written in less when a signal ends it, in ms. */
const WRITING_MS = 10_000;
/** What a disk says that takes nothing any more. */
const DISK: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO']);
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

async function main(args: readonly string[]): Promise<number> {
  let options: BenchOptions | 'help';
  try {
    options = parseOptions(args);
  } catch (error) {
    console.error(`bench: ${(error as Error).message}\nTry: npm run bench -- --help`);
    return 2;
  }
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  const start = Date.now();
  const log = (line: string) => console.log(`${showTime(Date.now() - start).padStart(5)}  ${line}`);
  const now = new Date().toISOString().slice(0, 23).replaceAll(':', '');
  const out = resolve(
    options.out ?? join(import.meta.dirname, 'out', `${options.scenario.name}-${now}`),
  );
  checkScripts();
  // Before the folder is taken: what cannot begin must not keep the next one from it.
  const programs = findBrowser();
  const dir = temporary();
  const unfit = claim(out);
  if (unfit !== undefined) {
    console.error(`bench: --out: ${out} ${unfit}; name another folder`);
    return 2;
  }

  const nets = new Set<Net>();
  const ending = new AbortController();
  let bench: Promise<Summary> | undefined;
  for (const [signal, code] of Object.entries(SIGNALS))
    process.once(signal, () => {
      ending.abort(new Error(`ended by ${signal}`));
      log(`${signal}: cleaning up; what was measured so far is in ${relative('', out)}`);
      void Promise.allSettled([...nets].map((net) => net.close()))
        .then(() => Promise.race([bench?.catch(() => {}), sleep(WRITING_MS)]))
        .then(() => process.exit(code));
    });
  bench = runBench(options, {
    createNet: async (netOptions) => {
      const net = await createNet(netOptions);
      nets.add(net);
      return net;
    },
    programs,
    dir,
    out,
    log,
    signal: ending.signal,
  });
  const summary = await bench.catch((error: NodeJS.ErrnoException) => {
    if (!DISK.has(error.code ?? '')) throw error;
    console.error(
      `bench: ${error.message}: what is in ${relative('', out)} is less than was measured; ` +
        'make room, or name another folder by --out, and measure again',
    );
  });
  if (!summary) return EXIT.failed;
  for (const line of summary.why) console.log(`- ${line}`);
  log(`${summary.scenario}: ${summary.verdict}. ${join(relative('', out), 'report.html')}`);
  return EXIT[summary.verdict];
}

/** What a run leaves in its folder, from the start: two in one folder would mix. */
const TRACES = /^results\.jsonl$|^summary\.json$|^access-.*\.log$/;

/** Makes the folder for the results, and takes it. @returns why it cannot be that, if so */
function claim(out: string): string | undefined {
  try {
    if (existsSync(out) && !statSync(out).isDirectory()) return 'is not a folder';
    // Not always `recursive`: in /proc, Node would try for ever.
    mkdirSync(out, { recursive: existsSync(out) || !existsSync(dirname(out)) });
    if (readdirSync(out).some((name) => TRACES.test(name)))
      return 'holds the results of another run';
    // Only one of two that begin at once can make it.
    writeFileSync(join(out, 'results.jsonl'), '', { flag: 'wx' });
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return 'is where another run begins';
    return `cannot be written to (${(error as Error).message})`;
  }
}

goOnUnread();
process.exitCode = await main(process.argv.slice(2)).catch((error) => {
  if (error instanceof Unsupported) {
    console.error(`bench: ${error.message}`);
    return EXIT.unsupported;
  }
  console.error(error);
  return EXIT.failed;
});
