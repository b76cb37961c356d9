/** Which bytes of a range have come. Fragments may come in any order but must not overlap. */
export class Coverage {
  readonly length: number;
  /** Starts and ends of the stretches at hand, ascending, never touching. */
  readonly #edges: number[] = [];
  #received = 0;

  constructor(length: number) {
    this.length = length;
  }

  get received(): number {
    return this.#received;
  }

  get complete(): boolean {
    return this.#received === this.length;
  }

  /** Adds a fragment; false, and nothing changed, if it is empty, out of range or overlaps. */
  add(offset: number, length: number): boolean {
    const end = offset + length;
    if (length < 1 || offset < 0 || end > this.length) return false;
    const edges = this.#edges;
    // Index of the first stretch that begins at or after the fragment's end.
    let at = edges.length;
    while (at > 0 && (edges[at - 2] as number) >= end) at -= 2;
    const before = at > 0 ? (edges[at - 1] as number) : -1;
    if (before > offset) return false;
    const joinsBefore = before === offset;
    const joinsAfter = edges[at] === end;
    if (joinsBefore && joinsAfter) edges.splice(at - 1, 2);
    else if (joinsBefore) edges[at - 1] = end;
    else if (joinsAfter) edges[at] = offset;
    else edges.splice(at, 0, offset, end);
    this.#received += length;
    return true;
  }
}
