import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { seeded } from '../../demo/random.ts';
import type { Backplane } from '../src/backplane/backplane.ts';
import { Exchange } from '../src/backplane/exchange.ts';
import { MemoryHub } from '../src/backplane/memory.ts';
import { Counters } from '../src/counters.ts';
import type { RegistryOptions } from '../src/registry/options.ts';
import type { Effect, IpVersion } from '../src/registry/peer.ts';
import { Registry } from '../src/registry/registry.ts';
import type { Body } from './messages.ts';
import { received } from './messages.ts';
import type { Seen } from './room.ts';
import { see } from './room.ts';

interface Node {
  readonly registry: Registry<string>;
  readonly exchange: Exchange<string>;
  /** Nothing of it is heard any more, nor does it hear anything; to others it looks as if it listened. */
  kill(): void;
  /** The same, and others find that it does not listen. */
  end(): Promise<void>;
  /** It can send nothing until it is mended, and cannot say whether others are there. */
  cut(): { mend(): void };
  /** It hears nothing until it is woken; then all at once. */
  sleep(): { wake(): void };
}

/** Registries that are joined in memory. Connections are names; a clock is set by hand. */
export class Nodes {
  readonly hub: MemoryHub;
  readonly nodes: readonly Node[];
  readonly counters = new Counters();
  readonly ids = new Map<string, bigint>();
  now = 0;
  /** What a look at who keeps the leases of a content waits for. */
  lookups: () => Promise<unknown> = async () => {};
  readonly #at = new Map<string, Node>();
  readonly #random: () => number;
  #seen: Seen[] = [];

  constructor(
    count: number,
    options: RegistryOptions<string> & { readonly maxInquiries?: number } = {},
    seed = 1,
  ) {
    this.#random = seeded(seed);
    this.hub = new MemoryHub(this.#random);
    this.nodes = Array.from({ length: count }, (_, i) => this.#start(`node-${i}`, options));
  }

  #start(
    name: string,
    options: RegistryOptions<string> & { readonly maxInquiries?: number },
  ): Node {
    let isDead = false;
    let isCut = false;
    let unheard: Uint8Array[] | undefined;
    const joined = this.hub.join(name, {
      onMessage: (frame) => {
        // As over a network, it is heard later, and as other bytes.
        const copy = frame.slice();
        if (unheard) unheard.push(copy);
        else queueMicrotask(() => !isDead && exchange.receive(copy));
      },
      keys: () => registry.keys(),
      count: () => registry.counts().swarms,
    });
    const backplane: Backplane = {
      ...joined,
      get isUp() {
        return joined.isUp;
      },
      lender: async (key, except) => {
        await this.lookups();
        return joined.lender(key, except);
      },
      async send(node, message) {
        if (isCut) throw new Error('cut');
        return joined.send(node, message);
      },
    };
    const registry: Registry<string> = new Registry<string>({
      ...options,
      isAlone: () => !backplane.isUp,
      onSwarm: (key, isThere) => exchange.note(key, isThere),
      onDeparture: (peerId, keys) => exchange.departed(peerId, keys),
    });
    const exchange = new Exchange<string>({
      ...options,
      backplane,
      registry,
      perform: (_, act) => !isDead && this.#carryOut(exchange, act()),
      counters: this.counters,
      now: () => this.now,
      random: this.#random,
    });
    return {
      registry,
      exchange,
      kill() {
        isDead = true;
      },
      async end() {
        isDead = true;
        await backplane.close();
      },
      cut() {
        isCut = true;
        return {
          mend() {
            isCut = false;
          },
        };
      },
      sleep() {
        unheard = [];
        return {
          wake() {
            for (const frame of unheard ?? []) exchange.receive(frame);
            unheard = undefined;
          },
        };
      },
    };
  }

  /** Connects a client to a node. */
  async enter(node: number, ...names: readonly string[]): Promise<void> {
    return this.enterBy(0, node, ...names);
  }

  /** The same, by a version of IP. */
  async enterBy(ipVersion: IpVersion, node: number, ...names: readonly string[]): Promise<void> {
    const at = this.nodes[node]!;
    for (const name of names) {
      this.#at.set(name, at);
      const [seen] = await this.#after(at, at.registry.connect(name, this.#random, ipVersion));
      assert.ok(seen && 'body' in seen && seen.body.case === 'welcome');
      this.ids.set(name, seen.body.value.peerId);
    }
  }

  /** The same without waiting, or looking at what it is told. */
  enterSoon(node: number, name: string): void {
    const at = this.nodes[node]!;
    this.#at.set(name, at);
    at.registry.connect(name, this.#random);
  }

  id(name: string): bigint {
    return this.ids.get(name) ?? assert.fail(`${name} has never been here`);
  }

  /** Whether two are connected to the same node. */
  areTogether(one: string, other: string): boolean {
    return this.#at.get(one) === this.#at.get(other);
  }

  /** What anybody was sent because a client sent this. */
  async send(name: string, body: Body): Promise<Seen[]> {
    const at = this.#at.get(name);
    if (!at) return [];
    return this.#after(at, at.registry.receive(name, received(body), this.now, this.#random));
  }

  /** The same without waiting for what comes of it. */
  sendSoon(name: string, body: Body): void {
    const at = this.#at.get(name)!;
    const effects = at.registry.receive(name, received(body), this.now, this.#random);
    this.#carryOut(at.exchange, effects);
  }

  /** What anybody was sent since this was asked last. */
  takeSeen(): Seen[] {
    return this.#seen.splice(0);
  }

  leave(name: string): void {
    this.#at.get(name)?.registry.disconnect(name, this.now);
    this.#at.delete(name);
  }

  tick(): void {
    for (const { registry } of this.nodes) registry.tick(this.now);
  }

  async #after(at: Node, effects: readonly Effect<string>[]): Promise<Seen[]> {
    this.#carryOut(at.exchange, effects);
    // All that is passed on meanwhile are microtasks.
    await setImmediate();
    return this.takeSeen();
  }

  #carryOut(exchange: Exchange<string>, effects: readonly Effect<string>[]): void {
    for (const effect of effects) {
      if ('node' in effect) exchange.send(effect.node, effect.message);
      else if ('seek' in effect) exchange.seek(effect.to, effect.seek);
      else if ('borrow' in effect) exchange.borrow(effect.to, effect.borrow);
      else this.#seen.push(see(effect));
    }
  }
}
