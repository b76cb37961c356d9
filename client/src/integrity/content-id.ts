import { contentKey, fromHex, HashAlgorithm } from '@zauberflote/proto';
import { ZfError } from '../errors.ts';

/** A content id in the client: what the protocol carries, plus a key for Maps. */
export interface Content {
  readonly algorithm: HashAlgorithm;
  /** 20 to 64 bytes, as the algorithm gives. */
  readonly digest: Uint8Array;
  /** Equal for equal ids. */
  readonly key: string;
}

const SRI = /^sha(256|384|512)-([A-Za-z0-9+/]+={0,2})$/;
/** 32 bytes in base64url; the last of 43 characters has two bits to spare, which are 0. */
const ZF1 = /^zf1-[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

const SRI_ALGORITHM: Readonly<Record<number, HashAlgorithm>> = {
  32: HashAlgorithm.SHA256,
  48: HashAlgorithm.SHA384,
  64: HashAlgorithm.SHA512,
};

/**
 * Reads the value of a `data-zf-hash` attribute: `zf1-` and the SHA-256 of the manifest in base64url,
 * 40 hex digits (SHA-1, the paper's form), or `sha256-`, `sha384-`, `sha512-` and base64 (Subresource
 * Integrity). White space around it is ignored.
 * @throws {ZfError} `bad-hash`, saying what is wrong.
 */
export function parseContentId(text: string): Content {
  const value = text.trim();
  if (/^[0-9a-f]{40}$/i.test(value)) return content(HashAlgorithm.SHA1, fromHex(value));
  const sri = SRI.exec(value);
  if (sri) {
    const bytes = Number(sri[1]) / 8;
    const digest = fromBase64(sri[2]!);
    if (digest?.length === bytes) return content(SRI_ALGORITHM[bytes]!, digest);
    throw bad(value, `its base64 should hold ${bytes} bytes, not ${digest?.length ?? 'garbage'}`);
  }
  if (value.startsWith('zf1-')) {
    const digest =
      ZF1.test(value) && fromBase64(value.slice(4).replaceAll('-', '+').replaceAll('_', '/'));
    if (digest) return content(HashAlgorithm.MANIFEST_SHA256, digest);
    throw bad(
      value,
      'zf1- should be followed by 43 characters of base64url, see zauberflote-manifest',
    );
  }
  throw bad(
    value,
    'it should be zf1- and base64url, sha256-, sha384- or sha512- and base64, or 40 hex digits (SHA-1)',
  );
}

function content(algorithm: HashAlgorithm, digest: Uint8Array): Content {
  return { algorithm, digest, key: contentKey({ algorithm, digest }) };
}

/** White space in it is ignored; undefined if it is not base64. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function bad(value: string, why: string): ZfError {
  const shown = value.length > 80 ? `${value.slice(0, 77)}...` : value;
  return new ZfError('bad-hash', `"${shown}" is not a content hash: ${why}`);
}
