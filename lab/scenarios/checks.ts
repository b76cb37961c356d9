import type { Check, Trial } from './types.ts';

/**
 * Modes that are judged. What a rival cannot do is a finding, said in the report; it does not make
 * the run a failed one.
 */
const RIVALS = new Set(['webtorrent', 'webtorrent-rarest']);

export function isRival(mode: string): boolean {
  return RIVALS.has(mode);
}

/** Every leecher shows every asset, in time and byte for byte. @param except modes that cannot */
export function allShown(...except: string[]): Check {
  return ({ mode, rows }) => {
    const failed = rows.filter(({ ok }) => !ok);
    if (failed.length === 0 || except.includes(mode)) return [];
    return [`${failed.length} of ${rows.length} loads failed: ${failed[0]?.error}`];
  };
}

const sum = ({ rows }: Trial, source: 'peers' | 'origin') =>
  rows.reduce((total, { bytes }) => total + (bytes?.[source] ?? 0), 0);

/** At least this share of what a mode's pages received came from peers, as they say. */
export function fromPeers(mode: string, share: number): Check {
  return (trial) => {
    if (trial.mode !== mode) return [];
    const peers = sum(trial, 'peers');
    const all = peers + sum(trial, 'origin');
    if (all > 0 && peers >= share * all) return [];
    const had = all > 0 ? ((peers / all) * 100).toFixed(1) : 0;
    return [`${had} % of the bytes came from peers, not ${share * 100} %`];
  };
}

/** A mode's pages say that nothing came from peers, and the origin's counters agree. */
export function nothingFromPeers(mode: string): Check {
  return (trial) => {
    if (trial.mode !== mode) return [];
    const peers = sum(trial, 'peers');
    if (peers > 0) return [`${peers} bytes came from peers, although there can be none`];
    const least = trial.rows.filter(({ ok }) => ok).length * trial.assetBytes;
    if (trial.originBytes < least)
      return [`the origin sent ${trial.originBytes} bytes, less than the ${least} that were shown`];
    return [];
  };
}

/** The lying seeders were asked and did lie; else the trial proves nothing. */
export const wasLiedTo: Check = ({ mode, lies }) =>
  mode === 'zauberflote' && !lies
    ? ['no liar was asked for anything: nothing was put to the test']
    : [];
