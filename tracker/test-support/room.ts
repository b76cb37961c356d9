import assert from 'node:assert/strict';
import type { SessionResponse } from '@zauberflote/proto';
import { decodeSessionResponse, encodeSessionResponse } from '@zauberflote/proto';
import { seeded } from '../../demo/random.ts';
import type { RegistryOptions, RegistryStats } from '../src/registry/options.ts';
import type { Effect, IpVersion } from '../src/registry/peer.ts';
import { Registry } from '../src/registry/registry.ts';
import type { Body } from './messages.ts';
import { received } from './messages.ts';

export const EMPTY: RegistryStats = {
  peers: 0,
  swarms: 0,
  holdings: 0,
  introductions: 0,
  attempts: 0,
  leases: 0,
  strangers: 0,
  guests: 0,
};

/** Either what a connection is sent, as it decodes it, or that it is to end. */
export type Seen =
  | { readonly to: string; readonly body: SessionResponse['body'] }
  | { readonly to: string; readonly close: number; readonly retryAfterMs: number };

/** A registry whose connections are names, with a clock set by hand. */
export class Room {
  readonly registry: Registry<string>;
  readonly ids = new Map<string, bigint>();
  readonly #random: () => number;
  now = 0;

  constructor(options: RegistryOptions<string> = {}, seed = 1) {
    this.registry = new Registry(options);
    this.#random = seeded(seed);
  }

  /** Connects each and notes its id. */
  enter(...names: readonly string[]): void {
    for (const name of names) this.enterBy(0, name);
  }

  /** Connects each by a version of IP and notes its id. */
  enterBy(ipVersion: IpVersion, ...names: readonly string[]): void {
    for (const name of names) {
      const [seen, ...rest] = this.connect(name, ipVersion);
      assert.ok(seen && 'body' in seen && seen.body.case === 'welcome' && rest.length === 0);
      this.ids.set(name, seen.body.value.peerId);
    }
  }

  id(name: string): bigint {
    return this.ids.get(name) ?? assert.fail(`${name} has never been here`);
  }

  connect(name: string, ipVersion: IpVersion = 0): Seen[] {
    return this.registry.connect(name, this.#random, ipVersion).map(see);
  }

  send(name: string, body: Body): Seen[] {
    return this.registry.receive(name, received(body), this.now, this.#random).map(see);
  }

  leave(name: string): void {
    this.registry.disconnect(name, this.now);
  }
}

/** Encoding shows that what the registry makes is a valid message. */
export function see(effect: Effect<string>): Seen {
  if (!('to' in effect) || 'seek' in effect || 'borrow' in effect)
    return assert.fail('there are no other nodes here');
  const { to } = effect;
  if ('close' in effect) return { to, close: effect.close, retryAfterMs: effect.retryAfterMs };
  return { to, body: decodeSessionResponse(encodeSessionResponse(effect.send)).body };
}

/** The swarms of the one Peers message among `seen`. */
export function swarms(seen: readonly Seen[]) {
  const [only, ...rest] = seen;
  assert.equal(rest.length, 0);
  assert.ok(only && 'body' in only && only.body.case === 'peers');
  return only.body.value.swarms;
}

/** The units of the one Grant among `seen`. */
export function granted(seen: readonly Seen[]): number[] {
  const [only, ...rest] = seen;
  assert.equal(rest.length, 0);
  assert.ok(only && 'body' in only && only.body.case === 'grant');
  const { first, count } = only.body.value;
  return Array.from({ length: count }, (_, i) => first + i);
}

/** Who was sent a signal, of which kind and from whom; or the reason why it was not forwarded. */
export function fate(seen: readonly Seen[]) {
  const [only, ...rest] = seen;
  assert.equal(rest.length, 0);
  assert.ok(only && 'body' in only);
  const { to, body } = only;
  if (body.case === 'undeliverable')
    return { to, reason: body.value.reason, peer: body.value.peerId, attempt: body.value.attempt };
  assert.ok(body.case === 'signal');
  return { to, kind: body.value.body.case, from: body.value.peerId, attempt: body.value.attempt };
}
