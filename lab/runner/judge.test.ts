import assert from 'node:assert/strict';
import type { ResultRow } from '../results.ts';
import { allShown, fromPeers, nothingFromPeers, wasLiedTo } from '../scenarios/checks.ts';
import { liarsOf, SCENARIOS, type Trial } from '../scenarios/index.ts';
import { judge } from './judge.ts';

const grid = { seeders: 1, leechers: 1 };

function trial(mode: string, row: Partial<ResultRow> = {}, more: Partial<Trial> = {}): Trial {
  const base = { mode, rateBytesPerSecond: 512_000, run: 1 };
  const bytes = { peers: 1000, origin: 0, store: 0 };
  const good = { loadMs: 5, bytes, ok: true, error: null };
  const rows = [{ scenario: 'fig3', ...base, ...grid, peer: 1, ...good, ...row }];
  return { ...base, grid, rows, originBytes: 0, assetBytes: 1000, lies: true, ...more };
}

const link = (error: number) => ({
  ...{ host: 'origin', direction: 'up' as const, when: 'after' as const },
  ...{ setBytesPerSecond: 512_000, measuredBytesPerSecond: 512_000 * (1 + error), error },
});
const FAILED = { ok: false, loadMs: null, error: 'wrong bytes in /assets/photo.jpg' };
const judged = (trials: Trial[], checks = [allShown()], links = [link(0.049)]) =>
  judge({ trials, checks, links, unmeasured: [], unsupported: undefined });

describe('The verdict on a run', () => {
  it('is ok when all pages were shown and all links kept to their rates', () => {
    assert.deepEqual(judged([trial('zauberflote')]), { verdict: 'ok', why: [] });
  });

  it('is failed when one load failed, and says which and why', () => {
    const { verdict, why } = judged([trial('http'), trial('zauberflote', FAILED)]);
    assert.equal(verdict, 'failed');
    assert.match(why.join(), /zauberflote 1:1 at 512 KB\/s, run 1: 1 of 1 .*wrong bytes/);
  });

  it('tells of a failed rival and does not fail', () => {
    const { verdict, why } = judged([trial('zauberflote'), trial('webtorrent', FAILED)]);
    assert.equal(verdict, 'ok');
    assert.match(why.join(), /webtorrent .* \(a rival: told, not judged\)/);
  });

  it('is void when a link was off by more than 5 %, in either direction or beyond measure', () => {
    for (const error of [0.051, -0.051, Number.NaN]) {
      const { verdict, why } = judged([trial('zauberflote', FAILED)], [allShown()], [link(error)]);
      assert.equal(verdict, 'void');
      assert.match(why[0]!, /the link of origin \(up, measured after\) carried .*, not 512 KB\/s/);
    }
  });

  it('is void when links could not be measured', () => {
    const unmeasured = ['the links could not be measured after: no connection'];
    const trials = [trial('zauberflote')];
    const verdict = judge({ trials, checks: [], links: [], unmeasured, unsupported: undefined });
    assert.deepEqual(verdict, { verdict: 'void', why: unmeasured });
  });

  it('is unsupported, not failed, where it could not be run', () => {
    const why = 'there is no nft';
    const verdict = judge({ trials: [], checks: [], links: [], unmeasured: [], unsupported: why });
    assert.deepEqual(verdict, { verdict: 'unsupported', why: [why] });
  });

  it('is failed when nothing was run', () => {
    assert.equal(judged([]).verdict, 'failed');
  });

  it('lets a mode fail where a scenario says that it cannot work', () => {
    assert.equal(judged([trial('http', FAILED)], [allShown('http')]).verdict, 'ok');
  });

  it('sees too small a share from peers', () => {
    const bytes = { peers: 499, origin: 501, store: 0 };
    assert.equal(
      judged([trial('zauberflote', { bytes })], [fromPeers('zauberflote', 0.5)]).verdict,
      'failed',
    );
    assert.equal(judged([trial('zauberflote')], [fromPeers('zauberflote', 1)]).verdict, 'ok');
    const none = trial('zauberflote', { bytes: null });
    assert.equal(judged([none], [fromPeers('zauberflote', 0.1)]).verdict, 'failed');
  });

  /** In these there is nobody to get it from, or nobody honest in one of the cells. */
  const withoutPeers = ['flash', 'lone', 'media', 'poison', 'tracker-down'];
  for (const { name, checks } of SCENARIOS.filter(({ name }) => !withoutPeers.includes(name)))
    it(`is failed in ${name} when the origin gave everything`, () => {
      const bytes = { peers: 0, origin: 1000, store: 0 };
      const { verdict, why } = judged([trial('zauberflote', { bytes })], [...checks]);
      assert.equal(verdict, 'failed');
      assert.match(why.join(), /0\.0 % of the bytes came from peers/);
    });

  it('does not take the word of a mode without peers: the counters must agree', () => {
    const bytes = { peers: 0, origin: 1000, store: 0 };
    const check = [nothingFromPeers('zauberflote')];
    const claims = trial('zauberflote', { bytes }, { originBytes: 999 });
    assert.equal(judged([claims], check).verdict, 'failed');
    const sent = trial('zauberflote', { bytes }, { originBytes: 1000 });
    assert.equal(judged([sent], check).verdict, 'ok');
    assert.equal(judged([trial('zauberflote')], check).verdict, 'failed');
  });

  it('wants liars to have lied', () => {
    assert.equal(
      judged([trial('zauberflote', {}, { lies: false })], [wasLiedTo]).verdict,
      'failed',
    );
  });

  it('rests on three liars of ten, and on one at least', () => {
    const poison = SCENARIOS.find(({ name }) => name === 'poison')!;
    assert.deepEqual(
      [0, 1, 2, 4, 10].map((seeders) => liarsOf(poison, seeders)),
      [0, 1, 1, 1, 3],
    );
  });
});
