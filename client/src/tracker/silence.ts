import type { Platform } from '../platform.ts';
import { SILENT_MS, SUSPECT_MS } from './timing.ts';

/**
 * Remembers, for the pages of a tab, trackers that say nothing, as those behind a firewall that lets sockets be begun:
 * on every page all downloads would wait for them.
 *
 * It is looked up only when a tracker has not spoken soon: a page stands still until its browser has told what a tab keeps
 * (sampled: 3 ms, and 70 where ten visitors share two cores).
 *
 * @param onKnown it kept an earlier socket of this tab waiting in vain
 * @returns to be called when its socket ends, or with true when it has spoken
 */
export function silence(
  platform: Platform,
  url: string,
  onKnown: () => void,
): (wasHeard?: boolean) => void {
  const key = `zauberflote silent ${url}`;
  let kept: Storage | undefined;
  let cancel = platform.setTimer(SUSPECT_MS, () => {
    try {
      kept = platform.sessionStorage;
    } catch {} // A sandboxed frame has none.
    if (kept?.[key] !== undefined) onKnown();
    else if (kept) cancel = platform.setTimer(SILENT_MS - SUSPECT_MS, () => remember(kept!, key));
  });
  return (wasHeard) => {
    cancel();
    if (wasHeard) delete kept?.[key];
  };
}

function remember(kept: Storage, key: string): void {
  try {
    kept[key] = '';
  } catch {} // The page has filled it.
}
