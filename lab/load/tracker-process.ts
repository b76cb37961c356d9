import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ServerName, TrackerLimits } from './protocol.ts';

const SERVE = fileURLToPath(new URL('serve.ts', import.meta.url));

/** Resident memory has settled when two readings this far apart differ by less than 0.5 %. */
const SETTLE_MS = 250;
const MAX_SETTLE_ROUNDS = 12;

/** Processor time in seconds: in the program itself, and in the kernel for it. */
export interface Cpu {
  readonly user: number;
  readonly system: number;
}

/** A tracker in a process of its own, on a core of its own where that can be had. */
export class TrackerProcess {
  readonly name: ServerName;
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(name: ServerName, child: ChildProcess, port: number) {
    this.name = name;
    this.#child = child;
    this.port = port;
  }

  /**
   * Starts it and waits until it listens.
   * @param core the processor it may use; undefined: any
   */
  static async start(
    name: ServerName,
    core: number | undefined,
    limits: TrackerLimits = 'lifted',
  ): Promise<TrackerProcess> {
    const node = [process.execPath, '--expose-gc', SERVE, name, limits];
    const pinned = core === undefined ? node : ['taskset', '-c', String(core), ...node];
    const [command, ...args] = pinned as [string, ...string[]];
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const [message] = await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) => {
        throw new Error(`the ${name} process ended with ${code} before it listened`);
      }),
    ]);
    return new TrackerProcess(name, child, (message as { port: number }).port);
  }

  /** Whether the process is still there. */
  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Processor time it has used in any of its threads, in seconds. */
  cpu(): Cpu {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'latin1');
    // After the name, which is in parentheses: state is field 3, utime 14, stime 15 (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [user, system] = [fields[11], fields[12]].map(
      (ticks) => Number(ticks) / ticksPerSecond(),
    );
    return { user: user!, system: system! };
  }

  /** The same, user and system together. */
  cpuSeconds(): number {
    const { user, system } = this.cpu();
    return user + system;
  }

  /** Resident memory in bytes, as it is. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'latin1');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  /** Resident memory in bytes, after garbage was collected and it has stopped changing. */
  async settledBytes(): Promise<number> {
    let before = Number.POSITIVE_INFINITY;
    for (let round = 0; round < MAX_SETTLE_ROUNDS; round++) {
      this.#child.send('settle');
      await once(this.#child, 'message');
      await sleep(SETTLE_MS);
      const bytes = this.residentBytes();
      if (Math.abs(before - bytes) < bytes * 0.005) return bytes;
      before = bytes;
    }
    return before;
  }

  async stop(): Promise<void> {
    if (!this.running) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }
}

let ticks: number | undefined;

/** Unit of the times in /proc: 100 on every Linux of today, but it is the kernel's to say. */
function ticksPerSecond(): number {
  ticks ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'latin1' }));
  return ticks;
}
