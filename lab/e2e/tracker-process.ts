import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('../../tracker/bin/zauberflote-tracker.ts', import.meta.url));

/** A tracker in a process of its own, so that it can be killed as a crash would. */
export class TrackerProcess {
  readonly url: string;
  readonly #port: number;
  #child: ChildProcess | undefined;

  private constructor(port: number) {
    this.#port = port;
    this.url = `ws://localhost:${port}/`;
  }

  static async start(): Promise<TrackerProcess> {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as AddressInfo;
    probe.close();
    const tracker = new TrackerProcess(port);
    await tracker.start();
    return tracker;
  }

  /** Starts it (again) on its port if it does not run; resolves when it listens. */
  async start(): Promise<void> {
    if (this.#runs) return;
    const child = spawn(process.execPath, [COMMAND, '--port', String(this.#port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit').then(() => Promise.reject(new Error('the tracker did not start'))),
    ]);
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
