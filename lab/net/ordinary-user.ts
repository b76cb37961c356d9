/** For tests: runs this checkout's Node as an ordinary user, also where only root may enter it. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));

/** Nobody's number on every Linux. */
const NOBODY = '65534';

/**
 * Starts Node. Whoever is root becomes nobody, and sees the checkout under `dir` (a folder that all
 * may enter): mounted there for this process alone, it is gone with it.
 * @param script in the checkout, or arguments of Node; paths of the checkout in `args` are changed
 */
export function asOrdinaryUser(
  dir: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  if (process.getuid?.() !== 0) return spawn(process.execPath, args, options);
  const seen = join(dir, 'checkout');
  mkdirSync(seen);
  const moved = [process.execPath, ...args].map((arg) => arg.replaceAll(CHECKOUT, `${seen}/`));
  const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
  const shell = 'mount --bind "$1" "$2" && cd "$2" && shift 2 && exec setpriv "$@"';
  const command = ['--mount', 'sh', '-c', shell, 'sh', CHECKOUT, seen, ...user, ...moved];
  return spawn('unshare', command, options);
}
