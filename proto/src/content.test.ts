import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { contentKey, DIGEST_BYTES, HashAlgorithm, keyContent, toHex } from './index.ts';

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
