import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { seeded } from '../../demo/random.ts';
import type { Attack } from './attacks.ts';
import { ATTACKS } from './attacks.ts';
import type { Fared } from './hostile.ts';
import { hostile } from './hostile.ts';

const MAIN = fileURLToPath(new URL('hostile-main.ts', import.meta.url));

describe('lab/load: hostile clients', () => {
  const kinds = Object.keys(ATTACKS) as Attack[];
  let fared: Map<string, Fared>;

  before(async () => {
    // As many clients as introductions: none waits for another, however busy the machine is.
    const sizes = { clients: 100, swarmSize: 10, introductionsPerSecond: 50, seconds: 2 };
    // It fails if one introduction of those that behave does.
    const all = await hostile(kinds, sizes, undefined, seeded(1), () => {});
    fared = new Map(all.map((one) => [one.attack, one]));
  });

  it('lets those that behave meet under every attack', () => {
    assert.deepEqual([...fared.keys()], ['none', ...kinds]);
    for (const { introductions } of fared.values()) assert.equal(introductions, 100);
  });

  it('attacks', () => {
    const did = (attack: Attack) => fared.get(attack)?.attackers;
    assert.equal(did('slowloris')?.connected, 900);
    // Each that was ended has come again.
    assert.ok((did('garbage')?.connected ?? 0) > 50);
    assert.ok((did('floods')?.sent ?? 0) > 1_000);
    assert.ok((did('giant wants')?.sent ?? 0) > 100);
  });

  it('turns away most of many connections from one address', () => {
    const { connected, refused } = fared.get('one address')?.attackers ?? {};
    assert.ok((refused ?? 0) > 100, `${refused} refused`);
    assert.ok((connected ?? 0) > 0 && (connected ?? 0) <= 256, `${connected} connected`);
  });

  it('keeps nothing of the attackers for long', () => {
    const before = fared.get('none')?.residentBytesBefore ?? Number.NaN;
    const after = fared.get('one address')?.residentBytesAfter ?? Number.NaN;
    assert.ok(after < before * 1.5, `memory went from ${before} to ${after} bytes`);
  });

  it('says what is wrong with its arguments', (done) => {
    execFile(process.execPath, [MAIN, '--out', 'x', '--seconds', '1'], (error, _out, stderr) => {
      assert.equal(error?.code, 2);
      assert.match(stderr, /--seconds takes a whole number from 2 to 600, not '1'/);
      done();
    });
  });
});
