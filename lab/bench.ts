import { spawn } from 'node:child_process';
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

  const dir = temporary();
  const nets = new Set<Net>();
  const ending = new AbortController();
  for (const [signal, code] of Object.entries(SIGNALS))
    process.once(signal, () => {
      ending.abort(new Error(`ended by ${signal}`));
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
    signal: ending.signal,
  }).catch((error) => {
    // Everything fails that was under way; the handler of the signal ends this process.
    if (ending.signal.aborted) return new Promise<never>(() => {});
    throw error;
  });
  for (const line of summary.why) console.log(`- ${line}`);
  log(`${summary.scenario}: ${summary.verdict}. ${join(relative('', out), 'report.html')}`);
  return EXIT[summary.verdict];
}

/**
 * A folder that is gone after this process, whichever way it ends: a shell waits for the end of its
 * input. Browsers and servers in it end with the network, which sees to that in the same way.
 */
function temporary(): string {
  // Short: paths of Unix sockets in it have at most 107 bytes.
  const dir = mkdtempSync(join(tmpdir(), 'zf-bench-'));
  const remove = 'cat >/dev/null; until rm -rf "$1"; do sleep 1; done; sleep 2; rm -rf "$1"';
  // In a session of its own: the terminal's Ctrl-C must not reach it.
  const janitor = spawn('sh', ['-c', remove, 'sh', dir], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  janitor.unref();
  (janitor.stdin as unknown as { unref(): void }).unref();
  process.once('exit', () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

process.exitCode = await main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  return 1;
});
