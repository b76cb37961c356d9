import type { ContentId, SessionRequest, SessionRequestBody } from '@zauberflote/proto';
import { decodeSessionRequest, encodeSessionRequest, HashAlgorithm } from '@zauberflote/proto';
import type { Ask } from './lease-model.ts';

export type Body = NonNullable<SessionRequestBody>;
export type SignalKind = 'offer' | 'answer' | 'candidates' | 'decline';
export const SIGNAL_KINDS: readonly SignalKind[] = ['offer', 'answer', 'candidates', 'decline'];

/** A content id that differs for every `n` below 2^32. */
export function content(n: number): Pick<ContentId, 'algorithm' | 'digest'> {
  const digest = new Uint8Array(32);
  new DataView(digest.buffer).setUint32(0, n);
  return { algorithm: HashAlgorithm.MANIFEST_SHA256, digest };
}

export function want(contents: readonly number[], maxPeers = 0, maxOffers = 0): Body {
  return { case: 'want', value: { contents: contents.map(content), maxPeers, maxOffers } };
}

/** Offers for whoever comes, each with the description that {@link signal} gives that attempt. */
export function deposit(...attempts: readonly number[]): Body {
  const offers = attempts.map((attempt) => ({
    attempt,
    description: description('offer', attempt),
  }));
  return { case: 'deposit', value: { offers } };
}

export function have(contents: readonly number[], size = 1000n, partial = false): Body {
  return {
    case: 'have',
    value: { holdings: contents.map((n) => ({ content: content(n), size, partial })) },
  };
}

/** By default of any units of 16 KiB of a content of unknown size. */
export function lease(n: number, { needed, ...fields }: Partial<Ask> = {}): Body {
  const bits = new Uint8Array(needed ? Math.max(8, ...needed.map((unit) => (unit >> 3) + 1)) : 0);
  for (const unit of needed ?? []) bits[unit >> 3]! |= 128 >> (unit & 7);
  return {
    case: 'lease',
    value: { content: content(n), unitBytes: 16_384, ...fields, needed: bits },
  };
}

export function drop(contents: readonly number[]): Body {
  return { case: 'drop', value: { contents: contents.map(content) } };
}

export const CANDIDATE = {
  foundation: '1',
  priority: 2_130_706_431,
  address: '192.0.2.7',
  port: 50_000,
};

/** A valid signal; its description names `attempt`, so that each can be told from others. */
export function signal(kind: SignalKind, peerId: bigint, attempt: number): Body {
  const value = description(kind, attempt);
  const body = {
    offer: { case: 'offer' as const, value },
    answer: { case: 'answer' as const, value },
    candidates: { case: 'candidates' as const, value: { candidates: [CANDIDATE], end: true } },
    decline: { case: 'decline' as const, value: { reason: 1 } },
  }[kind];
  return { case: 'signal', value: { peerId, attempt, body } };
}

function description(kind: SignalKind, attempt: number) {
  return {
    iceUfrag: `frag${attempt}`,
    icePwd: 'abcdefghijklmnopqrstuv',
    fingerprintSha256: new Uint8Array(32).fill(attempt),
    setup: kind === 'offer' ? 1 : 2,
    candidates: [CANDIDATE],
  };
}

/** The message as a tracker sees it: encoded, decoded and checked. */
export function received(body: Body): SessionRequest {
  return decodeSessionRequest(encodeSessionRequest(body));
}
