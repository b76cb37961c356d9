import type { Lease } from '@zauberflote/proto';
import { MAX_CHUNKS } from '@zauberflote/proto';
import * as limits from '../limits.ts';

/** Consecutive units; none if `count` is 0. */
export interface Units {
  readonly first: number;
  readonly count: number;
}

const NO_UNITS: Units = { first: 0, count: 0 };

/** Stands for the number of times that a unit was fetched while it is lent. */
const LENT = Number.POSITIVE_INFINITY;

/** Weight of the newest sample of the time that a unit takes. */
const NEWEST = 0.3;

/** Every table has memory for at least this many units, so that even an empty one counts for some. */
const SMALLEST_CAPACITY = 64;

/** A member that has sent a Lease. */
interface Client {
  /** Its number in the table, from 1. */
  readonly number: number;
  /** Whether it has said that the content has `Leases.#units`. */
  agrees: boolean;
  /** When it last reported something fetched. */
  reportedAt: number;
}

/** A member that has leases: of all its units at once, as each Lease confirms all. */
interface Fetcher<M> {
  readonly member: M;
  /** When they end. */
  until: number;
  /** When it was first lent something, or last reported that something came of it. */
  since: number;
  /** When its turn to fetch began. */
  readonly began: number;
  /** How many units are lent to it. */
  units: number;
}

/**
 * Who fetches which units of one content from the origin. `M` stands for a member of the swarm and
 * is compared by identity; `now` is in milliseconds. A call takes time proportional to the units of
 * the content at most, and nothing is allocated that was not granted or reported.
 */
export class Leases<M> {
  readonly unitBytes: number;
  readonly #clients = new Map<M, Client>();
  /** Who was lent nothing because others fetch, and when: who was refused last comes last. */
  readonly #waiting = new Map<M, number>();
  #lastNumber = 0;
  /** Units in the content as far as those know who agree, the first who spoke; 0: not known. */
  #units = 0;
  #agreeing = 0;
  /** Time that the origin needs for a unit, in ms, as far as can be seen; 0: not known. */
  #unitMs = 0;
  /** By place, from 1: a unit names the place of its fetcher. */
  readonly #fetchers: (Fetcher<M> | undefined)[] = [];

  // By unit. Units beyond the end are free.
  /** Place of the fetcher, 0: not lent. */
  #lentTo = new Uint8Array();
  /** How many have fetched it, up to 255. */
  #fetched = new Uint8Array();
  /** Number of the client that reported last that it has fetched it, and when. */
  #reporter = new Uint32Array();
  #reportedAt = new Float64Array();

  constructor(unitBytes: number) {
    this.unitBytes = unitBytes;
    this.#reserve(SMALLEST_CAPACITY);
  }

  /** Units for which there is memory. */
  get capacity(): number {
    return this.#lentTo.length;
  }

  /** Units that are lent, expired ones included until somebody looks. */
  get lent(): number {
    return this.#fetchers.reduce((sum, fetcher) => sum + (fetcher?.units ?? 0), 0);
  }

  /** Whether everybody who has sent a Lease has left. */
  get isForsaken(): boolean {
    return this.#clients.size === 0;
  }

  /**
   * What a member says with a Lease in the units of this table, and what it gets.
   * @param downloading members that download the content
   */
  ask(member: M, lease: Lease, downloading: number, now: number): Units {
    this.expire(now);
    const client = this.#clientOf(member);
    this.#learnUnits(client, lease.units);
    const place = this.#placeOf(member);
    // With its last unit it would lose its place, and take one anew, in this very message.
    const began = this.#fetchers[place]?.began ?? now;
    for (const unit of lease.returned) this.#release(unit, place);
    this.#learnPace(lease.fetched, place, now);
    for (const unit of lease.fetched) this.#report(unit, client, place, now);
    const fetcher = this.#fetchers[place];
    if (fetcher) {
      if (lease.fetched.length > 0) fetcher.since = now;
      fetcher.until = Math.min(now + limits.LEASE_TTL_MS, fetcher.since + limits.MAX_LEASE_MS);
    }
    if (lease.wanted === 0) return NO_UNITS;
    if (!this.#mayFetch(member, began, now)) return NO_UNITS;
    // An origin that has no time for a unit for each is of no help with what is spreading.
    const hurry = lease.hurry && downloading * this.#unitMs <= limits.RELEND_MS;
    const units = this.#choose({ ...lease, hurry }, Math.max(1, downloading), now);
    this.#lend(units, member, began, now);
    return units;
  }

  /** A member left the swarm: frees its units, and those that nobody but it can have yet. */
  leave(member: M, now: number): void {
    const client = this.#clients.get(member);
    if (!client) return;
    this.#clients.delete(member);
    this.#waiting.delete(member);
    if (client.agrees && --this.#agreeing === 0) this.#units = 0;
    this.#releaseAll(this.#placeOf(member));
    const since = now - limits.SPREAD_MS;
    if (client.reportedAt <= since) return;
    for (let unit = 0; unit < this.capacity; unit++)
      if (
        this.#fetched[unit] === 1 &&
        this.#reporter[unit] === client.number &&
        this.#reportedAt[unit]! > since
      )
        this.#fetched[unit] = 0;
  }

  /** Frees the units of leases that have ended. */
  expire(now: number): void {
    this.#fetchers.forEach((fetcher, place) => {
      if (fetcher && now >= fetcher.until) this.#releaseAll(place);
    });
  }

  /**
   * Whether there is a place for one who asks for more. One who has fetched for some time leaves its
   * place to one who waits for it: what was fetched spreads sooner when many have fetched a little, as
   * the uplink of one who fetched much is busy with it for long.
   */
  #mayFetch(member: M, began: number, now: number): boolean {
    this.#waiting.delete(member);
    const others = this.#fetchers.filter((other) => other && other.member !== member).length;
    if (others >= limits.MAX_FETCHERS_PER_SWARM) {
      this.#waiting.set(member, now);
      return false;
    }
    const isLast = others === limits.MAX_FETCHERS_PER_SWARM - 1;
    return !isLast || now < began + limits.FETCH_TURN_MS || !this.#isAwaited(now);
  }

  /** Whether somebody waits for a place. It counts for one place only. */
  #isAwaited(now: number): boolean {
    for (const [member, at] of this.#waiting) {
      this.#waiting.delete(member);
      if (now < at + limits.FETCH_WAIT_MS) return true;
    }
    return false;
  }

  #clientOf(member: M): Client {
    let client = this.#clients.get(member);
    if (!client) {
      client = { number: ++this.#lastNumber, agrees: false, reportedAt: Number.NEGATIVE_INFINITY };
      this.#clients.set(member, client);
    }
    return client;
  }

  /** Only those who do not know it themselves go by what others say. */
  #learnUnits(client: Client, units: number): void {
    if (units === 0 || client.agrees) return;
    if (this.#units === 0) this.#units = units;
    if (this.#units !== units) return;
    client.agrees = true;
    this.#agreeing++;
  }

  /** From what a fetcher reports of its leases: as many as fetch share the origin. */
  #learnPace(reported: readonly number[], place: number, now: number): void {
    const units = new Set(reported.filter((unit) => place > 0 && this.#lentTo[unit] === place))
      .size;
    if (units === 0) return;
    const fetching = this.#fetchers.filter((other) => other !== undefined).length;
    const sample = (now - this.#fetchers[place]!.since) / units / fetching;
    this.#unitMs += (this.#unitMs === 0 ? 1 : NEWEST) * (sample - this.#unitMs);
  }

  /** 0 if it has no leases. */
  #placeOf(member: M): number {
    return Math.max(
      0,
      this.#fetchers.findIndex((fetcher) => fetcher?.member === member),
    );
  }

  #report(unit: number, client: Client, place: number, now: number): void {
    this.#release(unit, place);
    this.#reserve(unit + 1);
    const times = this.#fetched[unit]!;
    // Said twice, it has still been fetched once.
    if (times === 0 || this.#reporter[unit] !== client.number)
      this.#fetched[unit] = Math.min(255, times + 1);
    this.#reporter[unit] = client.number;
    this.#reportedAt[unit] = client.reportedAt = now;
  }

  /**
   * Which units to lend: of those wanted the least often fetched. Free ones are those never fetched;
   * others are lent again only by name.
   */
  #choose({ units, wanted, needed, hurry }: Lease, downloading: number, now: number): Units {
    const known = units || this.#units;
    const end = known || Math.min(MAX_CHUNKS, this.capacity + limits.ASSUMED_UNITS);
    let free = 0;
    let least = LENT;
    let equal = 0;
    let first = 0;
    for (let unit = 0; unit < end; unit++) {
      const times = this.#timesFetched(unit, now, hurry);
      if (times === 0 && unit < (known || limits.ASSUMED_UNITS)) free++;
      if (times > least || !isWanted(unit, times, needed)) continue;
      if (times < least) {
        least = times;
        equal = 0;
        first = unit;
      }
      equal++;
    }
    if (least === LENT) return NO_UNITS;
    const clients = downloading === 1 ? 1 : limits.GRANTS_PER_CLIENT * downloading;
    const share = (least === 0 ? free : equal) / clients;
    const most = Math.min(wanted, Math.max(1, Math.ceil(share)), end - first);
    let count = 1;
    while (
      count < most &&
      this.#timesFetched(first + count, now, hurry) === least &&
      isWanted(first + count, least, needed)
    )
      count++;
    return { first, count };
  }

  /** What was fetched a moment ago is still spreading, and not to be had for a while. */
  #timesFetched(unit: number, now: number, hurry: boolean): number {
    if (unit >= this.capacity) return 0;
    const fetched = this.#fetched[unit]!;
    const isSpreading = !hurry && fetched > 0 && now - this.#reportedAt[unit]! < limits.RELEND_MS;
    return this.#lentTo[unit] !== 0 || isSpreading ? LENT : fetched;
  }

  #lend({ first, count }: Units, member: M, began: number, now: number): void {
    if (count === 0) return;
    let place = this.#placeOf(member);
    if (place === 0) {
      place = 1;
      while (this.#fetchers[place]) place++;
      const until = now + limits.LEASE_TTL_MS;
      this.#fetchers[place] = { member, until, since: now, began, units: 0 };
    }
    this.#reserve(first + count);
    this.#lentTo.fill(place, first, first + count);
    this.#fetchers[place]!.units += count;
  }

  /** If it is lent to the fetcher at `place`. */
  #release(unit: number, place: number): void {
    if (place === 0 || this.#lentTo[unit] !== place) return;
    this.#lentTo[unit] = 0;
    if (--this.#fetchers[place]!.units === 0) this.#fetchers[place] = undefined;
  }

  #releaseAll(place: number): void {
    if (place === 0) return;
    for (let unit = 0; unit < this.capacity; unit++) this.#release(unit, place);
  }

  /** Makes room for `units` units. */
  #reserve(units: number): void {
    if (units <= this.capacity) return;
    const capacity = 2 ** Math.ceil(Math.log2(units));
    this.#lentTo = grown(Uint8Array, this.#lentTo, capacity);
    this.#fetched = grown(Uint8Array, this.#fetched, capacity);
    this.#reporter = grown(Uint32Array, this.#reporter, capacity);
    this.#reportedAt = grown(Float64Array, this.#reportedAt, capacity);
  }
}

function isWanted(unit: number, timesFetched: number, needed: Uint8Array): boolean {
  if (needed.length === 0) return timesFetched === 0;
  return ((needed[unit >> 3] ?? 0) & (128 >> (unit & 7))) !== 0;
}

function grown<T extends Uint8Array | Uint32Array | Float64Array>(
  Type: new (length: number) => T,
  old: T,
  length: number,
): T {
  const array = new Type(length);
  array.set(old);
  return array;
}
