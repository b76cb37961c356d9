/** What of a page and its browser keeps visitors from helping each other. */
import type { Stats } from '../src/download/download-manager.ts';

/** What can be seen of a page from outside of the client. */
export interface Seen {
  readonly stats: Stats | undefined;
  /** All scripts had their time. */
  readonly isLoaded: boolean;
  readonly isSecure: boolean;
  readonly hasWebRtc: boolean;
  readonly hasWebSocket: boolean;
  /** Marked elements. */
  readonly marks: number;
}

const TRACKER: Readonly<Record<Stats['tracker'], string>> = {
  connecting: 'connecting',
  moving: 'going to the next one',
  open: 'connected',
  waiting: 'lost; trying again',
  suspended: 'waiting for consent, or for the visitor to come back',
  unavailable: 'not to be had',
  closed: 'closed',
};

export function trackerText({ stats, isLoaded }: Seen): string {
  if (stats) return TRACKER[stats.tracker] ?? stats.tracker;
  return isLoaded ? 'there is no client' : 'the client is loading';
}

/** What is wrong, each with what to do about it. */
export function troubles(seen: Seen): string[] {
  const { stats, isLoaded, isSecure, hasWebRtc, hasWebSocket, marks } = seen;
  const found: string[] = [];
  if (!hasWebRtc)
    found.push(
      'This browser has no WebRTC, or something blocks it: everything comes from the server.',
    );
  if (!hasWebSocket)
    found.push('This browser has no WebSocket, or something blocks it: no tracker can be reached.');
  if (!isSecure)
    found.push(
      'This page is on plain http: hashes need zauberflote-hash.mjs beside zauberflote.js, and films have to come whole. On https neither is so.',
    );
  if (isLoaded && !stats)
    found.push(
      'zauberflote.js did not run: look under Network and Console of the developer tools for why.',
    );
  if (isLoaded && marks === 0)
    found.push('Nothing is marked: elements need data-zf-fallback and data-zf-hash.');
  if (stats?.tracker === 'unavailable' && hasWebRtc && hasWebSocket)
    found.push(
      'There is no tracker: is data-tracker there, and is its address right? The console has more.',
    );
  return found;
}
