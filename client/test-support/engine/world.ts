import assert from 'node:assert/strict';
import { Bitfield } from '../../src/engine/bitfield.ts';
import { DownloadEngine } from '../../src/engine/engine.ts';
import type { Layout } from '../../src/engine/layout.ts';
import {
  chunkLength,
  layoutOf,
  WHOLE_FILE_UNIT_BYTES,
  wholeFileLayout,
} from '../../src/engine/layout.ts';
import { MAX_WINDOW_BYTES, MIN_PIPELINE, START_WINDOW_BYTES } from '../../src/engine/tuning.ts';
import type { Effect, EngineEvent, Failure, PeerId } from '../../src/engine/types.ts';
import { hasRanges, SimulatedOrigin } from './origin.ts';
import { isHonest, SimulatedPeer } from './peer.ts';
import { SimulatedReader } from './reader.ts';
import type { Scenario } from './scenario.ts';
import { Schedule } from './schedule.ts';
import { SimulatedTracker } from './tracker.ts';

type Of<Type extends Effect['type']> = Extract<Effect, { type: Type }>;

/** Bytes somebody sent that are not taken yet. */
interface Pending {
  readonly length: number;
  received: number;
  readonly right: boolean;
}

interface Range {
  readonly effect: Of<'fetch-range'>;
  readonly right: boolean;
  /** As the answer says; what was asked for until then. */
  end: number;
  over: boolean;
  /** Of the first byte that was not taken. */
  start: number;
  /** Of the byte after the last that came. */
  at: number;
}

/** No scenario takes longer, in ms. */
const LONGEST_MS = 3_600_000;

/** Nor has more events. */
const MOST_STEPS = 30_000;

/**
 * One engine among simulated peers, origin and tracker. Carries the engine's effects out as a
 * download does, and checks each of them against what the engine promises.
 */
export class World {
  readonly engine: DownloadEngine;
  readonly scenario: Scenario;
  outcome: 'complete' | Failure | undefined;
  readonly #schedule: Schedule;
  readonly #peers: SimulatedPeer[];
  readonly #origin: SimulatedOrigin | undefined;
  readonly #tracker: SimulatedTracker;
  readonly #reader: SimulatedReader | undefined;
  readonly #real: Layout;
  #layout: Layout | undefined;
  readonly #pending = new Map<string, Pending>();
  readonly #ranges = new Map<number, Range>();
  readonly #checking = new Map<string, { readonly right: boolean; passed: boolean }>();
  readonly #kept = new Map<number, { readonly right: boolean; readonly servable: boolean }>();
  readonly #sent = new Set<PeerId>();
  /** Which chunks whom was told are coming. */
  readonly #promised = new Set<string>();
  #wakes = 0;
  #waking = 0;

  constructor(scenario: Scenario) {
    const { seed, verification, size, chunkSize, origin, peers, tracker } = scenario;
    this.scenario = scenario;
    const schedule = new Schedule(seed);
    this.#schedule = schedule;
    const tell = (event: EngineEvent) => this.#tell(event);
    this.#real = verification === 'chunks' ? layoutOf(size, chunkSize) : wholeFileLayout(size);
    this.engine = new DownloadEngine(
      origin !== undefined && scenario.fallbackAt === 0,
      verification,
    );
    this.#peers = peers.map(
      (traits, i) => new SimulatedPeer(BigInt(i + 1), traits, this.#real, schedule, tell),
    );
    this.#origin = origin && new SimulatedOrigin(origin, size, schedule, tell);
    const holders = (asked: number) =>
      this.#peers
        .filter(({ traits: { comes } }) => comes === 'first' || (comes === 'later' && asked > 1))
        .map(({ info }) => info);
    const mayBeWhole = !!origin && !hasRanges(origin);
    this.#tracker = new SimulatedTracker(tracker, schedule, tell, holders, mayBeWhole);
    this.#reader =
      scenario.reader &&
      new SimulatedReader(scenario.reader, schedule, tell, (chunk) => this.#kept.has(chunk));
    this.#tell({ type: 'start' });
    this.#reader?.begin();
    this.#plan();
  }

  /** Lets time pass until the engine has said how it ended. */
  run(): void {
    for (let steps = 0; this.outcome === undefined; steps++) {
      assert.ok(steps < MOST_STEPS, `no end of it at ${this.#schedule.now} ms`);
      assert.ok(this.#schedule.step(), 'nothing will wake the engine');
      assert.ok(this.#schedule.now < LONGEST_MS, 'no end within an hour');
    }
    for (let i = 0; i < 200 && this.#schedule.step(); i++);
    for (const event of [{ type: 'wake' }, { type: 'fallback' }] as const) this.#tell(event);
  }

  #plan(): void {
    const { scenario } = this;
    if (scenario.verification === 'chunks')
      this.#schedule.after(scenario.layoutAt, () =>
        this.#tell({ type: 'layout', layout: this.#real }),
      );
    if (scenario.origin && scenario.fallbackAt > 0)
      this.#schedule.after(scenario.fallbackAt, () => this.#tell({ type: 'fallback' }));
    for (const peer of this.#peers) {
      const { comes, leavesAt } = peer.traits;
      if (comes === 'itself')
        this.#schedule.after(this.#schedule.below(5_000), () => {
          if (peer.state !== 'apart') return;
          peer.opened();
          peer.sayHoldings();
        });
      if (leavesAt !== undefined)
        this.#schedule.after(leavesAt, () => {
          if (peer.state === 'open') peer.closed(false);
        });
    }
  }

  #tell(event: EngineEvent): void {
    const { now, random } = this.#schedule;
    const hadEnded = this.outcome !== undefined;
    if (!hadEnded) this.#note(event);
    const effects = this.engine.handle(event, now, random);
    if (hadEnded) return assert.deepEqual(effects, [], 'it had ended');
    const { count } = this.#layout ?? this.#real;
    assert.ok(effects.length <= 100 + (count + 4) * (this.#peers.length + 6), event.type);
    for (const effect of effects) this.#carryOut(effect);
    if (event.type === 'range-end') this.#ranges.delete(event.range);
    if (this.outcome === undefined) this.#setTimer();
    else assert.equal(this.engine.wakeAt, Number.POSITIVE_INFINITY);
  }

  #setTimer(): void {
    const { now } = this.#schedule;
    const at = this.engine.wakeAt;
    assert.ok(at > now, `it is to be woken at ${at}, and it is ${now}`);
    const waking = ++this.#waking;
    if (at < Number.POSITIVE_INFINITY)
      this.#schedule.after(at - now, () => {
        if (waking !== this.#waking) return;
        assert.ok(++this.#wakes < 200 + at / 50, 'it wakes all the time');
        this.#tell({ type: 'wake' });
      });
  }

  /** What the download knows of an event before the engine does. */
  #note(event: EngineEvent): void {
    switch (event.type) {
      case 'layout':
        this.#layout = event.layout;
        this.#reader?.laidOut(event.layout);
        break;
      case 'fragment': {
        const pending = this.#pending.get(`${event.chunk} of ${event.peer}`);
        if (pending) pending.received += event.length;
        this.#sent.add(event.peer);
        break;
      }
      case 'range-head': {
        const range = this.#ranges.get(event.range);
        if (range) range.start = range.at = event.offset;
        if (range) range.end = event.end ?? Number.POSITIVE_INFINITY;
        break;
      }
      case 'range-data': {
        const range = this.#ranges.get(event.range);
        if (range) range.at += event.length;
        break;
      }
      case 'range-end': {
        const range = this.#ranges.get(event.range);
        if (range) range.over = true;
      }
    }
  }

  #carryOut(effect: Effect): void {
    assert.equal(this.outcome, undefined, `${effect.type} after the end`);
    switch (effect.type) {
      case 'ask':
        return this.#tracker.ask();
      case 'lease':
        return this.#tracker.lease(effect);
      case 'connect':
        return this.#connect(this.#peer(effect.peer));
      case 'bar':
        return this.#bar(this.#peer(effect.peer));
      case 'holdings':
        return this.#greet(effect);
      case 'got':
        return this.#offer(effect);
      case 'coming':
        return this.#promise(effect);
      case 'request':
        return this.#request(effect);
      case 'cancel':
        assert.ok(this.#pending.delete(`${effect.chunk} of ${effect.peer}`), 'it was not asked');
        return this.#peer(effect.peer).cancelled(effect.chunk);
      case 'check':
        return this.#check(effect);
      case 'keep':
        return this.#keep(effect);
      case 'drop':
        this.#take(effect.chunk, effect.peer);
        return;
      case 'discard':
        assert.ok(this.#kept.delete(effect.chunk), `chunk ${effect.chunk} was not kept`);
        return;
      case 'lay-out':
        assert.equal(this.#kept.size, 0, 'what was kept has another layout');
        this.#layout = effect.layout;
        if (this.scenario.verification === 'whole') this.#reader?.laidOut(effect.layout);
        return;
      case 'fetch-range':
        return this.#fetch(effect);
      case 'abort-range':
        assert.ok(this.#ranges.delete(effect.range), `range ${effect.range} is not under way`);
        return this.#origin?.abort(effect.range);
      case 'verify':
        return this.#verify();
      case 'complete':
        assert.ok(this.#isRight(), 'it has the wrong bytes');
        return this.#end('complete');
      case 'fail':
        return this.#end(effect.reason);
    }
  }

  #end(outcome: 'complete' | Failure): void {
    this.outcome = outcome;
    assert.deepEqual([...this.#pending.keys()], [], 'requests are left');
    const ranges = [...this.#ranges.values()].filter(({ over }) => !over);
    assert.deepEqual(ranges, [], 'ranges are left');
    assert.deepEqual([...this.#tracker.lent], [], 'leases are left');
  }

  #peer(id: PeerId): SimulatedPeer {
    return this.#peers[Number(id) - 1] ?? assert.fail(`nobody is ${id}`);
  }

  #connect(peer: SimulatedPeer): void {
    assert.ok(peer.state === 'apart' || peer.state === 'open', `${peer.id} is ${peer.state}`);
    const { connects, leavesAt, comesBack, latencyMs } = peer.traits;
    if (peer.state === 'apart') peer.state = 'connecting';
    this.#schedule.after(latencyMs * 3, () => {
      if (peer.state !== 'connecting' && peer.state !== 'open') return;
      const left = !comesBack && leavesAt !== undefined && this.#schedule.now > leavesAt;
      if (connects && !left) peer.opened();
      else peer.closed(false);
    });
  }

  #bar(peer: SimulatedPeer): void {
    assert.equal(isHonest(peer.traits), false, 'an honest peer is barred');
    this.#schedule.after(0, () => peer.closed(true));
  }

  #greet({ peer, layout, bitfield }: Of<'holdings'>): void {
    assert.equal(this.#peer(peer).state, 'open');
    assert.deepEqual(layout, this.engine.layout);
    const said = new Bitfield(layout?.count ?? 0, bitfield);
    for (let chunk = 0; chunk < (layout?.count ?? 0); chunk++)
      assert.equal(said.has(chunk), this.#kept.get(chunk)?.servable ?? false, `chunk ${chunk}`);
    this.#peer(peer).greeted();
  }

  #offer({ peer, chunks }: Of<'got'>): void {
    assert.equal(this.#peer(peer).state, 'open');
    for (const chunk of chunks) {
      const kept = this.#kept.get(chunk);
      assert.ok(kept, `chunk ${chunk} is not here`);
      assert.ok(kept.servable || this.#isRight(), `nothing vouches for chunk ${chunk}`);
    }
  }

  #promise({ peer, chunks }: Of<'coming'>): void {
    assert.equal(this.#peer(peer).state, 'open');
    for (const chunk of chunks) {
      const { chunkSize } = this.#layout as Layout;
      const suppliers = this.#peers.filter(
        ({ id }) => this.#pending.get(`${chunk} of ${id}`)?.received,
      );
      assert.ok(suppliers.length > 0, `nothing came of chunk ${chunk}`);
      assert.equal(this.scenario.verification, 'chunks', 'nothing will vouch for it');
      assert.equal(this.engine.expects(chunk * chunkSize, 1), 'coming');
      assert.ok(!this.#promised.has(`${chunk} to ${peer}`), 'it was said before');
      this.#promised.add(`${chunk} to ${peer}`);
    }
  }

  #request({ peer: id, chunk, offset, length }: Of<'request'>): void {
    const peer = this.#peer(id);
    const layout = this.#layout as Layout;
    assert.equal(peer.state, 'open');
    assert.ok(chunk >= 0 && chunk < layout.count);
    assert.deepEqual([offset, length], [chunk * layout.chunkSize, chunkLength(layout, chunk)]);
    const key = `${chunk} of ${id}`;
    assert.ok(!this.#pending.has(key), `${key} is under way already`);
    assert.ok(!this.#kept.has(chunk), `${chunk} is here already`);
    this.#isWanted(offset, offset + length);
    const isTold = peer.has.has(chunk) || peer.promised.has(chunk);
    assert.ok(isTold || peer.traits.sizeOff !== 0, `${id} does not have ${chunk}`);
    const isReal = layout.size === this.#real.size && layout.chunkSize === this.#real.chunkSize;
    this.#pending.set(key, {
      length,
      received: 0,
      right: peer.traits.honest && peer.traits.sizeOff === 0 && isReal,
    });
    let requests = 0;
    let bytes = 0;
    for (const [key, pending] of this.#pending)
      if (key.endsWith(` of ${id}`)) {
        requests++;
        bytes += pending.length - pending.received;
      }
    const window = this.#sent.has(id) ? MAX_WINDOW_BYTES : START_WINDOW_BYTES;
    assert.ok(requests <= MIN_PIPELINE || bytes <= window, `${bytes} bytes are asked of ${id}`);
    peer.asked(chunk, offset, length);
  }

  #fetch(effect: Of<'fetch-range'>): void {
    const { range: id, offset, length } = effect;
    const { size, chunkSize: unit } = this.engine.layout ?? { chunkSize: WHOLE_FILE_UNIT_BYTES };
    const end = length === undefined ? Number.POSITIVE_INFINITY : offset + length;
    assert.ok(!this.#ranges.has(id));
    assert.ok(offset % unit === 0 && end > offset, `${offset} to ${end}`);
    if (length === undefined) assert.equal(offset, 0, 'to the end from the start only');
    else if (size !== undefined)
      assert.ok(end === size || (end < size && end % unit === 0), `${offset} to ${end}`);
    for (const { at, end: otherEnd, over } of this.#ranges.values())
      assert.ok(
        over || offset >= otherEnd || end <= at || at >= otherEnd,
        `${offset} to ${end} comes already with ${at} to ${otherEnd}`,
      );
    if (size !== undefined && length !== undefined) this.#isWanted(offset, end);
    const right = this.#origin?.isRight(effect) ?? assert.fail('there is no origin');
    this.#ranges.set(id, { effect, right, end, over: false, start: offset, at: offset });
    this.#origin?.fetch(effect);
  }

  /** Where somebody only reads, nothing is asked for that is not read next. */
  #isWanted(start: number, end: number): void {
    const { verification, origin } = this.scenario;
    const isAll = verification === 'whole' || !this.#reader;
    const mayBeWhole = origin && !hasRanges(origin);
    assert.ok(
      isAll || mayBeWhole || this.#reader?.mayWant(start, end),
      `${start} to ${end} is not read`,
    );
  }

  #check({ chunk, peer }: Of<'check'>): void {
    assert.equal(this.scenario.verification, 'chunks');
    const data = { right: this.#take(chunk, peer), passed: false };
    const key = `${chunk} of ${peer}`;
    assert.ok(!this.#checking.has(key), `${key} is being checked`);
    this.#checking.set(key, data);
    this.#schedule.after(this.#schedule.below(30), () => {
      data.passed = data.right;
      this.#tell({ type: 'checked', chunk, peer, ok: data.right });
    });
  }

  #keep({ chunk, peer }: Of<'keep'>): void {
    assert.ok(!this.#kept.has(chunk), `chunk ${chunk} is here already`);
    const byChunks = this.scenario.verification === 'chunks';
    if (byChunks)
      assert.ok(this.#checking.get(`${chunk} of ${peer}`)?.passed, `${chunk} was not checked`);
    const right = this.#take(chunk, peer);
    this.#kept.set(chunk, { right, servable: byChunks || peer === undefined });
    this.#reader?.kept();
  }

  #verify(): void {
    const right = this.#isRight();
    this.#schedule.after(this.#schedule.below(50), () =>
      this.#tell({ type: 'verified', ok: right && this.#isRight() }),
    );
  }

  #isRight(): boolean {
    const { size, count } = this.#real;
    if (this.#layout?.size !== size || this.#kept.size !== count) return false;
    return [...this.#kept.values()].every(({ right }) => right);
  }

  /** Removes the bytes of a chunk from where they are, which is what a download can do but once. */
  #take(chunk: number, peer: PeerId | undefined): boolean {
    const key = `${chunk} of ${peer}`;
    const checking = this.#checking.get(key);
    if (checking) {
      this.#checking.delete(key);
      return checking.right;
    }
    if (peer !== undefined) {
      const pending = this.#pending.get(key) ?? assert.fail(`${key} was not asked`);
      assert.equal(pending.received, pending.length, `${key} is not complete`);
      this.#pending.delete(key);
      return pending.right;
    }
    const layout = this.#layout as Layout;
    const start = chunk * layout.chunkSize;
    const end = start + chunkLength(layout, chunk);
    for (const range of this.#ranges.values())
      if (range.start <= start && end <= range.at) {
        range.start = end;
        return range.right && layout.size === this.#real.size;
      }
    return assert.fail(`no range has ${start} to ${end}`);
  }
}
