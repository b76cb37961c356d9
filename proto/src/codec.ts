import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { ContentId } from '../gen/zauberflote/v1/content_pb.js';
import type { PeerMessage } from '../gen/zauberflote/v1/peer_pb.js';
import { PeerMessageSchema } from '../gen/zauberflote/v1/peer_pb.js';
import type { Candidate, SessionDescription, Signal } from '../gen/zauberflote/v1/signaling_pb.js';
import { DtlsSetup } from '../gen/zauberflote/v1/signaling_pb.js';
import type { SessionRequest, SessionResponse } from '../gen/zauberflote/v1/tracker_pb.js';
import {
  ErrorCode,
  SessionRequestSchema,
  SessionResponseSchema,
} from '../gen/zauberflote/v1/tracker_pb.js';
import { contentKey, DIGEST_BYTES } from './content.ts';
import * as limits from './limits.ts';
import { checkWire } from './wire.ts';

/** A message broke the protocol. The connection it came over ends with `code`. */
export class ProtocolError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.name = 'ProtocolError';
    this.code = code;
  }
}

export type SessionRequestBody = MessageInitShape<typeof SessionRequestSchema>['body'];
export type SessionResponseBody = MessageInitShape<typeof SessionResponseSchema>['body'];
export type PeerMessageBody = MessageInitShape<typeof PeerMessageSchema>['body'];

/** One WebSocket frame or stream message to the tracker. */
export function encodeSessionRequest(body: SessionRequestBody): Uint8Array<ArrayBuffer> {
  return encode(SessionRequestSchema, { body });
}

/** One WebSocket frame or stream message to a client. */
export function encodeSessionResponse(body: SessionResponseBody): Uint8Array<ArrayBuffer> {
  return encode(SessionResponseSchema, { body });
}

/** One data channel message. */
export function encodePeerMessage(body: PeerMessageBody): Uint8Array<ArrayBuffer> {
  return encode(PeerMessageSchema, { body });
}

/**
 * Decodes and checks what a client sent. `body.case` is undefined for a message of a newer client,
 * which is to be ignored.
 * @throws {ProtocolError} MALFORMED, TOO_LARGE or LIMIT_EXCEEDED.
 */
export function decodeSessionRequest(frame: Uint8Array): SessionRequest {
  const message = decode(SessionRequestSchema, frame, limits.MAX_SESSION_MESSAGE_BYTES);
  switch (message.body.case) {
    case 'want':
    case 'drop':
      checkIds(message.body.value.contents);
      break;
    case 'have':
      checkIds(message.body.value.holdings.map((holding) => holding.content));
      for (const holding of message.body.value.holdings) checkSize(holding.size);
      break;
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
  const message = decode(SessionResponseSchema, frame, limits.MAX_SESSION_RESPONSE_BYTES);
  switch (message.body.case) {
    case 'welcome':
    case 'undeliverable':
      checkPeerId(message.body.value.peerId);
      break;
    case 'peers':
      checkIds(message.body.value.swarms.map((swarm) => swarm.content));
      for (const { holders } of message.body.value.swarms) {
        if (holders.length > limits.MAX_HOLDERS_PER_SWARM) malformed('too many holders in a swarm');
        for (const holder of holders) {
          checkPeerId(holder.peerId);
          checkSize(holder.size);
        }
      }
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
  const message = decode(PeerMessageSchema, frame, limits.MAX_PEER_MESSAGE_BYTES);
  const { body } = message;
  if (body.case === undefined) return message;
  if (body.value.requestId === 0) malformed('request_id is 0');
  if (body.case === 'request') {
    checkContentId(body.value.content);
    checkSize(body.value.offset);
    const { length } = body.value;
    if (length < 1 || length > limits.MAX_REQUEST_BYTES)
      malformed(`length ${length} of a request is not within 1 to ${limits.MAX_REQUEST_BYTES}`);
  } else if (body.case === 'fragment') {
    const { length } = body.value.data;
    if (length < 1 || length > limits.MAX_FRAGMENT_BYTES)
      malformed(`a fragment of ${length} bytes is not within 1 to ${limits.MAX_FRAGMENT_BYTES}`);
    if (body.value.offset + length > limits.MAX_REQUEST_BYTES)
      malformed('a fragment ends beyond the longest range that can be requested');
  }
  return message;
}

/** @throws {ProtocolError} if the algorithm is unknown or the digest's length is not its. */
export function checkContentId(id: ContentId | undefined): asserts id is ContentId {
  if (!id) malformed('a content id is missing');
  const expected = DIGEST_BYTES[id.algorithm];
  if (expected === undefined) malformed(`hash algorithm ${id.algorithm} is not known`);
  if (id.digest.length !== expected)
    malformed(`digest has ${id.digest.length} bytes instead of ${expected}`);
}

function encode<D extends DescMessage>(
  schema: D,
  init: MessageInitShape<D>,
): Uint8Array<ArrayBuffer> {
  return toBinary(schema, create(schema, init)) as Uint8Array<ArrayBuffer>;
}

function decode<D extends DescMessage>(
  schema: D,
  frame: Uint8Array,
  maxBytes: number,
): MessageShape<D> {
  if (frame.length > maxBytes)
    throw new ProtocolError(
      ErrorCode.TOO_LARGE,
      `a message of ${frame.length} bytes is larger than ${maxBytes}`,
    );
  let message: MessageShape<D>;
  try {
    checkWire(schema, frame);
    message = fromBinary(schema, frame);
  } catch (error) {
    return malformed(`not a ${schema.typeName}: ${(error as Error).message}`);
  }
  const { body } = message as unknown as { body: { case?: string } };
  if (body.case === undefined && !message.$unknown?.length)
    malformed(`an empty ${schema.typeName}`);
  return message;
}

function checkIds(ids: readonly (ContentId | undefined)[]): void {
  if (ids.length === 0) malformed('no content id');
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
  if (seen.size !== ids.length) malformed('a content id is repeated');
}

function checkSize(size: bigint): void {
  if (size > BigInt(limits.MAX_CONTENT_BYTES)) malformed(`${size} is beyond 2^53 - 1`);
}

function checkPeerId(id: bigint): void {
  if (id === 0n) malformed('peer_id is 0');
}

function checkSignal(signal: Signal): void {
  checkPeerId(signal.peerId);
  if (signal.attempt === 0) malformed('attempt is 0');
  switch (signal.body.case) {
    case 'offer':
    case 'answer':
      checkDescription(signal.body.value, signal.body.case);
      break;
    case 'candidates':
      checkCandidates(signal.body.value.candidates);
      break;
    case undefined:
      malformed('a signal without body');
  }
}

// RFC 8839, section 5.4: ice-char = ALPHA / DIGIT / "+" / "/".
const ICE_UFRAG = /^[A-Za-z0-9+/]{4,256}$/;
const ICE_PWD = /^[A-Za-z0-9+/]{22,256}$/;
// Tokens go into an SDP text, so nothing that could end a line or a field.
const ICE_OPTION = /^[A-Za-z0-9+/_-]{1,64}$/;
const FOUNDATION = /^[A-Za-z0-9+/]{1,32}$/;
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
    if (setup !== DtlsSetup.ACTPASS || kind === 'answer') malformed(`setup ${setup} in an ${kind}`);
  if (description.iceOptions.length > 8) malformed('more than 8 ice_options');
  if (!description.iceOptions.every((option) => ICE_OPTION.test(option)))
    malformed('an ice_option is not a token');
  if (description.sctpPort > 65_535) malformed('sctp_port is beyond 65535');
  checkCandidates(description.candidates);
}

function checkCandidates(candidates: readonly Candidate[]): void {
  if (candidates.length > limits.MAX_CANDIDATES) malformed('too many candidates');
  for (const candidate of candidates) {
    if (!FOUNDATION.test(candidate.foundation))
      malformed('foundation is not 1 to 32 ice characters');
    if (!ADDRESS.test(candidate.address)) malformed('a candidate address has other characters');
    if (candidate.port > 65_535) malformed('a candidate port is beyond 65535');
  }
}

function malformed(message: string): never {
  throw new ProtocolError(ErrorCode.MALFORMED, message);
}
