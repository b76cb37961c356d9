import { contentKey, type HashAlgorithm, parseContentId as parse } from '@zauberflote/proto';
import { ZfError } from '../errors.ts';

/** A content id in the client: what the protocol carries, plus a key for Maps. */
export interface Content {
  readonly algorithm: HashAlgorithm;
  /** 20 to 64 bytes, as the algorithm gives. */
  readonly digest: Uint8Array;
  /** Equal for equal ids. */
  readonly key: string;
}

/**
 * Reads the value of a `data-zf-hash` attribute; see parseContentId of the protocol.
 * @throws {ZfError} `bad-hash`, saying what is wrong.
 */
export function parseContentId(text: string): Content {
  const id = parse(text);
  if (typeof id === 'string') throw new ZfError('bad-hash', id);
  return { ...id, key: contentKey(id) };
}
