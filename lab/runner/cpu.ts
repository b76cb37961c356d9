/** Where processor time goes while leechers load: from /proc, by kind of process. */
import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { CpuUse } from '../results.ts';

/** Of /proc/PID/stat: USER_HZ, which is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

interface Times {
  readonly user: number;
  readonly system: number;
}

interface Process extends Times {
  readonly parent: number;
  /** Together with its number, the same only for the same process. */
  readonly started: string;
  readonly command: string;
  /** Seconds by name and number of thread; only of renderers. */
  readonly threads: ReadonlyMap<string, number>;
}

export interface Snapshot {
  readonly at: number;
  readonly processes: ReadonlyMap<number, Process>;
  /** Of all processors: busy, of that in soft interrupts (where packets are moved), and idle; in s. */
  readonly machine: CpuUse['machine'];
}

const text = (path: string) => readFile(path, 'utf8').catch(() => '');

/** Name, and the fields after it as proc(5) counts them from 3. */
function statOf(line: string): { readonly name: string; readonly fields: readonly string[] } {
  const end = line.lastIndexOf(')');
  return { name: line.slice(line.indexOf('(') + 1, end), fields: line.slice(end + 2).split(' ') };
}

const seconds = (fields: readonly string[]): Times => ({
  user: Number(fields[11]) / TICKS_PER_SECOND,
  system: Number(fields[12]) / TICKS_PER_SECOND,
});

async function threadsOf(pid: string): Promise<Map<string, number>> {
  const ids = await readdir(`/proc/${pid}/task`).catch(() => []);
  const found = new Map<string, number>();
  await Promise.all(
    ids.map(async (id) => {
      const line = await text(`/proc/${pid}/task/${id}/stat`);
      if (line === '') return;
      const { name, fields } = statOf(line);
      const { user, system } = seconds(fields);
      found.set(`${id === pid ? 'main' : name} ${id}`, user + system);
    }),
  );
  return found;
}

async function read(pid: string): Promise<Process | undefined> {
  const [stat, commandLine] = await Promise.all([
    text(`/proc/${pid}/stat`),
    text(`/proc/${pid}/cmdline`),
  ]);
  // Kernel threads have no command line.
  if (stat === '' || commandLine === '') return undefined;
  const { fields } = statOf(stat);
  const command = commandLine.replaceAll('\0', ' ');
  const threads = command.includes('--type=renderer') ? await threadsOf(pid) : new Map();
  const [parent, started] = [Number(fields[1]), fields[19] as string];
  return { ...seconds(fields), parent, started, command, threads };
}

/** What all processes have used so far; null where there is no /proc. */
export async function cpuNow(): Promise<Snapshot | null> {
  const total = await text('/proc/stat');
  if (total === '') return null;
  const at = performance.now();
  const [user, nice, system, idle, iowait, irq, softirq] = total
    .split('\n')[0]!
    .split(/ +/)
    .slice(1)
    .map((ticks) => Number(ticks) / TICKS_PER_SECOND) as [number, number, ...number[]];
  const machine = {
    busy: user + nice + (system ?? 0) + (irq ?? 0) + (softirq ?? 0),
    softirq: softirq ?? 0,
    idle: (idle ?? 0) + (iowait ?? 0),
  };
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const processes = new Map<number, Process>();
  await Promise.all(
    pids.map(async (pid) => {
      const found = await read(pid);
      if (found) processes.set(Number(pid), found);
    }),
  );
  return { at, processes, machine };
}

/** What a process of the lab is; `others` is not of the lab. */
export function kindOf(command: string): string {
  const type = /--type=([\w-]+)/.exec(command)?.[1];
  if (type === 'utility') return /--utility-sub-type=network/.test(command) ? 'network' : 'browser';
  if (type === 'renderer') return 'renderer';
  // Zygote, GPU and crash handler do next to nothing here.
  if (type !== undefined) return 'browser';
  const program = command.split(' ')[0]?.split('/').at(-1) ?? '';
  if (/^(chromium|chrome|google-chrome)/.test(program) && program !== 'chromedriver')
    return 'browser';
  if (program.startsWith('nginx')) return 'nginx';
  if (/(zauberflote|bittorrent)-tracker/.test(command)) return 'tracker';
  if (program === 'turnserver') return 'relay';
  if (command.includes('delay-line')) return 'delay line';
  return 'driver';
}

/**
 * What was used between. A process that ended meanwhile is missing, such as a killed seeder's.
 * @param roots who a visitor is, by the number of its chromedriver's process
 */
export function cpuBetween(
  before: Snapshot | null,
  after: Snapshot | null,
  roots: ReadonlyMap<number, string>,
): CpuUse | undefined {
  if (!before || !after) return undefined;
  const kinds: Record<string, { user: number; system: number }> = {};
  const threads: Record<string, number> = {};
  for (const [pid, now] of after.processes) {
    const earlier = before.processes.get(pid);
    const then = earlier?.started === now.started ? earlier : undefined;
    const name = nameOf(pid, after.processes, roots);
    kinds[name] ??= { user: 0, system: 0 };
    kinds[name].user += now.user - (then?.user ?? 0);
    kinds[name].system += now.system - (then?.system ?? 0);
    for (const [thread, used] of now.threads) {
      // Pools number their threads.
      const kind = thread.replace(/ \d+$/, '').replace(/[/\d]+$/, '');
      threads[kind] = (threads[kind] ?? 0) + used - (then?.threads.get(thread) ?? 0);
    }
  }
  const { busy, softirq, idle } = after.machine;
  return {
    wallMs: after.at - before.at,
    cores: availableParallelism(),
    machine: {
      busy: busy - before.machine.busy,
      softirq: softirq - before.machine.softirq,
      idle: idle - before.machine.idle,
    },
    kinds: Object.fromEntries(Object.entries(kinds).filter(([, of]) => of.user + of.system > 0)),
    threads: Object.fromEntries(Object.entries(threads).filter(([, used]) => used > 0)),
  };
}

/** "leecher renderer", "nginx": up the tree to a visitor, or to this process. */
function nameOf(
  pid: number,
  processes: ReadonlyMap<number, Process>,
  roots: ReadonlyMap<number, string>,
): string {
  const kind = kindOf(processes.get(pid)?.command ?? '');
  for (let at = pid; at > 1; at = processes.get(at)?.parent ?? 0) {
    const role = roots.get(at);
    // A chromedriver is part of what drives.
    if (role) return kind === 'driver' ? kind : `${role} ${kind}`;
    if (at === process.pid) return kind;
  }
  return 'others';
}

/** Mean of several; nothing of none. */
export function meanCpu(uses: readonly CpuUse[]): CpuUse | undefined {
  const [first] = uses;
  if (!first) return undefined;
  const mean = (of: (use: CpuUse) => number | undefined) =>
    uses.reduce((sum, use) => sum + (of(use) ?? 0), 0) / uses.length;
  const names = (of: (use: CpuUse) => object) => [
    ...new Set(uses.flatMap((use) => Object.keys(of(use)))),
  ];
  return {
    wallMs: mean(({ wallMs }) => wallMs),
    cores: first.cores,
    machine: {
      busy: mean(({ machine }) => machine.busy),
      softirq: mean(({ machine }) => machine.softirq),
      idle: mean(({ machine }) => machine.idle),
    },
    kinds: Object.fromEntries(
      names(({ kinds }) => kinds).map((name) => [
        name,
        {
          user: mean(({ kinds }) => kinds[name]?.user),
          system: mean(({ kinds }) => kinds[name]?.system),
        },
      ]),
    ),
    threads: Object.fromEntries(
      names(({ threads }) => threads).map((name) => [name, mean(({ threads }) => threads[name])]),
    ),
  };
}
