/**
 * A process that outlives the one that runs a network, only to clean up after it. It notices the
 * end by its standard input being closed, which the kernel does however a process ends.
 *
 * Arguments: a prefix of namespaces, or nothing. Standard input: lines `+GROUP` and `-GROUP` name
 * process groups that are there and gone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { namespaces, remove } from './namespaces.ts';

/** Kills a process group; one that is gone is no error. */
export function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The driver's end of a reaper. */
export class Reaper {
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #groups = new Set<number>();

  /** @param prefix of the namespaces to remove at the end */
  constructor(prefix = '') {
    // A session of its own: the terminal's Ctrl-C must not reach it.
    this.#process = spawn(process.execPath, [fileURLToPath(import.meta.url), prefix], {
      detached: true,
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    this.#ended = once(this.#process, 'close');
    // Does not keep this process running.
    this.#process.unref();
    (this.#process.stdin as unknown as { unref(): void }).unref();
    // Killed by somebody: closing then cleans up without it.
    this.#process.stdin!.on('error', () => {});
  }

  /** Makes a process that was started as leader of its group end with this one. */
  watch(child: ChildProcess): void {
    const group = child.pid;
    if (group === undefined) return;
    this.#groups.add(group);
    this.#process.stdin!.write(`+${group}\n`);
    child.once('exit', () => {
      // As long as others of the group run, its number is not given away.
      killGroup(group);
      this.#groups.delete(group);
      this.#process.stdin!.write(`-${group}\n`);
    });
  }

  /** Kills what is watched, and ends the reaper. */
  async close(): Promise<void> {
    for (const group of this.#groups) killGroup(group);
    this.#process.ref();
    this.#process.stdin!.end();
    await this.#ended;
  }
}

if (import.meta.main) {
  const prefix = process.argv[2] ?? '';
  const groups = new Set<number>();
  for await (const line of createInterface({ input: process.stdin })) {
    const group = Number(line.slice(1));
    if (line[0] === '+') groups.add(group);
    else groups.delete(group);
  }
  for (const group of groups) killGroup(group);
  if (prefix !== '')
    do {
      await remove(prefix);
      // An `ip` command of the dead process may still be at work.
      await new Promise((resolve) => setTimeout(resolve, 100));
    } while ((await namespaces(prefix)).length > 0);
}
