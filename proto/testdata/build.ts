import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { DescMessage, JsonValue } from '@bufbuild/protobuf';
import { fromJson, toBinary } from '@bufbuild/protobuf';
import type { Hex, Ignored, Malformed, Valid } from './types.ts';

/** The file whose hashes the vectors use. */
export const FILE = readFileSync(new URL('papageno.txt', import.meta.url));

/** Digest of `data` in base64, the ProtoJSON form of bytes. */
export function base64(algorithm: string, data: string | Uint8Array = FILE): string {
  return createHash(algorithm).update(data).digest('base64');
}

/** A content id with the SHA-1 of `text`: as many different ones as needed. */
export function sha1Id(text: string | number): { algorithm: string; digest: string } {
  return { algorithm: 'HASH_ALGORITHM_SHA1', digest: base64('sha1', `asset ${text}`) };
}

/** Makes the vectors of one top message. */
export function vectorsOf(schema: DescMessage) {
  const encode = (json: object) =>
    Buffer.from(toBinary(schema, fromJson(schema, json as JsonValue))).toString('hex');
  return {
    valid: (name: string, description: string, json: Valid['json']): Valid => ({
      name,
      description,
      hex: encode(json),
      json,
    }),
    /** The same message could be encoded in another way, which encoders prefer. */
    unusual: (name: string, description: string, hex: string, json: Valid['json']): Valid => ({
      name,
      description,
      hex,
      json,
      canonical: false,
    }),
    /** Breaks a rule that the schema's comments state. */
    rule: (name: string, why: string, json: object, error = 'ERROR_CODE_MALFORMED'): Malformed => ({
      name,
      hex: encode(json),
      error,
      at: 'rule',
      why,
    }),
    ruleHex: (name: string, why: string, hex: Hex, error = 'ERROR_CODE_MALFORMED'): Malformed => ({
      name,
      hex,
      error,
      at: 'rule',
      why,
    }),
    wire: (name: string, why: string, hex: Hex): Malformed => ({
      name,
      hex,
      error: 'ERROR_CODE_MALFORMED',
      at: 'wire',
      why,
    }),
    ignored: (name: string, hex: Hex): Ignored => ({ name, hex, ignored: true }),
  };
}

/** A length-delimited field: its tag and what it holds, all in hex. */
export function field(tag: string, ...hex: readonly string[]): string {
  const body = hex.join('');
  return tag + varint(body.length / 2) + body;
}

/** A length-delimited field of `bytes` zeros. */
export function zeros(tag: string, bytes: number): Hex {
  return [tag + varint(bytes), { repeat: '00', times: bytes }];
}

/** Shortest varint of `value`, in hex. */
export function varint(value: number): string {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return Buffer.from([...bytes, value]).toString('hex');
}

/** Frames that are not protobuf, whatever the message. `tag` is that of a message field, in hex. */
export const NOT_PROTOBUF: readonly (readonly [name: string, why: string, hex: string])[] = [
  ['truncated tag', 'the varint of the tag does not end', '8a'],
  ['truncated length', 'the varint of the length does not end', '0a80'],
  ['length beyond the frame', 'the field says 16 bytes and 2 follow', '0a100802'],
  ['truncated unknown varint', 'an unknown field ends early', 'f80780'],
  ['truncated unknown fixed64', 'an unknown field of 8 bytes has 3', 'f907010203'],
  ['field number 0', 'field numbers begin at 1', '0200'],
  ['wire type 7', 'there is none', '0f00'],
  ['end of no group', 'a group ends that did not begin', 'fc07'],
  ['group without end', 'a group begins and does not end', 'fb07'],
];
