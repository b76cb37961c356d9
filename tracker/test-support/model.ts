import { UndeliverableReason } from '@zauberflote/proto';
import type { RegistryStats } from '../src/registry/options.ts';
import type { Ask } from './lease-model.ts';
import { LeaseModel } from './lease-model.ts';
import type { SignalKind } from './messages.ts';

export interface Held {
  readonly size: bigint;
  readonly partial: boolean;
}

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
  /** By `name:content`. */
  readonly holdings = new Map<string, Held>();
  /** By content. */
  readonly leases = new Map<number, LeaseModel>();
  readonly introductions = new Set<string>();
  readonly offers = new Map<string, Offer>();
  readonly #ttlMs: number;

  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs;
  }

  holders(content: number, asker?: string): Map<string, Held> {
    const found = new Map<string, Held>();
    for (const name of this.connected) {
      const held = this.holdings.get(`${name}:${content}`);
      if (name !== asker && held) found.set(name, held);
    }
    return found;
  }

  drop(name: string, content: number, now: number): void {
    if (!this.holdings.delete(`${name}:${content}`)) return;
    this.leases.get(content)?.leave(name, now);
    if (this.holders(content).size === 0) this.leases.delete(content);
  }

  /** The units that are lent, or none. */
  lease(name: string, content: number, ask: Ask, now: number): number[] {
    const holders = this.holders(content);
    if (!holders.has(name)) return [];
    const before = this.leases.get(content);
    const forsaken = !before || before.clients.size === 0;
    if (before && !forsaken && before.unitBytes !== ask.unitBytes) return [];
    if (forsaken && before?.unitBytes !== ask.unitBytes)
      this.leases.set(content, new LeaseModel(ask.unitBytes));
    const downloading = [...holders.values()].filter(({ partial }) => partial).length;
    return this.leases.get(content)!.ask(name, ask, downloading, now);
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

  disconnect(name: string, now: number): void {
    for (const key of this.holdings.keys()) {
      const [holder, content] = key.split(':');
      if (holder === name) this.drop(name, Number(content), now);
    }
    this.connected.delete(name);
    for (const pairs of [this.introductions, this.offers])
      for (const pair of pairs.keys()) if (pair.split('>').includes(name)) pairs.delete(pair);
  }

  stats(now: number): RegistryStats {
    const contents = [...this.holdings.keys()].map((key) => key.split(':')[1]);
    for (const leases of this.leases.values()) leases.expire(now);
    const open = [...this.offers.values()].filter(({ since }) => now - since < this.#ttlMs);
    return {
      peers: this.connected.size,
      swarms: new Set(contents).size,
      holdings: contents.length,
      introductions: this.introductions.size,
      attempts: open.length,
      leases: [...this.leases.values()].reduce((sum, { lent }) => sum + lent.size, 0),
      strangers: 0,
      guests: 0,
    };
  }

  #offer(from: string, to: string, number: number, now: number): Offer | undefined {
    const offer = this.offers.get(`${from}>${to}`);
    return offer && offer.number === number && now - offer.since < this.#ttlMs ? offer : undefined;
  }
}
