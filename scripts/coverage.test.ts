import assert from 'node:assert/strict';
import { coverageOf, isCode, percent } from './coverage.ts';

const lines = (total: number, covered: number) => ({ lines: { total, covered } });
const SUMMARY = {
  total: lines(1000, 1000),
  '/repo/client/src/engine/engine.ts': lines(80, 76),
  '/repo/client/src/engine/deep/er.ts': lines(20, 20),
  '/repo/client/src/engine/types.ts': lines(50, 0),
  '/repo/client/src/engine/unused.ts': lines(10, 0),
  '/repo/client/src/engine/engine.test.ts': lines(500, 500),
  '/repo/client/src/engineering/other.ts': lines(500, 500),
};

describe('coverage', () => {
  it('counts the files of one room, those that never ran too, without tests and types', () => {
    const coverage = coverageOf(
      'client/src/engine',
      SUMMARY,
      '/repo',
      (file) => !file.endsWith('/types.ts'),
    );
    assert.deepEqual(coverage, {
      room: 'client/src/engine',
      total: 110,
      covered: 96,
      gaps: ['client/src/engine/engine.ts: 4', 'client/src/engine/unused.ts: 10'],
    });
    assert.equal(Math.round(percent(coverage)), 87);
  });

  it('is none for a room without code', () => {
    assert.equal(percent(coverageOf('client/src/gone', SUMMARY, '/repo', () => true)), 0);
  });

  it('tells code from types and comments', () => {
    assert.equal(
      isCode('/** A. */\nexport interface A { b: 1 }\nimport type { C } from "c"; // D\n'),
      false,
    );
    assert.equal(isCode('export type A = 1;\nexport const b = 1;\n'), true);
  });
});
