import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { JsonValue } from '@bufbuild/protobuf';
import { fromJson } from '@bufbuild/protobuf';
import fc from 'fast-check';
import type { TextVector } from '../testdata/types.ts';
import { ContentIdSchema } from './full.ts';
import {
  contentKey,
  DIGEST_BYTES,
  formatContentId,
  HashAlgorithm,
  keyContent,
  parseContentId,
  toHex,
} from './index.ts';

const VECTORS = new URL('../testdata/content_id.json', import.meta.url);

const algorithms = Object.keys(DIGEST_BYTES).map(Number);
const contentId = fc.constantFrom(...algorithms).chain((algorithm) =>
  fc.record({
    algorithm: fc.constant(algorithm as HashAlgorithm),
    digest: fc.uint8Array({
      minLength: DIGEST_BYTES[algorithm]!,
      maxLength: DIGEST_BYTES[algorithm]!,
    }),
  }),
);

describe('content ids', () => {
  it('know the digest length of every algorithm but the unspecified', () => {
    const named = Object.values(HashAlgorithm).filter((value) => typeof value === 'number');
    assert.deepEqual(
      algorithms,
      named.filter((value) => value !== HashAlgorithm.UNSPECIFIED),
    );
    const nodeNames: Record<number, string> = {
      [HashAlgorithm.SHA1]: 'sha1',
      [HashAlgorithm.SHA256]: 'sha256',
      [HashAlgorithm.SHA384]: 'sha384',
      [HashAlgorithm.SHA512]: 'sha512',
      [HashAlgorithm.MANIFEST_SHA256]: 'sha256',
    };
    for (const algorithm of algorithms)
      assert.equal(DIGEST_BYTES[algorithm], createHash(nodeNames[algorithm]!).digest().length);
  });

  it('are written in hex as Node does', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        assert.equal(toHex(bytes), Buffer.from(bytes).toString('hex'));
      }),
    );
  });

  it('are read and written as the golden vectors say', () => {
    const seen = { ids: 0, others: 0 };
    for (const vector of JSON.parse(readFileSync(VECTORS, 'utf8')) as readonly TextVector[]) {
      const { name, text, json, canonical = true } = vector;
      const id = parseContentId(text);
      if (json === undefined) {
        assert.equal(typeof id, 'string', name);
        seen.others++;
        continue;
      }
      assert.ok(typeof id === 'object', name);
      const { algorithm, digest } = fromJson(ContentIdSchema, json as JsonValue);
      assert.equal(contentKey(id), contentKey({ algorithm: algorithm as number, digest }), name);
      assert.equal(formatContentId(id) === text, canonical, name);
      seen.ids++;
    }
    assert.deepEqual(seen, { ids: 7, others: 16 });
  });

  it('can be had back from their keys', () => {
    fc.assert(
      fc.property(contentId, ({ algorithm, digest }) => {
        const { algorithm: a, digest: d } = keyContent(contentKey({ algorithm, digest }));
        assert.deepEqual([a, [...d]], [algorithm, [...digest]]);
      }),
    );
  });

  it('have equal keys only if algorithm and digest are equal', () => {
    fc.assert(
      fc.property(contentId, contentId, (a, b) => {
        assert.equal(contentKey(a), contentKey({ ...a, digest: a.digest.slice() }));
        const same = a.algorithm === b.algorithm && !Buffer.compare(a.digest, b.digest);
        assert.equal(contentKey(a) === contentKey(b), same);
        const flipped = a.digest.slice();
        flipped[flipped.length - 1]! ^= 1;
        assert.notEqual(contentKey(a), contentKey({ ...a, digest: flipped }));
      }),
    );
    const digest = new Uint8Array(32);
    assert.notEqual(
      contentKey({ algorithm: HashAlgorithm.SHA256, digest }),
      contentKey({ algorithm: HashAlgorithm.MANIFEST_SHA256, digest }),
    );
  });
});
