import assert from 'node:assert/strict';
import { browserPlatform } from './platform.ts';

describe('The platform of a browser', () => {
  it('has timers that ring no earlier than they were set to, though browsers drop fractions', () => {
    const real = globalThis.setTimeout;
    const set: (number | undefined)[] = [];
    globalThis.setTimeout = ((_: () => void, ms?: number) => set.push(ms)) as never;
    try {
      const { setTimer } = browserPlatform();
      for (const ms of [0, 4.2, 5]) setTimer(ms, () => {});
    } finally {
      globalThis.setTimeout = real;
    }
    assert.deepEqual(set, [0, 5, 5]);
  });
});
