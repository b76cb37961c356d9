/** Plain descriptive statistics. All of them refuse an empty sample: there is no honest number to give. */

function refuseEmpty(values: readonly number[], what: string): void {
  if (values.length === 0)
    throw new RangeError(`${what} of no values: leave the figure out, or count why there are none`);
}

/** Arithmetic mean. @throws {RangeError} if there are no values */
export function mean(values: readonly number[]): number {
  refuseEmpty(values, 'mean');
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/**
 * The value below which `percent` of the sample lies, by linear interpolation between the two
 * nearest ranks: position (n - 1) × percent / 100 of the sorted values, counted from 0. This is
 * type 7 of Hyndman & Fan 1996 ("Sample Quantiles in Statistical Packages"), the default of R and NumPy.
 *
 * @param percent 0 (the minimum) to 100 (the maximum)
 * @throws {RangeError} if there are no values, or percent is outside its range
 */
export function percentile(values: readonly number[], percent: number): number {
  refuseEmpty(values, 'percentile');
  if (!(percent >= 0 && percent <= 100))
    throw new RangeError(`percentile ${percent} does not exist: give 0 to 100`);
  const sorted = Float64Array.from(values).sort();
  const position = ((sorted.length - 1) * percent) / 100;
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.ceil(position)]!;
  return low + (high - low) * (position - below);
}

/** The middle value, or the mean of the two middle ones. @throws {RangeError} if there are no values */
export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/**
 * Gini coefficient: mean difference of all pairs over twice the mean. 0 when all give the same,
 * (n - 1) / n when one gives everything. 0 for a sample of zeros: nobody gives more than another.
 *
 * @throws {RangeError} if there are no values, or one is negative or not a number
 */
export function gini(values: readonly number[]): number {
  refuseEmpty(values, 'gini');
  const sorted = Float64Array.from(values).sort();
  let sum = 0;
  let weighted = 0;
  for (const [index, value] of sorted.entries()) {
    if (!(value >= 0)) throw new RangeError(`gini of ${value}: shares are 0 or more`);
    sum += value;
    weighted += (2 * (index + 1) - sorted.length - 1) * value;
  }
  return sum === 0 ? 0 : weighted / (sorted.length * sum);
}
