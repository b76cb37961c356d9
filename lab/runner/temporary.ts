import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Unsupported } from '../net/unsupported.ts';

/** What cannot be removed in about so many seconds stays. */
const JANITOR_TRIES = 60;

/**
 * A folder that is gone after this process, whichever way it ends: a shell waits for the end of its
 * input. Browsers and servers in it end with the network, which sees to that in the same way.
 * @throws {Unsupported} where none can be made
 */
export function temporary(): string {
  // Short: paths of Unix sockets in it have at most 107 bytes.
  const dir = make(join(tmpdir(), 'zf-bench-'));
  const remove =
    'cat >/dev/null; n=0; until rm -rf "$1" || [ $((n += 1)) -ge "$2" ]; do sleep 1; done; ' +
    'sleep 2; rm -rf "$1"';
  // In a session of its own: the terminal's Ctrl-C must not reach it.
  const janitor = spawn('sh', ['-c', remove, 'sh', dir, String(JANITOR_TRIES)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  janitor.unref();
  (janitor.stdin as unknown as { unref(): void }).unref();
  process.once('exit', () => {
    try {
      rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
    } catch {
      // Thrown here it would take the place of the exit code. The janitor goes on trying.
    }
  });
  return dir;
}

function make(prefix: string): string {
  try {
    return mkdtempSync(prefix);
  } catch (error) {
    throw new Unsupported(
      `no temporary folder can be made (${(error as Error).message}): let TMPDIR name a folder that can be written to`,
    );
  }
}
