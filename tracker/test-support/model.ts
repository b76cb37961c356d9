import { UndeliverableReason } from '@zauberflote/proto';
import type { RegistryStats } from '../src/registry/registry.ts';
import type { SignalKind } from './messages.ts';

interface Offer {
  readonly number: number;
  readonly since: number;
  answered: boolean;
}

/**
 * What tracker.proto says a registry does, written down with sets of strings and no regard for
 * speed. Pairs are written `from>to`.
 */
export class Model {
  readonly connected = new Set<string>();
  /** Sizes by `name:content`. */
  readonly holdings = new Map<string, bigint>();
  readonly introductions = new Set<string>();
  readonly offers = new Map<string, Offer>();
  readonly #ttlMs: number;

  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs;
  }

  holders(content: number, asker: string): Map<string, bigint> {
    const found = new Map<string, bigint>();
    for (const name of this.connected) {
      const size = this.holdings.get(`${name}:${content}`);
      if (name !== asker && size !== undefined) found.set(name, size);
    }
    return found;
  }

  /** Why a signal is not relayed, or undefined after noting its effect. */
  signal(
    from: string,
    to: string,
    kind: SignalKind,
    number: number,
    now: number,
  ): UndeliverableReason | undefined {
    if (!this.connected.has(to)) return UndeliverableReason.GONE;
    const theirs = this.#offer(to, from, number, now);
    const own = this.#offer(from, to, number, now);
    const allowed = {
      offer: this.introductions.has(`${from}>${to}`),
      answer: theirs !== undefined && !theirs.answered,
      candidates: theirs !== undefined || own !== undefined,
      decline: theirs !== undefined || own !== undefined,
    }[kind];
    if (!allowed) return UndeliverableReason.NOT_INTRODUCED;
    if (kind === 'offer') this.offers.set(`${from}>${to}`, { number, since: now, answered: false });
    if (kind === 'answer') theirs!.answered = true;
    if (kind === 'decline') this.offers.delete(theirs ? `${to}>${from}` : `${from}>${to}`);
    return undefined;
  }

  disconnect(name: string): void {
    this.connected.delete(name);
    for (const key of this.holdings.keys())
      if (key.startsWith(`${name}:`)) this.holdings.delete(key);
    for (const pairs of [this.introductions, this.offers])
      for (const pair of pairs.keys()) if (pair.split('>').includes(name)) pairs.delete(pair);
  }

  stats(now: number): RegistryStats {
    const contents = [...this.holdings.keys()].map((key) => key.split(':')[1]);
    const open = [...this.offers.values()].filter(({ since }) => now - since < this.#ttlMs);
    return {
      peers: this.connected.size,
      swarms: new Set(contents).size,
      holdings: contents.length,
      introductions: this.introductions.size,
      attempts: open.length,
    };
  }

  #offer(from: string, to: string, number: number, now: number): Offer | undefined {
    const offer = this.offers.get(`${from}>${to}`);
    return offer && offer.number === number && now - offer.since < this.#ttlMs ? offer : undefined;
  }
}
