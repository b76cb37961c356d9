import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../scripts/free-port.ts';

const COMMAND = fileURLToPath(new URL('../../tracker/bin/zauberflote-tracker.ts', import.meta.url));

/** A tracker in a process of its own, so that it can be killed as a crash would. */
export class TrackerProcess {
  /** Known from the first start on; a later start listens on the same port, which nobody takes meanwhile. */
  url = '';
  readonly #port: number;
  #child: ChildProcess | undefined;

  private constructor(port: number) {
    this.#port = port;
  }

  static async start(): Promise<TrackerProcess> {
    const tracker = new TrackerProcess(await freePort());
    await tracker.start();
    return tracker;
  }

  /** Starts it (again) if it does not run; resolves when it listens. */
  async start(): Promise<void> {
    if (this.#runs) return;
    const child = spawn(process.execPath, [COMMAND, '--port', String(this.#port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    let said = '';
    for await (const part of child.stdout) {
      said += part;
      const port = /ws:\/\/\S+?:(\d+)\//.exec(said)?.[1];
      if (!port) continue;
      this.url = `ws://localhost:${port}/`;
      return;
    }
    throw new Error(`the tracker did not start: ${said}`);
  }

  async kill(): Promise<void> {
    if (!this.#runs) return;
    const exit = once(this.#child as ChildProcess, 'exit');
    this.#child?.kill('SIGKILL');
    await exit;
  }

  get #runs(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }
}
