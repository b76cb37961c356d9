import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PATIENCE_MS } from './visit.ts';

const COMMAND = fileURLToPath(new URL('../../convert/bin/zauberflote-seed.ts', import.meta.url));

/** A line of `--status-every`. */
export interface SeedStatus {
  readonly tracker: string;
  readonly peers: number;
  readonly files: number;
  readonly contents: number;
  readonly bytes: number;
  readonly sent: Readonly<Record<string, number>>;
}

/** `zauberflote-seed` in a process of its own. */
export class SeedProcess {
  /** What it said on stderr. */
  said = '';
  #printed = '';
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown[]>;

  /** @param args without any for its status, which it gives every second */
  constructor(...args: readonly string[]) {
    const all = [COMMAND, '--status-every', '1', ...args];
    this.#child = spawn(process.execPath, all, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#ended = once(this.#child, 'exit');
    this.#child.stderr!.on('data', (part) => {
      this.said += part;
    });
    this.#child.stdout!.on('data', (part) => {
      this.#printed += part;
    });
  }

  get statuses(): SeedStatus[] {
    const lines = this.#printed.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line));
  }

  /** Waits until it has said something. */
  async saying(what: RegExp): Promise<void> {
    await this.#until(() => what.test(this.said), String(what));
  }

  /** Waits until its latest status is as it should be. */
  async status(is: (status: SeedStatus) => boolean, what: string): Promise<SeedStatus> {
    await this.#until(() => this.statuses.slice(-1).some(is), what);
    return this.statuses.at(-1)!;
  }

  /** @returns its exit code, or the signal that ended it */
  async end(...signals: readonly NodeJS.Signals[]): Promise<unknown> {
    for (const signal of signals) this.#child.kill(signal);
    const patience = pause(PATIENCE_MS, ['did not end'], { ref: false });
    const [code, signal] = await Promise.race([this.#ended, patience]);
    return code ?? signal;
  }

  /** Ends it, whatever its state is. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  async #until(is: () => boolean, what: string): Promise<void> {
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await pause(20)) if (is()) return;
    throw new Error(`waited for: ${what}; it said:\n${this.said}\n${this.#printed}`);
  }
}
