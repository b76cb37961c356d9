import type {
  Candidate,
  ContentId,
  DepositedOffer,
  Grant,
  Lease,
  NodeMessage,
  PeerMessage,
  Request,
  SessionDescription,
  SessionRequest,
  SessionResponse,
  Signal,
  Swarm,
} from '../gen/compact.ts';
import {
  DtlsSetup,
  ErrorCode,
  NodeMessageTable,
  PeerMessageTable,
  SessionRequestTable,
  SessionResponseTable,
} from '../gen/compact.ts';
import { contentKey, DIGEST_BYTES } from './content.ts';
import * as limits from './limits.ts';
import type { Table } from './table.ts';
import { read, write } from './table.ts';

/** A message broke the protocol. The connection it came over ends with `code`. */
export class ProtocolError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.name = 'ProtocolError';
    this.code = code;
  }
}

/** A message to be encoded: what is missing has its default. */
export type Init<T> = T extends { case: infer Case; value: infer Value }
  ? { readonly case: Case; readonly value: Init<Value> }
  : T extends Uint8Array
    ? T
    : T extends readonly (infer Element)[]
      ? readonly Init<Element>[]
      : T extends object
        ? { readonly [Name in keyof T]?: Init<T[Name]> | undefined }
        : T;

export type SessionRequestBody = Init<SessionRequest['body']>;
export type SessionResponseBody = Init<SessionResponse['body']>;
export type PeerMessageBody = Init<PeerMessage['body']>;
export type NodeMessageBody = Init<NodeMessage['body']>;

/** One WebSocket frame or stream message to the tracker. */
export function encodeSessionRequest(body: SessionRequestBody): Uint8Array<ArrayBuffer> {
  return write(SessionRequestTable, { body });
}

/** One WebSocket frame or stream message to a client. */
export function encodeSessionResponse(body: SessionResponseBody): Uint8Array<ArrayBuffer> {
  return write(SessionResponseTable, { body });
}

/** One data channel message. */
export function encodePeerMessage(body: PeerMessageBody): Uint8Array<ArrayBuffer> {
  return write(PeerMessageTable, { body });
}

/** One message from a node to another. */
export function encodeNodeMessage(node: string, body: NodeMessageBody): Uint8Array<ArrayBuffer> {
  return write(NodeMessageTable, { node, body });
}

/**
 * Decodes and checks what a client sent. `body.case` is undefined for a message of a newer client,
 * which is to be ignored.
 * @throws {ProtocolError} MALFORMED, TOO_LARGE or LIMIT_EXCEEDED.
 */
export function decodeSessionRequest(frame: Uint8Array): SessionRequest {
  const message = decode<SessionRequest>(
    SessionRequestTable,
    frame,
    limits.MAX_SESSION_MESSAGE_BYTES,
  );
  switch (message.body.case) {
    case 'want':
    case 'drop':
      checkIds(message.body.value.contents);
      break;
    case 'have':
      checkIds(message.body.value.holdings.map((holding) => holding.content));
      for (const holding of message.body.value.holdings) checkSize(holding.size);
      break;
    case 'lease':
      checkLease(message.body.value);
      break;
    case 'deposit': {
      const { offers } = message.body.value;
      if (offers.length < 1 || offers.length > limits.MAX_DEPOSITED_OFFERS)
        malformed(`${offers.length} offers in a deposit, 1 to 4 are allowed`);
      offers.forEach(checkDeposited);
      break;
    }
    case 'signal':
      checkSignal(message.body.value);
  }
  return message;
}

/**
 * Decodes and checks what a tracker sent; see {@link decodeSessionRequest}.
 * @throws {ProtocolError}
 */
export function decodeSessionResponse(frame: Uint8Array): SessionResponse {
  const message = decode<SessionResponse>(
    SessionResponseTable,
    frame,
    limits.MAX_SESSION_RESPONSE_BYTES,
  );
  switch (message.body.case) {
    case 'welcome':
    case 'undeliverable':
      checkPeerId(message.body.value.peerId);
      break;
    case 'peers':
      checkSwarms(message.body.value.swarms);
      break;
    case 'grant':
      checkGrant(message.body.value);
      break;
    case 'signal':
      checkSignal(message.body.value);
  }
  return message;
}

/**
 * Decodes and checks what another peer sent; see {@link decodeSessionRequest}. The data of a
 * Fragment is a view on `frame`, not a copy.
 * @throws {ProtocolError}
 */
export function decodePeerMessage(frame: Uint8Array): PeerMessage {
  const message = decode<PeerMessage>(PeerMessageTable, frame, limits.MAX_PEER_MESSAGE_BYTES);
  const { body } = message;
  switch (body.case) {
    case 'request':
      checkRequest(body.value);
      break;
    case 'fragment': {
      checkRequestId(body.value.requestId);
      const { length } = body.value.data;
      if (length < 1 || length > limits.MAX_FRAGMENT_BYTES)
        malformed(`a fragment of ${length} bytes is not within 1 to ${limits.MAX_FRAGMENT_BYTES}`);
      if (body.value.offset + length > limits.MAX_REQUEST_BYTES)
        malformed('a fragment ends beyond the longest range that can be requested');
      break;
    }
    case 'cancel':
    case 'refuse':
      checkRequestId(body.value.requestId);
      break;
    case 'holdings': {
      checkContentId(body.value.content);
      checkSize(body.value.size);
      if (body.value.chunkSize > limits.MAX_CHUNK_BYTES) malformed('chunk_size is beyond 16777216');
      checkBitfield(body.value.bitfield);
      break;
    }
    case 'got':
    case 'coming': {
      checkContentId(body.value.content);
      const { chunks } = body.value;
      if (chunks.length < 1 || chunks.length > limits.MAX_CHUNKS_PER_GOT)
        malformed(`${chunks.length} chunks in a ${body.case}, 1 to 256 are allowed`);
      checkChunks(chunks);
    }
  }
  return message;
}

/**
 * Decodes and checks what another node sent; see {@link decodeSessionRequest}.
 * @throws {ProtocolError}
 */
export function decodeNodeMessage(frame: Uint8Array): NodeMessage {
  const message = decode<NodeMessage>(NodeMessageTable, frame, limits.MAX_NODE_MESSAGE_BYTES);
  if (message.body.case !== undefined && !NODE.test(message.node))
    malformed('the name of a node is not 1 to 64 letters and digits');
  switch (message.body.case) {
    case 'inquiry':
      if (message.body.value.number === 0) malformed('number is 0');
      checkIds(message.body.value.contents.map(({ content }) => content));
      break;
    case 'findings':
      checkSwarms(message.body.value.swarms);
      break;
    case 'delivery':
      checkPeerId(message.body.value.to);
      if (!message.body.value.signal) malformed('a delivery without a signal');
      checkSignal(message.body.value.signal);
      break;
    case 'rejection':
      checkPeerId(message.body.value.to);
      checkPeerId(message.body.value.undeliverable?.peerId ?? 0n);
      break;
    case 'lease':
      checkPeerId(message.body.value.peerId);
      if (!message.body.value.lease) malformed('nothing was forwarded');
      checkLease(message.body.value.lease);
      break;
    case 'grant':
      checkPeerId(message.body.value.peerId);
      if (!message.body.value.grant) malformed('nothing was forwarded');
      checkGrant(message.body.value.grant);
      break;
    case 'departure':
      if (message.body.value.peerId > 0n) checkIds(message.body.value.contents);
      else if (message.body.value.contents.length > 0)
        malformed('all leave, and contents are named');
  }
  return message;
}

/** @throws {ProtocolError} if the algorithm is unknown or the digest's length is not its. */
export function checkContentId(id: ContentId | undefined): asserts id is ContentId {
  if (!id) malformed('a content id is missing; content has to be set');
  const expected = DIGEST_BYTES[id.algorithm];
  if (expected === undefined)
    malformed(`hash algorithm ${id.algorithm || '(none, or of that name)'} is not known`);
  if (id.digest.length !== expected)
    malformed(`digest has ${id.digest.length} bytes instead of ${expected}`);
}

function decode<T extends { body: { case?: string | undefined } }>(
  table: Table,
  frame: Uint8Array,
  maxBytes: number,
): T {
  if (frame.length > maxBytes)
    throw new ProtocolError(
      ErrorCode.TOO_LARGE,
      `a message of ${frame.length} bytes is larger than ${maxBytes}`,
    );
  let result: ReturnType<typeof read>;
  try {
    result = read(table, frame);
  } catch (error) {
    return malformed(`not a message: ${(error as Error).message}`);
  }
  const message = result.message as T;
  if (message.body.case === undefined && !result.unknown) malformed('an empty message; set a body');
  return message;
}

function checkIds(ids: readonly (ContentId | undefined)[]): void {
  if (ids.length === 0) malformed('no content id; name at least one');
  if (ids.length > limits.MAX_IDS_PER_MESSAGE)
    throw new ProtocolError(
      ErrorCode.LIMIT_EXCEEDED,
      `${ids.length} ids in one message, at most ${limits.MAX_IDS_PER_MESSAGE} are allowed`,
    );
  const seen = new Set<string>();
  for (const id of ids) {
    checkContentId(id);
    seen.add(contentKey(id));
  }
  if (seen.size !== ids.length) malformed('a content id is repeated; name each once');
}

function checkSwarms(swarms: readonly Swarm[]): void {
  checkIds(swarms.map(({ content }) => content));
  for (const { holders } of swarms) {
    if (holders.length > limits.MAX_HOLDERS_PER_SWARM) malformed('too many holders in a swarm');
    for (const holder of holders) {
      checkPeerId(holder.peerId);
      checkSize(holder.size);
      if (holder.offer) checkDeposited(holder.offer);
    }
  }
}

function checkSize(size: bigint): void {
  if (size > BigInt(limits.MAX_CONTENT_BYTES)) malformed(`${size} is beyond 2^53 - 1`);
}

function checkRequest({ requestId, content, offset, length }: Request): void {
  checkRequestId(requestId);
  checkContentId(content);
  checkSize(offset);
  if (length < 1 || length > limits.MAX_REQUEST_BYTES)
    malformed(`length ${length} of a request is not within 1 to ${limits.MAX_REQUEST_BYTES}`);
}

function checkRequestId(id: number): void {
  if (id === 0) malformed('request_id is 0; it counts from 1');
}

function checkBitfield({ length }: Uint8Array): void {
  if (length > limits.MAX_CHUNKS / 8) malformed(`a bitfield of ${length} bytes; send up to 8192`);
}

function checkChunks(chunks: readonly number[]): void {
  for (const chunk of chunks)
    if (chunk >= limits.MAX_CHUNKS) malformed(`chunk ${chunk} is beyond the last possible, 65535`);
}

function checkLease({ content, unitBytes, units, wanted, ...lease }: Lease): void {
  checkContentId(content);
  if (unitBytes < 1 || unitBytes > limits.MAX_CHUNK_BYTES)
    malformed(`unit_bytes ${unitBytes} is not within 1 to ${limits.MAX_CHUNK_BYTES}`);
  if (units > limits.MAX_CHUNKS || wanted > limits.MAX_CHUNKS)
    malformed(`more than ${limits.MAX_CHUNKS} units, or wanted; take larger ones`);
  checkBitfield(lease.needed);
  for (const chunks of [lease.fetched, lease.returned]) {
    if (chunks.length > limits.MAX_CHUNKS) malformed(`${chunks.length} units in a lease`);
    checkChunks(chunks);
  }
}

function checkGrant({ content, first, count }: Grant): void {
  checkContentId(content);
  if (first + count > limits.MAX_CHUNKS)
    malformed('a grant ends beyond the last unit there can be');
}

function checkPeerId(id: bigint): void {
  if (id === 0n) malformed('peer_id is 0; it names the other peer');
}

function checkSignal(signal: Signal): void {
  checkPeerId(signal.peerId);
  if (signal.attempt === 0) malformed('attempt is 0; it counts from 1');
  switch (signal.body.case) {
    case 'offer':
    case 'answer':
      checkDescription(signal.body.value, signal.body.case);
      break;
    case 'candidates':
      checkCandidates(signal.body.value.candidates);
      break;
    case undefined:
      malformed('a signal without offer, answer, candidates or decline');
  }
}

// RFC 8839, section 5.4: ice-char = ALPHA / DIGIT / "+" / "/".
export const ICE_UFRAG = /^[A-Za-z0-9+/]{4,256}$/;
export const ICE_PWD = /^[A-Za-z0-9+/]{22,256}$/;
// Tokens go into an SDP text, so nothing that could end a line or a field.
const ICE_OPTION = /^[A-Za-z0-9+/_-]{1,64}$/;
const FOUNDATION = /^[A-Za-z0-9+/]{0,32}$/;
const NODE = /^[A-Za-z0-9_-]{1,64}$/;
const ADDRESS = /^[A-Za-z0-9.:-]{1,255}$/;

function checkDescription(description: SessionDescription, kind: 'offer' | 'answer'): void {
  if (description.rawSdp) {
    if (new TextEncoder().encode(description.rawSdp).length > limits.MAX_RAW_SDP_BYTES)
      malformed(`raw_sdp has more than ${limits.MAX_RAW_SDP_BYTES} bytes`);
    return;
  }
  if (!ICE_UFRAG.test(description.iceUfrag)) malformed('ice_ufrag is not 4 to 256 ice characters');
  if (!ICE_PWD.test(description.icePwd)) malformed('ice_pwd is not 22 to 256 ice characters');
  if (description.fingerprintSha256.length !== 32) malformed('fingerprint_sha256 is not 32 bytes');
  const { setup } = description;
  if (setup !== DtlsSetup.ACTIVE && setup !== DtlsSetup.PASSIVE)
    if (setup !== DtlsSetup.ACTPASS || kind === 'answer')
      malformed(`setup ${setup} is no role for an ${kind}; see DtlsSetup`);
  if (description.iceOptions.length > 8) malformed('more than 8 ice_options; leave some out');
  if (!description.iceOptions.every((option) => ICE_OPTION.test(option)))
    malformed('an ice_option is not 1 to 64 letters, digits, +, /, _ or -');
  if (description.sctpInit.length > limits.MAX_SCTP_INIT_BYTES)
    malformed('sctp_init has over 256 bytes');
  if (description.sctpPort > 65_535) malformed('sctp_port is beyond 65535');
  checkCandidates(description.candidates);
  if (description.request) checkRequest(description.request);
}

function checkDeposited({ attempt, description }: DepositedOffer): void {
  if (attempt === 0) malformed('attempt is 0; it counts from 1');
  if (!description) malformed('a deposited offer without a description');
  if (description.rawSdp) malformed('a deposited offer with raw_sdp; send its fields');
  checkDescription(description, 'offer');
  if (description.candidates.length > limits.MAX_DEPOSITED_CANDIDATES)
    malformed('more than 8 candidates in a deposited offer; send the rest later');
}

function checkCandidates(candidates: readonly Candidate[]): void {
  if (candidates.length > limits.MAX_CANDIDATES) malformed('more than 32 candidates at once');
  for (const candidate of candidates) {
    if (!FOUNDATION.test(candidate.foundation))
      malformed('foundation is not up to 32 letters, digits, + or /');
    const { address, packedAddress: packed } = candidate;
    if (packed.length === 0 ? !ADDRESS.test(address) : address || ![4, 16].includes(packed.length))
      malformed('a candidate needs address, or packed_address of 4 or 16 bytes, not both');
    if (candidate.port > 65_535) malformed('a candidate port is beyond 65535');
  }
}

/** @throws {ProtocolError} MALFORMED, always */
export function malformed(message: string): never {
  throw new ProtocolError(ErrorCode.MALFORMED, message);
}
