import { parseSrcset, type SrcsetEntry } from '@zauberflote/proto';
import { ZfError } from '../errors.ts';

/**
 * Reads `data-zf-srcset` or `data-zf-poster`; see parseSrcset of the protocol.
 * @throws {ZfError} `bad-fallback`, quoting what is wrong.
 */
export function parseCandidates(text: string): SrcsetEntry[] {
  const entries = parseSrcset(text);
  if (typeof entries === 'string') throw new ZfError('bad-fallback', entries);
  return entries;
}
