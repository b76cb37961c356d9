import type { KeyObject } from 'node:crypto';
import { generateKeyPairSync } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { SignJWT } from 'jose';

export const ED25519 = generateKeyPairSync('ed25519');
export const EC = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
export const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const SECRET = 'a_secret_of_more_than_thirty-two_bytes_indeed==';

export function pem(key: KeyObject): string {
  return key.export({ format: 'pem', type: key.type === 'public' ? 'spki' : 'pkcs8' }) as string;
}

/** A token for example.com, valid from now for a minute, but for what `claims` says; undefined: without. */
export function token(
  claims: JWTPayload = {},
  key: KeyObject | Uint8Array = ED25519.privateKey,
  header: { readonly alg: string; readonly kid?: string } = { alg: 'EdDSA' },
): Promise<string> {
  const iat = Math.floor(Date.now() / 1_000);
  const all = { site: 'example.com', iat, exp: iat + 60, ...claims };
  return new SignJWT(JSON.parse(JSON.stringify(all))).setProtectedHeader(header).sign(key);
}
