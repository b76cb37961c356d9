import type { Chunks } from './chunks.ts';
import type { Layout } from './layout.ts';

/** A request to the origin that has not ended. Offsets in bytes. */
export interface Range {
  readonly id: number;
  /** What was asked for, exclusive; infinite: the whole file, without Range. */
  readonly asked: number;
  /** Why it was asked for: there was nobody else, peers would not have sent it in time, or neither. */
  readonly cause: 'alone' | 'due' | 'other';
  start: number;
  /** Exclusive; infinite: to the end, wherever that is. */
  end: number;
  /** All before it came. */
  at: number;
  /** When it was asked for, and when bytes of it last came. */
  readonly askedAt: number;
  heardAt: number;
}

/** Chunks that the bytes of a range from `before` on have completed. */
export function doneBetween(
  { start, at }: Range,
  before: number,
  { chunkSize, size, count }: Layout,
): number[] {
  const done: number[] = [];
  for (let chunk = Math.floor(before / chunkSize); chunk < count; chunk++) {
    const end = Math.min((chunk + 1) * chunkSize, size);
    if (end > at) break;
    if (chunk * chunkSize >= start && end > before) done.push(chunk);
  }
  return done;
}

/** Chunks of which not all has come by a range. */
export function* chunksToCome({ at, end }: Range, { chunkSize, size, count }: Layout) {
  const last = Math.min(Math.ceil(Math.min(end, size) / chunkSize), count);
  for (let chunk = Math.floor(at / chunkSize); chunk < last; chunk++) yield chunk;
}

/** Notes that the chunks still to come of a range are, or are not, on their way. */
export function markComing(range: Range, chunks: Chunks, coming: boolean): void {
  for (const chunk of chunksToCome(range, chunks.layout)) chunks.setComing(chunk, coming);
}
