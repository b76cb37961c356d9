/** Reading of quantities on the command line. Rates have decimal units, as tc's kbps: 1 KB/s is 1000 bytes. */

/** Above, tc is not what limits (net/shaping.ts). */
const MOST_RATE = 1e9;

const FACTORS: Readonly<Record<string, number>> = { '': 1, B: 1, KB: 1000, MB: 1e6 };

/** "64KB", "1.5MB/s", "64000"; 0 for not limited. @returns bytes per second */
export function parseRate(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*(B|KB|MB)?(?:\/s)?$/i.exec(text) ?? [];
  if (number === undefined)
    throw new Error(`'${text}' is no rate: give bytes per second as 64KB or 1.5MB, 0 for no limit`);
  const rate = Number(number) * (FACTORS[unit.toUpperCase()] as number);
  // Before it is rounded: 0.4 is not 0, which is no limit.
  if (rate !== 0 && rate < 1000)
    throw new Error(`'${text}' is too slow to measure: give at least 1KB, or 0 for no limit`);
  if (rate > MOST_RATE)
    throw new Error(
      `'${text}' is more than this can limit: give at most 1000MB, or 0 for no limit`,
    );
  return Math.round(rate);
}

/** "50ms", "0.2s", "50". @returns ms */
export function parseMs(text: string, most = Number.POSITIVE_INFINITY): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*(ms|s)?$/.exec(text) ?? [];
  if (number === undefined) throw new Error(`'${text}' is no time: give it as 50ms`);
  const ms = Number(number) * (unit === 's' ? 1000 : 1);
  if (ms > most) throw new Error(`'${text}' is too long: give at most ${most / 1000}s`);
  return ms;
}

/** "1%", "0.5%". @returns 0 to 1 */
export function parseShare(text: string): number {
  const [, number] = /^(\d+(?:\.\d+)?)%$/.exec(text) ?? [];
  if (number === undefined || Number(number) >= 100)
    throw new Error(`'${text}' is no share of packets: give it as 1%, below 100%`);
  return Number(number) / 100;
}

/** A whole number within limits. */
export function parseCount(text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most)
    throw new Error(`'${text}' is no whole number from ${least} to ${most}`);
  return value;
}

/** "1,5,10" */
export function parseList<T>(text: string, one: (item: string) => T): T[] {
  return [...new Set(text.split(',').map((item) => one(item.trim())))];
}

/** "1,5,8-10": whole numbers within limits, and all from one to another. */
export function parseCounts(text: string, least: number, most: number): number[] {
  const lists = parseList(text, (item) => {
    const [, from = item, to = from] = /^(\d+)-(\d+)$/.exec(item) ?? [];
    const [first, last] = [parseCount(from, least, most), parseCount(to, least, most)];
    if (first > last) throw new Error(`'${item}' goes downwards: give ${last}-${first}`);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
  return [...new Set(lists.flat())];
}

/** "512 KB/s", "unlimited" */
export function showRate(bytesPerSecond: number): string {
  if (bytesPerSecond === 0) return 'unlimited';
  const kb = bytesPerSecond / 1000;
  return kb >= 1000 && kb % 1000 === 0 ? `${kb / 1000} MB/s` : `${+kb.toFixed(1)} KB/s`;
}

/** "1:05" */
export function showTime(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
