import { createHash } from 'node:crypto';
import { ManifestSchema } from '../src/full.ts';
import { base64, FILE, varint, vectorsOf, zeros } from './build.ts';
import type { Valid, Vector } from './types.ts';

const { valid, unusual, rule, ruleHex, wire } = vectorsOf(ManifestSchema);

/** The SHA-256 of each chunk of `file`, concatenated. */
function chunkHashes(file: Uint8Array, chunkSize: number): string {
  const hashes: Buffer[] = [];
  for (let at = 0; at < file.length; at += chunkSize)
    hashes.push(
      createHash('sha256')
        .update(file.subarray(at, at + chunkSize))
        .digest(),
    );
  return Buffer.concat(hashes).toString('base64');
}

/** With its content id: the hash of the bytes as they are. */
function named(vector: Valid): Valid {
  const digest = createHash('sha256').update(Buffer.from(vector.hex, 'hex'));
  return { ...vector, id: `zf1-${digest.digest('base64url')}` };
}

function manifest(name: string, description: string, json: Valid['json']): Valid {
  return named(valid(name, description, json));
}

const PAPAGENO = {
  size: '252',
  chunkSize: 64,
  chunkSha256: chunkHashes(FILE, 64),
  sha256: base64('sha256'),
  mediaType: 'text/plain;charset=utf-8',
};

const papageno = manifest('papageno.txt', 'Four chunks of 64 bytes, the last of 60.', PAPAGENO);

/** Digest of papageno's manifest in base64. */
export const PAPAGENO_ID = Buffer.from(papageno.id!.slice(4), 'base64url').toString('base64');

const EMPTY = { chunkSize: 1, sha256: base64('sha256', '') };

const MAX_FRAME = 2_097_664;

export const MANIFEST: readonly Vector[] = [
  papageno,
  manifest('chunks that fit', 'The last of four chunks is as large as the others. No media type.', {
    size: '252',
    chunkSize: 63,
    chunkSha256: chunkHashes(FILE, 63),
    sha256: base64('sha256'),
  }),
  manifest('one chunk', 'The largest chunk size; the only chunk is smaller.', {
    size: '252',
    chunkSize: 16777216,
    chunkSha256: chunkHashes(FILE, 16777216),
    sha256: base64('sha256'),
    mediaType: 'text/plain',
  }),
  manifest('empty file', 'It has no chunks.', {
    chunkSize: 1,
    sha256: base64('sha256', ''),
    mediaType: 'application/octet-stream',
  }),
  named(
    unusual(
      'encoded otherwise',
      'No tool should write it so, but a receiver need not check: its hash is that of these bytes.',
      // The hash first, an unknown field, then chunk_size, size 0 in two bytes, and no media type.
      `2220${Buffer.from(EMPTY.sha256, 'base64').toString('hex')}f807011001088000`,
      EMPTY,
    ),
  ),
  manifest('media type with a parameter', 'Blanks, also tabs, and printable ASCII.', {
    ...EMPTY,
    mediaType: 'text/html \t;\tcharset="utf-8"',
  }),
  rule('beyond 2^53 - 1', 'the size is 2^53', { ...PAPAGENO, size: '9007199254740992' }),
  rule('without chunk size', 'it is 0', { ...PAPAGENO, chunkSize: 0 }),
  rule('chunk size too large', 'one byte beyond 16 MiB', { ...PAPAGENO, chunkSize: 16_777_217 }),
  ruleHex('too many chunks', '65,537 chunks of one byte, and as many hashes', [
    `08${varint(65_537)}10011a${varint(32 * 65_537)}`,
    { repeat: '00', times: 32 * 65_537 },
    `2220${Buffer.from(EMPTY.sha256, 'base64').toString('hex')}`,
  ]),
  rule('hash of a chunk missing', 'five chunks of 63 bytes or less', {
    ...PAPAGENO,
    size: 253,
    chunkSize: 63,
  }),
  rule('hash too many', 'three chunks', { ...PAPAGENO, size: 192 }),
  rule('whole-file hash too short', '20 bytes', { ...PAPAGENO, sha256: base64('sha1') }),
  rule('without whole-file hash', 'it has 0 bytes', { ...PAPAGENO, sha256: '' }),
  rule('media type too long', '256 bytes', { ...PAPAGENO, mediaType: `text/${'x'.repeat(251)}` }),
  rule('no media type', 'media_type has no slash', { ...PAPAGENO, mediaType: 'text' }),
  rule('no subtype', 'at least one character', { ...PAPAGENO, mediaType: 'text/' }),
  rule('media type of two', 'after the subtype there is nothing but parameters', {
    ...PAPAGENO,
    mediaType: 'text/plain, text/html',
  }),
  rule('media type beyond ASCII', 'parameters are ASCII', {
    ...PAPAGENO,
    mediaType: 'text/plain;title=ö',
  }),
  rule('media type of two lines', 'a header is one line', {
    ...PAPAGENO,
    mediaType: 'text/plain;\r\nx: y',
  }),
  ruleHex(
    'too large',
    'at most 2,097,664 bytes, even of unknown fields',
    zeros('7a', MAX_FRAME - 4),
    'ERROR_CODE_TOO_LARGE',
  ),
  wire('truncated', 'the whole-file hash ends early', '08fc0110401a002220e3b0'),
  wire('not UTF-8', 'media_type is c3 28', '2a02c328'),
  wire('truncated size', 'the varint does not end', '08fc'),
];
