import type { ContentId } from '../gen/compact.ts';
import { HashAlgorithm } from '../gen/compact.ts';

/** Bytes in the digest of each algorithm; an algorithm that is not here is not known. */
export const DIGEST_BYTES: Readonly<Record<number, number>> = {
  [HashAlgorithm.SHA1]: 20,
  [HashAlgorithm.SHA256]: 32,
  [HashAlgorithm.SHA384]: 48,
  [HashAlgorithm.SHA512]: 64,
  [HashAlgorithm.MANIFEST_SHA256]: 32,
};

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** Lower-case hex of `bytes`. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** The bytes that pairs of hex digits in `text` stand for; what is between the pairs is skipped. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text.match(/[0-9a-f]{2}/gi) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** A string that is the same for equal content ids and only for them; for Map keys and logs. */
export function contentKey(id: Pick<ContentId, 'algorithm' | 'digest'>): string {
  return `${id.algorithm}:${toHex(id.digest)}`;
}

/** The form of an id in `data-zf-hash`: `zf1-…`, `sha256-…` and the like, or 40 hex digits (SHA-1). */
export function formatContentId({
  algorithm,
  digest,
}: Pick<ContentId, 'algorithm' | 'digest'>): string {
  if (algorithm === HashAlgorithm.SHA1) return toHex(digest);
  const base64 = btoa(String.fromCharCode(...digest));
  if (algorithm === HashAlgorithm.MANIFEST_SHA256)
    return `zf1-${base64.slice(0, -1).replaceAll('+', '-').replaceAll('/', '_')}`;
  return `sha${digest.length * 8}-${base64}`;
}

/** The id that {@link contentKey} gave this key for. */
export function keyContent(key: string): Pick<ContentId, 'algorithm' | 'digest'> {
  const [algorithm, hex] = key.split(':') as [string, string];
  return { algorithm: Number(algorithm), digest: fromHex(hex) };
}
