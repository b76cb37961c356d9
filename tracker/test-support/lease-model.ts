import {
  ASSUMED_UNITS,
  FETCH_TURN_MS,
  FETCH_WAIT_MS,
  GRANTS_PER_CLIENT,
  LEASE_TTL_MS,
  MAX_FETCHERS_PER_SWARM,
  MAX_LEASE_MS,
  RELEND_MS,
  SPREAD_MS,
} from '../src/limits.ts';

/** A Lease as the model takes it: units wanted by number; undefined: any. */
export interface Ask {
  readonly unitBytes: number;
  readonly units: number;
  readonly wanted: number;
  readonly needed: readonly number[] | undefined;
  readonly fetched: readonly number[];
  readonly returned: readonly number[];
  readonly hurry?: boolean | undefined;
}

interface Fetched {
  times: number;
  by: string | undefined;
  at: number;
}

/** Leases of one content, with sets and maps and no regard for speed. */
export class LeaseModel {
  readonly unitBytes: number;
  /** Who has sent a Lease. */
  readonly clients = new Set<string>();
  /** To whom a unit is lent. */
  readonly lent = new Map<number, string>();
  readonly until = new Map<string, number>();
  readonly fetched = new Map<number, Fetched>();
  #units = 0;
  /** What the origin needs for a unit. */
  #unitMs = 0;
  /** Who was lent nothing because others fetch, and when; the last comes last. */
  #waiting: { readonly name: string; readonly at: number }[] = [];
  /** Since when each has had leases all the time. */
  readonly #began = new Map<string, number>();
  /** When it was first lent something, or last reported that something came of it. */
  readonly #since = new Map<string, number>();
  readonly #agree = new Set<string>();

  constructor(unitBytes: number) {
    this.unitBytes = unitBytes;
  }

  expire(now: number): void {
    for (const [unit, name] of this.lent) if (now >= this.until.get(name)!) this.lent.delete(unit);
  }

  ask(name: string, ask: Ask, downloading: number, now: number): number[] {
    this.expire(now);
    this.clients.add(name);
    if (ask.units && this.#agree.size === 0) this.#units = ask.units;
    if (ask.units && ask.units === this.#units) this.#agree.add(name);
    const began = [...this.lent.values()].includes(name) ? this.#began.get(name)! : now;
    const release = (unit: number) => this.lent.get(unit) === name && this.lent.delete(unit);
    ask.returned.forEach(release);
    const sharing = new Set(this.lent.values()).size;
    const done = ask.fetched.filter(release).length;
    if (done > 0) {
      const sample = (now - this.#since.get(name)!) / done / sharing;
      this.#unitMs += (this.#unitMs === 0 ? 1 : 0.3) * (sample - this.#unitMs);
    }
    for (const unit of ask.fetched) {
      const { times = 0, by } = this.fetched.get(unit) ?? {};
      const again = times > 0 && by === name;
      this.fetched.set(unit, { times: times + (again ? 0 : 1), by: name, at: now });
    }
    const fetchers = new Set(this.lent.values());
    if (!fetchers.has(name) || ask.fetched.length > 0) this.#since.set(name, now);
    this.until.set(name, Math.min(now + LEASE_TTL_MS, this.#since.get(name)! + MAX_LEASE_MS));
    if (ask.wanted === 0) return [];
    this.#waiting = this.#waiting.filter((one) => one.name !== name);
    fetchers.delete(name);
    if (fetchers.size === MAX_FETCHERS_PER_SWARM) {
      this.#waiting.push({ name, at: now });
      return [];
    }
    if (fetchers.size === MAX_FETCHERS_PER_SWARM - 1 && now - began >= FETCH_TURN_MS) {
      // It counts those who waited too long ago no more, and the next one for this place.
      const next = this.#waiting.findIndex(({ at }) => now - at < FETCH_WAIT_MS);
      this.#waiting = next < 0 ? [] : this.#waiting.slice(next + 1);
      if (next >= 0) return [];
    }

    const units = ask.units || (this.#agree.size > 0 ? this.#units : 0);
    const all = Array.from({ length: units || 1000 }, (_, unit) => unit);
    const times = (unit: number) => this.fetched.get(unit)?.times ?? 0;
    const free = all.filter((unit) => !this.lent.has(unit) && times(unit) === 0);
    const hurry = ask.hurry && downloading * this.#unitMs <= RELEND_MS;
    const spreads = (unit: number) =>
      !hurry && now - (this.fetched.get(unit)?.at ?? -Infinity) < RELEND_MS;
    const candidates = ask.needed
      ? all.filter((unit) => !this.lent.has(unit) && !spreads(unit) && ask.needed!.includes(unit))
      : free;
    if (candidates.length === 0) return [];
    const least = Math.min(...candidates.map(times));
    const equal = candidates.filter((unit) => times(unit) === least);
    const counted = least > 0 ? equal : free.filter((unit) => units || unit < ASSUMED_UNITS);
    const parts = downloading <= 1 ? 1 : GRANTS_PER_CLIENT * downloading;
    const share = Math.ceil(counted.length / parts);
    const first = equal[0]!;
    const run = equal.filter((unit, i) => unit === first + i);
    const granted = run.slice(0, Math.min(ask.wanted, Math.max(1, share)));
    if (![...this.lent.values()].includes(name)) this.#began.set(name, began);
    for (const unit of granted) this.lent.set(unit, name);
    return granted;
  }

  leave(name: string, now: number): void {
    this.expire(now);
    this.clients.delete(name);
    this.#waiting = this.#waiting.filter((one) => one.name !== name);
    this.#agree.delete(name);
    for (const [unit, to] of this.lent) if (to === name) this.lent.delete(unit);
    for (const [unit, fetched] of this.fetched) {
      if (fetched.by !== name) continue;
      if (fetched.times === 1 && now - fetched.at < SPREAD_MS) this.fetched.delete(unit);
      fetched.by = undefined;
    }
  }
}
