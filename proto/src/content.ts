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
  if (algorithm === HashAlgorithm.MANIFEST_SHA256) return `zf1-${toBase64url(digest)}`;
  return `sha${digest.length * 8}-${toBase64(digest)}`;
}

/** The id that {@link contentKey} gave this key for. */
export function keyContent(key: string): Pick<ContentId, 'algorithm' | 'digest'> {
  const [algorithm, hex] = key.split(':') as [string, string];
  return { algorithm: Number(algorithm), digest: fromHex(hex) };
}

const SRI = /^sha(256|384|512)-([A-Za-z0-9+/]+={0,2})$/;
/** 32 bytes in base64url; the last of 43 characters has two bits to spare, which are 0. */
const ZF1 = /^zf1-[\w-]{42}[AEIMQUYcgkosw048]$/;

const SRI_ALGORITHM: Readonly<Record<number, HashAlgorithm>> = {
  32: HashAlgorithm.SHA256,
  48: HashAlgorithm.SHA384,
  64: HashAlgorithm.SHA512,
};

/**
 * Reads the value of a `data-zf-hash` attribute: `zf1-` and the SHA-256 of the manifest in base64url,
 * 40 hex digits (SHA-1, the paper's form), or `sha256-`, `sha384-`, `sha512-` and base64 (Subresource
 * Integrity). White space around it is ignored.
 * @returns the id, or what is wrong with the text
 */
export function parseContentId(text: string): Pick<ContentId, 'algorithm' | 'digest'> | string {
  const value = text.trim();
  if (/^[0-9a-f]{40}$/i.test(value))
    return { algorithm: HashAlgorithm.SHA1, digest: fromHex(value) };
  const sri = SRI.exec(value);
  if (sri) {
    const bytes = Number(sri[1]) / 8;
    const digest = fromBase64(sri[2]!);
    if (digest?.length === bytes) return { algorithm: SRI_ALGORITHM[bytes]!, digest };
    return bad(value, `its base64 should hold ${bytes} bytes, not ${digest?.length ?? 'garbage'}`);
  }
  if (value.startsWith('zf1-')) {
    const digest =
      ZF1.test(value) && fromBase64(value.slice(4).replaceAll('-', '+').replaceAll('_', '/'));
    if (digest) return { algorithm: HashAlgorithm.MANIFEST_SHA256, digest };
    return bad(
      value,
      'zf1- should be followed by 43 characters of base64url, see zauberflote-manifest',
    );
  }
  return bad(
    value,
    'it should be zf1- and base64url, sha256-, sha384- or sha512- and base64, or 40 hex digits (SHA-1)',
  );
}

export function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** Without padding. */
export function toBase64url(bytes: Uint8Array): string {
  const digits: Record<string, string> = { '+': '-', '/': '_', '=': '' };
  return toBase64(bytes).replace(/[+/=]/g, (digit) => digits[digit]!);
}

/** White space in it is ignored; undefined if it is not base64. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function bad(value: string, why: string): string {
  const shown = value.length > 80 ? `${value.slice(0, 77)}...` : value;
  return `"${shown}" is not a content hash: ${why}`;
}
