import { FILM_RATE, FILM_SECONDS } from '../origin/assets.ts';

/** A player begins, also after it stood still, when it has so much, in seconds of the film. */
export const START_SECONDS = 1;

/** It takes no more than so much in advance, in seconds: what browsers and players of sites do, about. */
export const AHEAD_SECONDS = 10;

/**
 * `lab.play(path, parts)`: takes a film in order, from an async iterable of byte arrays, as a player does that shows it
 * meanwhile. It ends when all is here, and then it is known how long a viewer waits, before it begins and in the midst of
 * it: the load time of a film. The bytes are kept, to be compared.
 */
export const PLAYER = `<script>
lab.play = async (path, parts) => {
  const [rate, size] = [${FILM_RATE} / 1000, ${FILM_RATE * FILM_SECONDS}];
  const [start, ahead] = [rate * ${START_SECONDS * 1000}, rate * ${AHEAD_SECONDS * 1000}];
  const kept = [];
  let got = 0;
  // Played up to byte \`from\` at \`since\`; undefined while it stands still.
  let [from, since] = [0, undefined];
  const played = (now) => since === undefined ? from : from + (now - since) * rate;
  for await (const part of parts) {
    const now = performance.now();
    if (since !== undefined && played(now) > got) [from, since] = [got, undefined];
    kept.push(part.slice());
    got += part.length;
    if (since === undefined && got - from >= Math.min(start, size - from)) since = now;
    const over = got - played(now) - ahead;
    if (over > 0) await new Promise((resolve) => setTimeout(resolve, over / rate));
  }
  if (got !== size) return lab.fail(path);
  lab.take(path, new Blob(kept), since + (size - from) / rate - size / rate);
};
</script>`;
