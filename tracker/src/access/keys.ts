import type { KeyObject } from 'node:crypto';
import { createPrivateKey, createPublicKey, createSecretKey } from 'node:crypto';
import { MAX_TOKEN_KEYS, MIN_RSA_BITS, MIN_SECRET_BYTES } from '../limits.ts';

/** Each key is for one of these, and for no other. */
export type Algorithm = 'EdDSA' | 'ES256' | 'RS256' | 'HS256';

export interface TokenKey {
  readonly algorithm: Algorithm;
  readonly key: KeyObject;
  /** Its `kid`, if it has one. */
  readonly id: string | undefined;
}

/** A file of keys that cannot be used. The message says why, and the cure. */
export class KeyError extends Error {}

type Half = 'public' | 'private';
type Jwk = Readonly<Record<string, unknown>>;

const CURE: Readonly<Record<Half, string>> = {
  public: 'The tracker takes public keys only: openssl pkey -in KEY -pubout -out PUBLIC',
  private: 'To sign tokens takes the private key: openssl genpkey -algorithm ed25519 -out KEY',
};

/**
 * The keys of a file: a JWKS or JWK, PEM (with whatever text around it), or a secret for HS256: one line
 * of letters, digits and `+/=_-`. A secret is the same for both halves.
 * @param half which of a pair to take; the other one is refused
 * @throws {KeyError}
 */
export function readKeys(content: Buffer, half: Half): TokenKey[] {
  const text = content
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trim();
  const keys = text.startsWith('{')
    ? fromJson(text, half)
    : text.includes('-----BEGIN ')
      ? fromPem(text, half)
      : [{ algorithm: 'HS256' as const, key: secretOf(text), id: undefined }];
  if (keys.length > MAX_TOKEN_KEYS)
    throw new KeyError(`There are ${keys.length} keys, and at most ${MAX_TOKEN_KEYS} are taken.`);
  return keys;
}

function fromPem(text: string, half: Half): TokenKey[] {
  const blocks = text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END \1-----/g);
  const keys = [...blocks].map(([pem, label = '']) => {
    const found = label.endsWith('PUBLIC KEY')
      ? 'public'
      : label.endsWith('PRIVATE KEY')
        ? 'private'
        : undefined;
    if (found !== half) throw new KeyError(`This is a ${label.toLowerCase()}. ${CURE[half]}`);
    const read = () => (half === 'public' ? createPublicKey(pem) : createPrivateKey(pem));
    return keyOf(attempt(read, `This ${half} key cannot be read`), undefined);
  });
  if (keys.length === 0) throw new KeyError('The PEM text is not complete.');
  return keys;
}

function fromJson(text: string, half: Half): TokenKey[] {
  const set = attempt(() => JSON.parse(text) as Jwk, 'This is no JSON');
  const all = Array.isArray(set.keys) ? (set.keys as unknown[]) : [set];
  const keys = all.flatMap((jwk) => {
    if (typeof jwk !== 'object' || jwk === null) throw new KeyError('A key is no JSON object.');
    return fromJwk(jwk as Jwk, half);
  });
  if (keys.length > 0) return keys;
  throw new KeyError('It has no key for EdDSA (Ed25519), ES256, RS256 or HS256.');
}

/** None: it is for something else, which a JWKS may hold as well. */
function fromJwk(jwk: Jwk, half: Half): TokenKey[] {
  if (jwk.use !== undefined && jwk.use !== 'sig') return [];
  const id = typeof jwk.kid === 'string' ? jwk.kid : undefined;
  let key: TokenKey;
  if (jwk.kty === 'oct') {
    if (typeof jwk.k !== 'string') throw new KeyError('A key of type oct has no "k".');
    key = { algorithm: 'HS256', key: secret(Buffer.from(jwk.k, 'base64url')), id };
  } else {
    if ('d' in jwk !== (half === 'private'))
      throw new KeyError(`This is a ${'d' in jwk ? 'private' : 'public'} key. ${CURE[half]}`);
    const input = { key: { ...jwk }, format: 'jwk' as const };
    const known = ['OKP', 'EC', 'RSA'].includes(jwk.kty as string);
    if (!known || !isUsable(jwk)) return [];
    const read = () => (half === 'public' ? createPublicKey(input) : createPrivateKey(input));
    key = keyOf(attempt(read, `A key of type ${jwk.kty} cannot be read`), id);
  }
  const named = jwk.alg === 'Ed25519' ? 'EdDSA' : jwk.alg;
  return named === undefined || named === key.algorithm ? [key] : [];
}

function isUsable({ kty, crv }: Jwk): boolean {
  return kty === 'RSA' || crv === 'Ed25519' || crv === 'P-256';
}

function keyOf(key: KeyObject, id: string | undefined): TokenKey {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ed25519') return { algorithm: 'EdDSA', key, id };
  if (type === 'ec' && details?.namedCurve === 'prime256v1') return { algorithm: 'ES256', key, id };
  if (type !== 'rsa')
    throw new KeyError(`Keys are Ed25519, EC on the curve P-256, or RSA; this one is ${type}.`);
  const bits = details?.modulusLength ?? 0;
  if (bits >= MIN_RSA_BITS) return { algorithm: 'RS256', key, id };
  throw new KeyError(`An RSA key has at least ${MIN_RSA_BITS} bits; this one has ${bits}.`);
}

/** The bytes of the line, as they are: what they might encode is not looked at. */
function secretOf(text: string): KeyObject {
  // What is public is no secret: whoever knows it could sign with it (RFC 8725, section 2.1). So what
  // might be a key in another format, a page of an error, or several lines, is refused.
  const encodings = ['base64', 'hex'] as const;
  if (
    /[^A-Za-z0-9+/=_-]/.test(text) ||
    encodings.some((encoding) => isKey(Buffer.from(text, encoding)))
  )
    throw new KeyError(
      'This is neither PEM, nor a JWKS, nor a secret, which is one line of letters, digits and +/=_- (make one with: openssl rand -hex 32). Convert a key into PEM or a JWKS.',
    );
  return secret(Buffer.from(text));
}

function secret(bytes: Buffer): KeyObject {
  if (bytes.length >= MIN_SECRET_BYTES) return createSecretKey(bytes);
  throw new KeyError(
    `A secret for HS256 has at least ${MIN_SECRET_BYTES} bytes; this one has ${bytes.length}. Make one with: openssl rand -hex 32`,
  );
}

function isKey(key: Buffer): boolean {
  const format = 'der';
  return [
    () => createPublicKey({ key, format, type: 'spki' }),
    () => createPublicKey({ key, format, type: 'pkcs1' }),
    () => createPrivateKey({ key, format, type: 'pkcs8' }),
    () => createPrivateKey({ key, format, type: 'pkcs1' }),
    () => createPrivateKey({ key, format, type: 'sec1' }),
  ].some((read) => {
    try {
      return read() !== undefined;
    } catch {
      return false;
    }
  });
}

function attempt<T>(act: () => T, what: string): T {
  try {
    return act();
  } catch {
    // Its own message could quote the key.
    throw new KeyError(`${what}.`);
  }
}
