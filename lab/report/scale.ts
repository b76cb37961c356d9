/** From values to places on a drawing, and how values are written. */

export interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
  readonly kind: 'linear' | 'log';
  /** Where a logarithmic axis is broken: nothing lies below but 0, which it cannot reach. */
  readonly brokenAt?: number;
}

/** Above this ratio of largest to smallest a linear axis squeezes the small ones into its edge. */
const LOG_FROM = 20;

/** Less than this of a ms or of a copy is nothing; it would only break the arithmetic of axes. */
const NOTHING = 1e-6;

/** Step of 1, 2 or 5 times a power of ten that divides a span into at most `count` parts. */
function step(span: number, count: number): number {
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  for (const factor of [1, 2, 5]) if (factor * power >= rough) return factor * power;
  return 10 * power;
}

/** From 0 to at least the largest value, with at most `count` + 1 ticks. */
export function linear(largest: number, from: number, to: number, count = 6): Scale {
  const top = largest > NOTHING ? largest : 1;
  const size = step(top, count);
  const steps = Math.ceil(top / size - 1e-9);
  const end = steps * size;
  return {
    kind: 'linear',
    at: (value) => from + (value / end) * (to - from),
    ticks: Array.from({ length: steps + 1 }, (_, index) => Number((index * size).toPrecision(12))),
  };
}

/** Share of a logarithmic axis that sets 0 apart from the least that is more. */
const ZERO_SHARE = 0.12;

/**
 * Powers of ten and, where there are few, twice and five times them. With zeros, 0 has a tick of its
 * own at the foot, below a break: at the foot of the powers it would be drawn as one of them.
 */
function logarithmic(
  smallest: number,
  largest: number,
  from: number,
  to: number,
  zeros: boolean,
): Scale {
  const candidates: number[] = [];
  const decades = Math.log10(largest / smallest);
  for (
    let power = Math.floor(Math.log10(smallest)) - 1;
    power <= Math.ceil(Math.log10(largest));
    power++
  )
    for (const factor of decades > 3.5 ? [1] : [1, 2, 5])
      candidates.push(Number((factor * 10 ** power).toPrecision(12)));
  const low = candidates.findLast((tick) => tick <= smallest)!;
  const high = candidates.find((tick) => tick >= largest)!;
  const start = zeros ? from + ZERO_SHARE * (to - from) : from;
  const ticks = candidates.filter((tick) => tick >= low && tick <= high);
  return {
    kind: 'log',
    at: (value) =>
      zeros && value < low
        ? from
        : start + (Math.log(Math.max(value, low) / low) / Math.log(high / low)) * (to - start),
    ticks: zeros ? [0, ...ticks] : ticks,
    ...(zeros && { brokenAt: (from + start) / 2 }),
  };
}

/** Linear from 0, or logarithmic where the range demands it. */
export function fitting(
  values: readonly number[],
  from: number,
  to: number,
  count?: number,
): Scale {
  const positive = values.filter((value) => value > NOTHING && Number.isFinite(value));
  if (positive.length === 0) return linear(1, from, to, count);
  const smallest = Math.min(...positive);
  const largest = Math.max(...positive);
  return largest / smallest >= LOG_FROM
    ? logarithmic(
        smallest,
        largest,
        from,
        to,
        values.some((value) => value <= NOTHING),
      )
    : linear(largest, from, to, count);
}

/** Groups of three digits with a thin space that does not break. */
export function grouped(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

/** A time for reading: "523 ms", "1.23 s", "12.3 s", "117 s". */
export function duration(ms: number): string {
  if (ms < 999.5) return `${ms < 9.95 && ms > 0 ? Number(ms.toFixed(1)) : Math.round(ms)} ms`;
  const seconds = ms / 1000;
  return `${seconds < 9.995 ? seconds.toFixed(2) : seconds < 99.95 ? seconds.toFixed(1) : grouped(seconds)} s`;
}

/** A time on an axis: no more digits than it has. */
export function tickDuration(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${ms / 1000} s`;
}

/**
 * A rate in the unit in which it is round, as 64 KB/s and 64 KiB/s differ by more than what the lab
 * tells apart: 64 000 is "64 KB/s", 65 536 "64 KiB/s", 65 500 "65.5 KB/s".
 */
export function rateText(bytesPerSecond: number): string {
  if (bytesPerSecond === 0) return 'not limited';
  if (bytesPerSecond % 1024 === 0 && bytesPerSecond % 1000 !== 0)
    return bytesPerSecond % 2 ** 20 === 0
      ? `${bytesPerSecond / 2 ** 20} MiB/s`
      : `${bytesPerSecond / 1024} KiB/s`;
  if (bytesPerSecond < 1e6) return `${Number((bytesPerSecond / 1000).toFixed(1))} KB/s`;
  return `${Number((bytesPerSecond / 1e6).toFixed(2))} MB/s`;
}

export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  if (bytes < 1e6) return `${(bytes / 1000).toFixed(1)} KB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(2)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

/** "21.4", of bytes per second. */
export function megabytes(bytesPerSecond: number | null | undefined): string {
  return typeof bytesPerSecond === 'number' ? (bytesPerSecond / 1e6).toFixed(1) : '–';
}

/** "85 %", of a share. */
export function percent(share: number | null | undefined): string {
  return typeof share === 'number' ? `${Math.round(share * 100)} %` : '–';
}
