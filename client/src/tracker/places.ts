/** A tracker that the owner named. */
export interface Place {
  readonly url: string;
  /** From when on it may be asked, in ms; infinite: it is no tracker. */
  freeAt: number;
}

/** A comma is most likely meant to part two addresses, which spaces do. */
const EXPECTED = /^wss?:\/\/[^,]+$/i;

/**
 * What an owner named, in that order. What does not look like a tracker is told on the console at
 * once, not only on the day when it is needed; it is tried all the same, as browsers differ in what
 * they take.
 * @param named addresses parted by spaces, or a list of them
 */
export function places(named: string | readonly string[] | undefined): Place[] {
  const urls = [named].flat().join(' ').match(/\S+/g) ?? [];
  return urls.map((url) => {
    if (!EXPECTED.test(url))
      console.warn(`Zauberflöte: the tracker "${url}" is not wss://… or, on http: pages, ws://…`);
    return { url, freeAt: 0 };
  });
}
