import { MAX_NODES_ASKED } from '../limits.ts';
import type { Backplane, BackplaneEnd } from './backplane.ts';
import { MemoryStore } from './memory-store.ts';

/** Joins trackers of one process: what one that is alone uses. */
export class MemoryHub {
  readonly #nodes = new Map<string, BackplaneEnd>();
  readonly #holders = new Map<string, Set<string>>();
  readonly #lenders = new Map<string, string>();
  readonly #random: () => number;
  readonly store = new MemoryStore();

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Contents in the directory. */
  get size(): number {
    return this.#holders.size;
  }

  join(node: string, end: BackplaneEnd): Backplane {
    const [nodes, holders, random] = [this.#nodes, this.#holders, this.#random];
    const { store } = this;
    const lenders = this.#lenders;
    const enter = (name: string, key: string) =>
      holders.set(key, (holders.get(key) ?? new Set()).add(name));
    // Of one that was alone nothing was kept.
    if (nodes.size === 1)
      for (const [name, { keys }] of nodes) for (const key of keys()) enter(name, key);
    nodes.set(node, end);
    const note = (key: string, isThere: boolean) => {
      const there = holders.get(key);
      if (isThere && nodes.size > 1) enter(node, key);
      else if (!isThere && there?.delete(node) && there.size === 0) {
        holders.delete(key);
        lenders.delete(key);
      }
    };
    return {
      node,
      get isUp() {
        return nodes.size > 1;
      },
      note,
      async nodesWith(key) {
        const others = [...(holders.get(key) ?? [])].filter((other) => other !== node);
        while (others.length > MAX_NODES_ASKED)
          others.splice(Math.floor(random() * others.length), 1);
        return others;
      },
      async lender(key, except) {
        const lender = lenders.get(key);
        if (lender !== undefined && lender !== except) return lender;
        if (holders.has(key)) lenders.set(key, node);
        return node;
      },
      async send(other, message) {
        const there = nodes.get(other);
        there?.onMessage(message);
        return there !== undefined;
      },
      async read(from) {
        return store.read(from);
      },
      async write(entries) {
        store.write(entries);
      },
      async close() {
        nodes.delete(node);
        for (const key of holders.keys()) note(key, false);
      },
    };
  }
}
