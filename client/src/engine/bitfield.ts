/** A set of chunks as it crosses the wire: the first chunk in the highest bit of the first byte. */
export class Bitfield {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many are in the set. */
  size = 0;

  /** @param from copied as far as there are chunks; missing bytes are empty. */
  constructor(count: number, from: Uint8Array = new Uint8Array()) {
    this.bytes = new Uint8Array(Math.ceil(count / 8));
    this.bytes.set(from.subarray(0, this.bytes.length));
    if (count % 8 !== 0) this.bytes[this.bytes.length - 1]! &= 0xff00 >> (count % 8);
    const given = Math.min(count, from.length * 8);
    for (let chunk = 0; chunk < given; chunk++) if (this.has(chunk)) this.size++;
  }

  has(chunk: number): boolean {
    return ((this.bytes[chunk >> 3] ?? 0) & (0x80 >> (chunk & 7))) !== 0;
  }

  /** False if it was there already. */
  add(chunk: number): boolean {
    if (this.has(chunk)) return false;
    this.bytes[chunk >> 3]! |= 0x80 >> (chunk & 7);
    this.size++;
    return true;
  }

  delete(chunk: number): void {
    if (!this.has(chunk)) return;
    this.bytes[chunk >> 3]! &= ~(0x80 >> (chunk & 7));
    this.size--;
  }
}
