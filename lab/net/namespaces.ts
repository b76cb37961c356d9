/** Naming network namespaces after the process that owns them, and removing them with all inside. */
import { readFileSync } from 'node:fs';
import { inside, ip, run } from './command.ts';

/** All namespaces of the lab are called `zfn-PID.START-NUMBER-WHAT`. */
const OWNED = /^zfn-(\d+)\.(\d+)-/;
let networks = 0;

/** When a process started, in clock ticks since boot (proc(5), field 22); undefined if it is gone. */
function started(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The program's name, in parentheses, may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** A prefix for the namespaces of one network of this process. */
export function newPrefix(): string {
  return `zfn-${process.pid}.${started(process.pid)}-${++networks}-`;
}

/**
 * Makes a namespace with loopback and without IPv6: only IPv4 is told apart by address, and without
 * IPv6 nothing is on a link that nobody sent.
 * @param settings more lines of shell, such as for /proc/sys/net
 */
export async function addNamespace(name: string, ...settings: string[]): Promise<void> {
  await run('ip', ['netns', 'add', name]);
  const off = (which: 'all' | 'default') => `/proc/sys/net/ipv6/conf/${which}/disable_ipv6`;
  const script = [
    `for f in ${off('all')} ${off('default')}; do [ ! -e $f ] || echo 1 > $f; done`,
    ...settings,
  ];
  const [command, ...args] = inside(name, 'sh', ['-ec', script.join('\n')]);
  await run(command!, args);
  await ip(name, 'link set lo up');
}

/** Names of all namespaces that begin with a prefix. */
export async function namespaces(prefix: string): Promise<string[]> {
  const list = await run('ip', ['netns', 'list']);
  const names = list.split('\n').map((line) => line.split(' ')[0]!);
  return names.filter((name) => name.startsWith(prefix));
}

async function killAll(namespace: string): Promise<void> {
  for (;;) {
    // Empty too if somebody else removed the namespace meanwhile.
    const list = await run('ip', ['netns', 'pids', namespace]).catch(() => '');
    const pids = list.split('\n').filter((line) => line !== '');
    if (pids.length === 0) return;
    for (const pid of pids)
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    // The killed stay listed until they have exited.
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/**
 * Ends the processes in all namespaces with this prefix and removes the namespaces; bridges, links
 * and queues go with them. Does nothing where there are none.
 */
export async function remove(prefix: string): Promise<void> {
  const names = await namespaces(prefix);
  await Promise.all(names.map(killAll));
  for (const name of names)
    await run('ip', ['netns', 'delete', name]).catch(async (error) => {
      if ((await namespaces(name)).includes(name)) throw error;
    });
}

/** Processes besides this one that have namespaces of the lab. */
export async function otherOwners(): Promise<number> {
  const owners = new Set<string>();
  for (const name of await namespaces('zfn-')) {
    const [, pid, start] = name.match(OWNED) ?? [];
    if (pid && Number(pid) !== process.pid && started(Number(pid)) === start) owners.add(pid);
  }
  return owners.size;
}

/** Removes what processes left behind that are no more. */
export async function removeLeftovers(): Promise<void> {
  const dead = new Set<string>();
  for (const name of await namespaces('zfn-')) {
    const [prefix, pid, start] = name.match(OWNED) ?? [];
    if (prefix && started(Number(pid)) !== start) dead.add(prefix);
  }
  for (const prefix of dead) await remove(prefix);
}
