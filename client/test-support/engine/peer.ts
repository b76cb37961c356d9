import { Bitfield } from '../../src/engine/bitfield.ts';
import type { Layout } from '../../src/engine/layout.ts';
import { layoutOf } from '../../src/engine/layout.ts';
import type { EngineEvent, HolderInfo, PeerId } from '../../src/engine/types.ts';
import type { Schedule } from './schedule.ts';

export interface PeerTraits {
  /** Whether what it sends is right. */
  readonly honest: boolean;
  /** Part of the chunks that it has at first; 1: it says that it is complete. */
  readonly has: number;
  /** A partial holder gets another chunk so often, in ms; 0: never. */
  readonly growsMs: number;
  /** Whether it says of that chunk that it is coming, some time before, and of some that never come. */
  readonly promises: boolean;
  /** `first`, `later`: by the tracker. `itself`: it comes on its own after a while. */
  readonly comes: 'first' | 'later' | 'itself';
  readonly connects: boolean;
  readonly bytesPerMs: number;
  readonly latencyMs: number;
  /** Requests it serves before it falls silent. */
  readonly silentAfter: number;
  /** When it leaves, in ms; undefined: it stays. */
  readonly leavesAt: number | undefined;
  readonly comesBack: boolean;
  /** What it says to some requests instead of serving them. */
  readonly refuses: 'none' | 'busy' | 'lasting';
  /** Sends some bytes twice. */
  readonly repeats: boolean;
  /** Says that the content has so many bytes more than it has. */
  readonly sizeOff: number;
}

interface Asked {
  readonly chunk: number;
  dropped: boolean;
}

export function isHonest({ honest, repeats, sizeOff }: PeerTraits): boolean {
  return honest && !repeats && sizeOff === 0;
}

/** Whether a download that it serves alone must succeed. */
export function isSource(peer: PeerTraits, trackerAnswers: boolean): boolean {
  return (
    isHonest(peer) &&
    peer.connects &&
    (peer.has === 1 || peer.growsMs > 0) &&
    peer.silentAfter === Number.POSITIVE_INFINITY &&
    peer.leavesAt === undefined &&
    peer.refuses !== 'lasting' &&
    peer.comes === 'first' &&
    trackerAnswers
  );
}

/** Another visitor, behind a connection that the world opens and closes. */
export class SimulatedPeer {
  readonly id: PeerId;
  readonly traits: PeerTraits;
  state: 'apart' | 'connecting' | 'open' | 'barred' = 'apart';
  readonly has: Bitfield;
  /** Chunks that it said are coming, whatever became of them. */
  readonly promised = new Set<number>();
  readonly #layout: Layout;
  readonly #schedule: Schedule;
  readonly #tell: (event: EngineEvent) => void;
  /** Requests that were not taken back. */
  readonly #asked = new Set<Asked>();
  readonly #line: { readonly request: Asked; readonly offset: number; readonly length: number }[] =
    [];
  #served = 0;
  #said = false;
  /** The chunk that is coming, and who waits for it. */
  #coming: number | undefined;
  readonly #waiting: { readonly request: Asked; readonly length: number }[] = [];

  constructor(
    id: PeerId,
    traits: PeerTraits,
    real: Layout,
    schedule: Schedule,
    tell: (event: EngineEvent) => void,
  ) {
    const size = real.size + traits.sizeOff;
    this.id = id;
    this.traits = traits;
    this.#layout = layoutOf(size, real.chunkSize);
    this.has = new Bitfield(this.#layout.count);
    this.#schedule = schedule;
    this.#tell = tell;
    for (let chunk = 0; chunk < this.#layout.count; chunk++)
      if (schedule.random() < traits.has) this.has.add(chunk);
    if (traits.growsMs > 0) this.#grow();
  }

  get info(): HolderInfo {
    const partial = this.traits.has < 1;
    return { peer: this.id, size: this.#layout.size, partial };
  }

  opened(): void {
    this.state = 'open';
    this.#said = false;
    this.#tell({ type: 'open', peer: this.id });
    if (this.#schedule.chance(0.5)) this.sayHoldings();
  }

  closed(barred: boolean): void {
    for (const request of this.#asked) request.dropped = true;
    this.#asked.clear();
    this.state = barred ? 'barred' : 'apart';
    this.#tell({ type: 'close', peer: this.id, barred });
  }

  /** What the engine has: reason to say the same, once on a connection (peer.proto). */
  greeted(): void {
    this.#later(() => this.sayHoldings());
  }

  sayHoldings(): void {
    if (this.#said) return;
    this.#said = true;
    const { size, chunkSize } = this.#layout;
    const complete = this.traits.has === 1;
    const bitfield = complete ? new Uint8Array() : this.has.bytes.slice();
    this.#tell({ type: 'holdings', peer: this.id, size, chunkSize, complete, bitfield });
  }

  asked(chunk: number, offset: number, length: number): void {
    const { traits } = this;
    const request = { chunk, dropped: false };
    this.#asked.add(request);
    if (++this.#served > traits.silentAfter) return;
    if (chunk === this.#coming) return void this.#waiting.push({ request, length });
    if (this.promised.has(chunk) && !this.has.has(chunk)) return this.#refuse(request, false);
    const refuse = traits.refuses !== 'none' && this.#schedule.chance(0.3);
    if (refuse || offset + length > this.#layout.size)
      return this.#refuse(request, traits.refuses !== 'busy');
    this.#serve(request, length);
  }

  #refuse(request: Asked, lasting: boolean): void {
    this.#later(() => {
      if (request.dropped) return;
      this.#asked.delete(request);
      this.#tell({ type: 'refused', peer: this.id, chunk: request.chunk, lasting });
    });
  }

  #serve(request: Asked, length: number): void {
    const parts = this.#split(length);
    if (this.traits.repeats && this.#schedule.chance(0.2)) parts.push(...parts.slice(0, 1));
    this.#line.push(...parts.map((part) => ({ request, ...part })));
    if (this.#line.length === parts.length) this.#send();
  }

  /** One part after another, but for those that nobody wants any more. */
  #send(): void {
    while (this.#line[0]?.request.dropped) this.#line.shift();
    const [part] = this.#line;
    if (!part) return;
    const { request, offset, length } = part;
    this.#schedule.after(length / this.traits.bytesPerMs, () => {
      this.#line.shift();
      this.#later(() => {
        if (request.dropped) return;
        this.#tell({ type: 'fragment', peer: this.id, chunk: request.chunk, offset, length });
      });
      this.#send();
    });
  }

  cancelled(chunk: number): void {
    for (const request of this.#asked)
      if (request.chunk === chunk) {
        request.dropped = true;
        this.#asked.delete(request);
      }
  }

  /** Pieces of a chunk in any order, one way or another. */
  #split(length: number): { offset: number; length: number }[] {
    const parts: { offset: number; length: number }[] = [];
    for (let offset = 0; offset < length; ) {
      const most = Math.min(16_384, length - offset);
      const part = this.#schedule.chance(0.7) ? most : 1 + this.#schedule.below(most);
      parts.splice(this.#schedule.below(parts.length + 1), 0, { offset, length: part });
      offset += part;
    }
    return parts;
  }

  #grow(): void {
    this.#schedule.after(this.traits.growsMs, () => {
      const missing = Array.from({ length: this.#layout.count }, (_, chunk) => chunk).filter(
        (chunk) => !this.has.has(chunk),
      );
      const chunk = missing[this.#schedule.below(missing.length)];
      if (chunk === undefined) return;
      if (!this.traits.promises) return this.#came(chunk);
      this.#coming = chunk;
      this.promised.add(chunk);
      this.#say('coming', chunk);
      this.#schedule.after(this.#schedule.below(2 * this.traits.growsMs), () => {
        this.#coming = undefined;
        const waiting = this.#waiting.splice(0);
        if (this.#schedule.chance(0.8)) {
          this.#came(chunk);
          for (const { request, length } of waiting) this.#serve(request, length);
        } else {
          for (const { request } of waiting) this.#refuse(request, false);
          this.#grow();
        }
      });
    });
  }

  #came(chunk: number): void {
    this.has.add(chunk);
    this.#say('got', chunk);
    this.#grow();
  }

  #say(type: 'got' | 'coming', chunk: number): void {
    // A message that says more than there is does no harm.
    const chunks = this.traits.honest ? [chunk] : [chunk, this.#layout.count + 3];
    if (this.state === 'open' && this.#said) this.#tell({ type, peer: this.id, chunks });
  }

  #later(run: () => void): void {
    this.#schedule.after(this.traits.latencyMs, () => {
      if (this.state === 'open') run();
    });
  }
}
