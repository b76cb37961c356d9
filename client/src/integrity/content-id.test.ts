import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { formatContentId, HashAlgorithm } from '@zauberflote/proto';
import fc from 'fast-check';
import { ZfError } from '../errors.ts';
import { parseContentId } from './content-id.ts';

describe('parseContentId', () => {
  it("reads the paper's SHA-1, in either case and with white space around", () => {
    const hex = createHash('sha1').update('zauberflöte').digest('hex');
    for (const text of [hex, hex.toUpperCase(), ` ${hex}\n`]) {
      const { algorithm, digest } = parseContentId(text);
      assert.equal(algorithm, HashAlgorithm.SHA1);
      assert.equal(Buffer.from(digest).toString('hex'), hex);
    }
  });

  it('reads the Subresource Integrity forms', () => {
    for (const name of ['sha256', 'sha384', 'sha512']) {
      const expected = createHash(name).update('zauberflöte').digest();
      const { algorithm, digest } = parseContentId(`${name}-${expected.toString('base64')}`);
      assert.equal(algorithm, HashAlgorithm[name.toUpperCase() as keyof typeof HashAlgorithm]);
      assert.deepEqual(Buffer.from(digest), expected);
    }
  });

  it('reads the ids of manifests, all of base64url', () => {
    const texts = Array.from({ length: 50 }, (_, i) =>
      createHash('sha256').update(`${i}`).digest(),
    );
    for (const expected of texts) {
      const { algorithm, digest } = parseContentId(` zf1-${expected.toString('base64url')} `);
      assert.equal(algorithm, HashAlgorithm.MANIFEST_SHA256);
      assert.deepEqual(Buffer.from(digest), expected);
    }
    const used = texts.map((digest) => digest.toString('base64url')).join('');
    assert.ok(used.includes('-') && used.includes('_'), 'none had what base64 has not');
  });

  it('gives equal keys to equal ids only', () => {
    const sha256 = createHash('sha256').update('a').digest();
    assert.notEqual(
      parseContentId(`zf1-${sha256.toString('base64url')}`).key,
      parseContentId(`sha256-${sha256.toString('base64')}`).key,
    );
    const keys = ['a', 'b'].flatMap((text) =>
      ['sha256', 'sha512'].map(
        (name) => parseContentId(`${name}-${createHash(name).update(text).digest('base64')}`).key,
      ),
    );
    assert.equal(new Set(keys).size, 4);
    const hex = createHash('sha1').update('a').digest('hex');
    assert.equal(parseContentId(hex).key, parseContentId(hex.toUpperCase()).key);
  });

  it('says what is wrong with anything else', () => {
    const sha256 = createHash('sha256').update('a').digest('base64');
    for (const [text, why] of [
      ['', /40 hex digits/],
      ['da39a3ee', /40 hex digits/],
      [`md5-${sha256}`, /40 hex digits/],
      [`sha512-${sha256}`, /64 bytes, not 32/],
      ['sha256-AAAA', /32 bytes, not 3/],
      ['sha256-A', /32 bytes, not garbage/],
      ['zf1-AAAA', /43 characters of base64url/],
      [`zf1-${sha256}`, /43 characters of base64url/],
      [`zf1-${'A'.repeat(42)}B`, /43 characters of base64url/],
      [`zf1-${'A'.repeat(42)}+`, /43 characters of base64url/],
      [`zf1-${'A'.repeat(44)}`, /43 characters of base64url/],
      [`${sha256.repeat(9)}`, /\.\.\."/],
    ] as const)
      assert.throws(
        () => parseContentId(text),
        (error: unknown) =>
          error instanceof ZfError && error.code === 'bad-hash' && why.test(error.message),
        text,
      );
  });

  it('never throws anything but ZfError', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string().map((tail) => `sha256-${tail}`),
      fc.base64String().map((tail) => `sha384-${tail}`),
      fc.stringMatching(/^zf1-[\w+/=-]{40,44}$/),
    );
    fc.assert(
      fc.property(text, (value) => {
        try {
          parseContentId(value);
        } catch (error) {
          assert.ok(error instanceof ZfError, String(error));
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('formatContentId', () => {
  it('is the inverse of parseContentId', () => {
    for (const name of ['sha256', 'sha384', 'sha512']) {
      const text = `${name}-${createHash(name).update('x').digest('base64')}`;
      assert.equal(formatContentId(parseContentId(text)), text);
    }
    const hex = createHash('sha1').update('x').digest('hex');
    assert.equal(formatContentId(parseContentId(hex)), hex);
    for (let i = 0; i < 50; i++) {
      const text = `zf1-${createHash('sha256').update(`${i}`).digest('base64url')}`;
      assert.equal(formatContentId(parseContentId(text)), text);
    }
  });
});
