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

/** Of the normal distribution: 95 % lie within so many standard deviations. */
const Z_95 = 1.959963984540054;
/** Of Student's t with 1, 2, … degrees of freedom, likewise; beyond, the expansion is exact to four digits. */
const T_95 = [12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281];

/** Two-sided 95 % point of Student's t. Abramowitz & Stegun, 26.7.5. */
function studentT95(freedom: number): number {
  const z = Z_95;
  return (
    T_95[freedom - 1] ??
    z +
      (z ** 3 + z) / (4 * freedom) +
      (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2) +
      (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * freedom ** 3)
  );
}

/** Standard deviation of the population that the sample is of (n - 1). @throws {RangeError} for less than two */
export function deviation(values: readonly number[]): number {
  if (values.length < 2) throw new RangeError(`no deviation of ${values.length} values`);
  const middle = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}

/**
 * Half the width of the 95 % confidence interval of the mean, by Student's t. The values have to be
 * independent of one another: means of runs, not loads of one run, which share its lines.
 *
 * @throws {RangeError} for less than two values
 */
export function confidence95(values: readonly number[]): number {
  return (studentT95(values.length - 1) * deviation(values)) / Math.sqrt(values.length);
}
