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

  /** A copy of the bytes from `start` to `end`, which are here; all up to there are forgotten. */
  take(start: number, end: number): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(end - start);
    let at = this.#start;
    for (const part of this.#parts) {
      const from = Math.max(start, at);
      const to = Math.min(end, at + part.length);
      if (from < to) taken.set(part.subarray(from - at, to - at), from - start);
      at += part.length;
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
