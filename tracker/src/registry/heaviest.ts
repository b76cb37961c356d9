/**
 * Weighs members, and finds one that is among the heaviest, each in constant time: they are kept in
 * classes by the power of two that their weight reaches, so the one found weighs more than half of
 * the heaviest.
 */
export class Heaviest<T> {
  #total = 0;
  readonly #entries = new Map<T, { weight: number; index: number }>();
  /** Class `n` has those of weights from 2^(n-1) on; the last one is never empty. */
  readonly #classes: T[][] = [];

  /** Of all weights. */
  get total(): number {
    return this.#total;
  }

  /** @param weight a whole number below 2^31; 0 forgets the member. */
  set(member: T, weight: number): void {
    const entry = this.#entries.get(member);
    const before = entry?.weight ?? 0;
    if (weight === before) return;
    this.#total += weight - before;
    if (entry && classOf(weight) === classOf(before)) {
      entry.weight = weight;
      return;
    }
    if (entry) this.#take(classOf(before), entry.index);
    if (weight === 0) this.#entries.delete(member);
    else this.#entries.set(member, { weight, index: this.#put(classOf(weight), member) });
  }

  /** Any of the heaviest class, by chance, so that nobody can arrange to be spared. */
  pick(random: () => number): T | undefined {
    const top = this.#classes.at(-1);
    return top?.[Math.floor(random() * top.length)];
  }

  #put(number: number, member: T): number {
    while (this.#classes.length <= number) this.#classes.push([]);
    return this.#classes[number]!.push(member) - 1;
  }

  #take(number: number, index: number): void {
    const members = this.#classes[number]!;
    const last = members.pop()!;
    if (index < members.length) {
      members[index] = last;
      this.#entries.get(last)!.index = index;
    }
    while (this.#classes.at(-1)?.length === 0) this.#classes.pop();
  }
}

function classOf(weight: number): number {
  return 32 - Math.clz32(weight);
}
