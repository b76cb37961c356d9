import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compare, readSummary, TOLERANCE } from './agreement.ts';

const BENCH = fileURLToPath(new URL('../bench.ts', import.meta.url));

/**
 * Slow links, so that the network decides and not how busy the machine is. Where the lab cannot be
 * run at all these fail: agreement with nothing is none.
 */
const SCENARIOS = [
  ['one visitor and the origin', ['lone', '--rate', '64KB']],
  [
    'one visitor and another who has it',
    ['fig3', '--n', '1', '--rate', '64KB', '--peer-up', '96KB'],
  ],
] as const;

describe('The simulation beside the real lab', () => {
  let out: string;

  beforeEach(() => {
    out = mkdtempSync(join(tmpdir(), 'zf-agreement-'));
  });
  afterEach(() => rmSync(out, { recursive: true, force: true, maxRetries: 5 }));

  for (const [what, args] of SCENARIOS)
    it(`takes as long, within a fifth: ${what}`, async () => {
      const more = ['--modes', 'zauberflote', '--runs', '1', '--shaper', 'tc', '--out', out];
      const bench = spawn(process.execPath, [BENCH, ...args, ...more], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      bench.stdout.on('data', (part) => {
        said += part;
      });
      const [code] = await once(bench, 'close');
      assert.equal(code, 0, said);
      const summary = readSummary(join(out, 'summary.json'));
      assert.equal(summary.cells.length, 1);
      const { realMs, simulatedMs, error } = compare(summary, summary.cells[0]!);
      const both = `real ${Math.round(realMs)} ms, simulated ${Math.round(simulatedMs)} ms`;
      assert.ok(Math.abs(error) <= TOLERANCE, both);
    });
});
