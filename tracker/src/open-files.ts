import { readFileSync } from 'node:fs';

/** How many files and connections this process may have open; infinite where that is not said (not on Linux). */
export function maxOpenFiles(): number {
  try {
    const [, soft] =
      /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return Number(soft ?? Number.POSITIVE_INFINITY);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
