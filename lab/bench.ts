import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { createNet } from './net/index.ts';
import type { Net } from './net/types.ts';
import { type BenchOptions, parseOptions, USAGE } from './runner/options.ts';
import { runBench } from './runner/run.ts';
import { showTime } from './runner/units.ts';

const EXIT = { ok: 0, failed: 1, void: 1, unsupported: 3 } as const;
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
const PREFIX = 'zf-bench-';

async function main(args: readonly string[]): Promise<number> {
  let options: BenchOptions | 'help';
  try {
    options = parseOptions(args);
  } catch (error) {
    console.error(`bench: ${(error as Error).message}\nTry: node lab/bench.ts --help`);
    return 2;
  }
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  const start = Date.now();
  const log = (line: string) => console.log(`${showTime(Date.now() - start).padStart(5)}  ${line}`);
  const now = new Date().toISOString().slice(0, 19).replaceAll(':', '');
  const out = resolve(
    options.out ?? join(import.meta.dirname, 'out', `${options.scenario.name}-${now}`),
  );
  mkdirSync(out, { recursive: true });
  if (readdirSync(out).includes('results.jsonl')) {
    console.error(`bench: --out: ${out} holds the results of another run; name another folder`);
    return 2;
  }

  // Short: paths of Unix sockets in it have at most 107 bytes.
  const dir = mkdtempSync(join(tmpdir(), PREFIX));
  // Whichever way this ends. Browsers and servers end with the network, which cannot outlive this.
  process.once('exit', () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  const nets = new Set<Net>();
  for (const [signal, code] of Object.entries(SIGNALS))
    process.once(signal, () => {
      log(`${signal}: cleaning up; what was measured so far is in ${relative('', out)}`);
      void Promise.allSettled([...nets].map((net) => net.close())).then(() => process.exit(code));
    });
  const summary = await runBench(options, {
    createNet: async (netOptions) => {
      const net = await createNet(netOptions);
      nets.add(net);
      return net;
    },
    dir,
    out,
    log,
  });
  for (const line of summary.why) console.log(`- ${line}`);
  log(`${summary.scenario}: ${summary.verdict}. ${join(relative('', out), 'report.html')}`);
  return EXIT[summary.verdict];
}

process.exitCode = await main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  return 1;
});
