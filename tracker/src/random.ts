const pool = new Uint32Array(1024);
let next = pool.length;

/**
 * Uniform over [0, 1) in steps of 2^-32, and not guessable from earlier numbers: peer ids are made
 * of it. Draws from the system 1024 numbers at a time, as a call for each would be slow.
 */
export function secureRandom(): number {
  if (next === pool.length) {
    crypto.getRandomValues(pool);
    next = 0;
  }
  return pool[next++]! / 2 ** 32;
}
