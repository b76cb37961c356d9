import { bareChannel } from './bare-channel.ts';
import { controlWrongBytes } from './controls.ts';
import { http, httpUnlimited } from './http.ts';
import type { Mode } from './types.ts';
import { webtorrent, webtorrentRarest } from './webtorrent.ts';
import { controlNoPeers, twoTrackers, undisturbed, zauberflote } from './zauberflote.ts';

export type { Mode, PageContext, Service } from './types.ts';

export const MODES: readonly Mode[] = [
  http,
  httpUnlimited,
  zauberflote,
  undisturbed,
  twoTrackers,
  webtorrent,
  webtorrentRarest,
  bareChannel,
  controlWrongBytes,
  controlNoPeers,
];

/** @throws {Error} that lists the modes there are */
export function modeOf(name: string): Mode {
  const mode = MODES.find((candidate) => candidate.name === name);
  if (!mode)
    throw new Error(
      `no mode is called '${name}'; there are ${MODES.map((m) => m.name).join(', ')}`,
    );
  return mode;
}
