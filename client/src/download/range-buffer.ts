/** Bytes of a range of the origin that are not taken yet: consecutive, in parts as they came. */
export class RangeBuffer {
  /** Where the first of them is, from the start of the content. */
  #start = 0;
  #parts: Uint8Array<ArrayBuffer>[] = [];
  /** How many there are. */
  length = 0;

  begin(offset: number): void {
    this.#start = offset;
  }

  add(data: Uint8Array<ArrayBuffer>): void {
    this.#parts.push(data);
    this.length += data.length;
  }

  /** Whether the bytes from `start` to `end` are here. */
  has(start: number, end: number): boolean {
    return start >= this.#start && end <= this.#start + this.length;
  }

  /**
   * The bytes from `start` to `end`, which are here; all up to there are forgotten. They are part of
   * what came if they came in one part, which is then kept along: ranges bring what is missing here.
   */
  take(start: number, end: number): Uint8Array<ArrayBuffer> {
    this.#forget(start);
    const [first] = this.#parts as [Uint8Array<ArrayBuffer>];
    let taken = first.subarray(0, end - start);
    if (taken.length < end - start) {
      taken = new Uint8Array(end - start);
      let at = 0;
      for (const part of this.#parts) {
        if (at === taken.length) break;
        taken.set(part.subarray(0, taken.length - at), at);
        at = Math.min(taken.length, at + part.length);
      }
    }
    this.#forget(end);
    return taken;
  }

  #forget(end: number): void {
    while (this.#start < end) {
      const part = this.#parts[0] as Uint8Array<ArrayBuffer>;
      const gone = Math.min(part.length, end - this.#start);
      if (gone === part.length) this.#parts.shift();
      else this.#parts[0] = part.subarray(gone);
      this.#start += gone;
      this.length -= gone;
    }
  }
}
