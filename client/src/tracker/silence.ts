import type { Platform } from '../platform.ts';
import { SILENT_MS } from './timing.ts';

/** Of one socket that is being opened. */
export interface Silence {
  /** Whether it kept an earlier socket of this tab waiting in vain. */
  readonly isKnown: boolean;
  /** @param wasHeard the tracker has spoken */
  end(wasHeard?: boolean): void;
}

/**
 * Remembers, for the pages of a tab, trackers that say nothing, as those behind a firewall that lets sockets be begun:
 * on every page all downloads would wait for them.
 */
export function silence(platform: Platform, url: string): Silence {
  const key = `zauberflote silent ${url}`;
  let kept: Storage | undefined;
  try {
    kept = platform.sessionStorage;
  } catch {} // A sandboxed frame has none.
  const cancel = kept && platform.setTimer(SILENT_MS, () => remember(kept, key));
  return {
    isKnown: kept?.[key] !== undefined,
    end(wasHeard) {
      cancel?.();
      if (wasHeard) delete kept?.[key];
    },
  };
}

function remember(kept: Storage, key: string): void {
  try {
    kept[key] = '';
  } catch {} // The page has filled it.
}
