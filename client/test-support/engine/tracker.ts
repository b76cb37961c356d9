import assert from 'node:assert/strict';
import type { Effect, EngineEvent, HolderInfo, TrackerReach } from '../../src/engine/types.ts';
import type { Schedule } from './schedule.ts';

export interface TrackerTraits {
  /** Time until it answers, in ms; infinite: never. */
  readonly answersMs: number;
  readonly leases: 'grants' | 'refuses' | 'mute' | 'odd';
  /** When it goes away for 7 s, in ms. */
  readonly awayAt: readonly number[];
  readonly missing: boolean;
}

type Lease = Extract<Effect, { type: 'lease' }>;

/** Names holders and lends parts of the origin to the one visitor there is. */
export class SimulatedTracker {
  reach: TrackerReach = 'there';
  /** Units that the engine was lent and has neither fetched nor returned. */
  readonly lent = new Set<number>();
  readonly #traits: TrackerTraits;
  readonly #schedule: Schedule;
  readonly #tell: (event: EngineEvent) => void;
  readonly #holders: (asked: number) => HolderInfo[];
  /** Whether the origin may be asked for the whole. */
  readonly #mayBeWhole: boolean;
  #asked = 0;

  constructor(
    traits: TrackerTraits,
    schedule: Schedule,
    tell: (event: EngineEvent) => void,
    holders: (asked: number) => HolderInfo[],
    mayBeWhole: boolean,
  ) {
    this.#mayBeWhole = mayBeWhole;
    this.#traits = traits;
    this.#schedule = schedule;
    this.#tell = tell;
    this.#holders = holders;
    if (traits.missing) this.#schedule.after(0, () => this.#turn('missing'));
    else
      for (const at of traits.awayAt) {
        this.#schedule.after(at, () => this.#turn('away'));
        this.#schedule.after(at + 7_000, () => this.#turn('there'));
      }
  }

  ask(): void {
    assert.equal(this.reach, 'there', 'nobody is there to be asked');
    const asked = ++this.#asked;
    this.#answer(() => this.#tell({ type: 'holders', holders: this.#holders(asked) }));
  }

  lease({ unitBytes, units, wanted, needed, fetched, returned }: Lease): void {
    for (const unit of new Set([...fetched, ...returned])) {
      // An odd one lends again what it was told is fetched. Who fetches the whole reports all that comes.
      const mayBe = this.#traits.leases === 'odd' || (fetched.includes(unit) && this.#mayBeWhole);
      assert.ok(this.lent.delete(unit) || mayBe, `unit ${unit} was not lent`);
    }
    if (wanted === 0 || this.reach !== 'there' || this.#traits.leases === 'mute') return;
    const wants = (unit: number) =>
      (units === 0 || unit < units) &&
      (!needed || ((needed[unit >> 3] ?? 0) & (0x80 >> (unit & 7))) !== 0);
    if (needed && units > 0) assert.ok(needed.length <= Math.ceil(units / 8));
    this.#answer(() => {
      const grant = { first: 0, count: 0, unitBytes };
      if (this.#traits.leases === 'odd') {
        grant.first = this.#schedule.below(units + 2);
        grant.count = this.#schedule.below(4);
        if (this.#schedule.chance(0.3)) grant.unitBytes = 1 + this.#schedule.below(70_000);
      } else if (this.#traits.leases === 'grants' && this.#schedule.chance(0.8)) {
        const all = Math.max(units, 4);
        const start = this.#schedule.below(all);
        for (let i = 0; i < all && grant.count === 0; i++) {
          grant.first = (start + i) % all;
          while (grant.count < wanted && wants(grant.first + grant.count)) grant.count++;
        }
      }
      if (grant.unitBytes === unitBytes)
        for (let unit = grant.first; unit < grant.first + grant.count; unit++) this.lent.add(unit);
      this.#tell({ type: 'grant', ...grant });
    });
  }

  #answer(run: () => void): void {
    const { answersMs } = this.#traits;
    if (answersMs === Number.POSITIVE_INFINITY) return;
    const { random } = this.#schedule;
    this.#schedule.after(answersMs * (0.5 + random()), () => {
      if (this.reach === 'there') run();
    });
  }

  #turn(reach: TrackerReach): void {
    // Whoever comes back has forgotten what was lent.
    if (reach === 'there' && this.reach !== 'there') this.lent.clear();
    this.reach = reach;
    this.#tell({ type: 'tracker', reach });
  }
}
