import type { IncomingMessage } from 'node:http';
import type { JWTPayload } from 'jose';
import { decodeProtectedHeader, errors, jwtVerify } from 'jose';
import { isOriginAllowed, isOriginPattern } from '../abuse/origins.ts';
import { MAX_TOKEN_CHARACTERS, MAX_TOKEN_SECONDS, TOKEN_SKEW_SECONDS } from '../limits.ts';
import type { KeySetting } from './key-file.ts';
import type { TokenKey } from './keys.ts';

/** What is wrong with a token, also as label of a metric, and what to do about it. */
const PROBLEMS = {
  missing:
    "This tracker asks for a token. Add it to the tracker's address, such as wss://tracker.example/?token=…, or send it as Authorization: Bearer.",
  malformed: 'The token is no signed JWT. It has to be given whole, as its maker printed it.',
  algorithm: 'The token is not signed by an algorithm that this tracker has a key for',
  signature:
    'The token is signed by none of the keys of this tracker. Sign it with the key that belongs to',
  expired: 'The token has expired. Get a new one: load the page again.',
  early: 'The token is not valid yet (nbf, iat). Set the clock of the machine that made it.',
  lifetime: `The token is for longer than ${MAX_TOKEN_SECONDS / 3_600} hours. Make tokens that expire earlier.`,
  claims:
    'The token lacks iat, exp or site, or they are not of their kind: iat and exp are times in seconds, site is a host such as example.com, or a list of them.',
  audience:
    'The token is for another service (aud). It has to be for the one that --token-audience names, or for none without that.',
  site: 'The token is for another site',
} as const;

export type TokenProblem = keyof typeof PROBLEMS;
export const TOKEN_PROBLEMS = Object.keys(PROBLEMS) as readonly TokenProblem[];

export interface TokenRefusal {
  readonly problem: TokenProblem;
  /** For people: what is wrong and what to do. Quotes nothing of the token. */
  readonly text: string;
}

export interface TokenRules {
  readonly keys: readonly TokenKey[];
  /** Whom tokens have to be for, if anybody. */
  readonly audience: string | undefined;
  readonly now: Date;
  /** Where the operator named the keys. */
  readonly setting: KeySetting;
}

/** A token that is good. */
export interface Grant {
  /** Hosts that it is for, or patterns of them; at least one. */
  readonly sites: readonly string[];
}

/** The token that comes with a request: in its Authorization, else in its address. */
export function tokenOf({ headers, url = '' }: Pick<IncomingMessage, 'headers' | 'url'>) {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  const at = url.indexOf('?');
  const query = at < 0 ? undefined : new URLSearchParams(url.slice(at + 1)).get('token');
  return bearer ?? (query || undefined);
}

/**
 * What a token is good for, or why it is not. Programs that are no browsers send no Origin, or any that
 * they like: one without lets its token be for any site.
 */
export async function checkToken(
  token: string | undefined,
  origin: string | undefined,
  rules: TokenRules,
): Promise<TokenRefusal | Grant> {
  if (token === undefined) return refusal('missing');
  const header = headerOf(token);
  if (!header) return refusal('malformed');
  // Not the token's algorithm chooses the key's: each key has one (RFC 8725, section 3.1).
  const algorithm = header.alg === 'Ed25519' ? 'EdDSA' : header.alg;
  const fitting = rules.keys.filter((key) => key.algorithm === algorithm);
  if (fitting.length === 0) {
    const known = [...new Set(rules.keys.map((key) => key.algorithm))].join(', ');
    return refusal('algorithm', `: ${known}.`);
  }
  const named = fitting.filter(({ id }) => id !== undefined && id === header.kid);
  for (const { key } of named.length > 0 ? named : fitting)
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [header.alg],
        requiredClaims: ['iat', 'exp', 'site'],
        maxTokenAge: MAX_TOKEN_SECONDS,
        clockTolerance: TOKEN_SKEW_SECONDS,
        currentDate: rules.now,
        ...(rules.audience !== undefined && { audience: rules.audience }),
      });
      return checkClaims(payload, origin, rules);
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) continue;
      if (!(error instanceof errors.JOSEError)) throw error;
      return refusal(problemOf(error));
    }
  return refusal('signature', ` --${rules.setting}.`);
}

function headerOf(token: string): { readonly alg: string; readonly kid: unknown } | undefined {
  if (token.length > MAX_TOKEN_CHARACTERS) return undefined;
  try {
    const { alg, kid } = decodeProtectedHeader(token);
    return alg === undefined ? undefined : { alg, kid };
  } catch {
    return undefined;
  }
}

function checkClaims(
  { iat, exp, aud, site }: JWTPayload,
  origin: string | undefined,
  { audience }: TokenRules,
): TokenRefusal | Grant {
  const sites: readonly unknown[] = Array.isArray(site) ? site : [site];
  const isPattern = (entry: unknown): entry is string =>
    typeof entry === 'string' && isOriginPattern(entry);
  // None would be all, below.
  if (sites.length === 0 || !sites.every(isPattern)) return refusal('claims');
  if (exp! - iat! > MAX_TOKEN_SECONDS) return refusal('lifetime');
  if (aud !== undefined && audience === undefined) return refusal('audience');
  if (isOriginAllowed(origin, sites)) return { sites };
  return refusal('site', ` than ${JSON.stringify(origin)}.`);
}

function problemOf(error: unknown): TokenProblem {
  if (error instanceof errors.JWTExpired) return error.claim === 'iat' ? 'lifetime' : 'expired';
  if (!(error instanceof errors.JWTClaimValidationFailed)) return 'malformed';
  if (error.claim === 'aud') return 'audience';
  return error.reason === 'check_failed' ? 'early' : 'claims';
}

function refusal(problem: TokenProblem, more = ''): TokenRefusal {
  return { problem, text: PROBLEMS[problem] + more };
}
