import assert from 'node:assert/strict';
import { createHash, webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import { encodeManifest, ProtocolError } from '@zauberflote/proto';
import { ManifestSchema } from '@zauberflote/proto/full';
import fc from 'fast-check';
import { frameOf } from '../../../proto/testdata/types.ts';
import { parseContentId } from './content-id.ts';
import { Verifier } from './digest.ts';
import { parseManifest, rebuildManifests } from './manifest.ts';
import { MAX_MANIFESTS, Manifests } from './manifests.ts';

const VECTORS = new URL('../../../proto/testdata/manifest.json', import.meta.url);
const never = () => Promise.reject(new Error('must not be loaded'));
const verifier = new Verifier(webcrypto.subtle as SubtleCrypto, never);
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest();
const idOf = (manifest: Uint8Array) =>
  parseContentId(`zf1-${sha256(manifest).toString('base64url')}`);

/** The manifest of a file of `seed` that fits into one chunk. */
function manifestOf(seed: number): Uint8Array<ArrayBuffer> {
  const hash = sha256(Buffer.from(`${seed}`));
  return encodeManifest({ size: 1n, chunkSize: 1, chunkSha256: hash, sha256: hash });
}

describe('parseManifest', () => {
  it('reads the golden vectors, and says what is wrong with the broken ones', () => {
    let broken = 0;
    for (const { hex, json, why } of JSON.parse(readFileSync(VECTORS, 'utf8'))) {
      const bytes = frameOf(hex);
      if (why) {
        broken++;
        assert.throws(() => parseManifest(bytes), ProtocolError, why);
        continue;
      }
      const manifest = parseManifest(bytes);
      assert.equal(manifest.bytes, bytes);
      assert.equal(manifest.size, Number(json.size ?? 0));
      assert.equal(manifest.chunkSize, json.chunkSize);
      assert.equal(manifest.count, manifest.chunkSha256.length / 32);
      assert.equal(manifest.mediaType, json.mediaType ?? '');
      assert.equal(Buffer.from(manifest.sha256).toString('base64'), json.sha256);
    }
    assert.ok(broken > 10, `only ${broken} broken vectors`);
  });

  it('takes no garbage', () => {
    for (const text of ['', '<!doctype html><title>Not found</title>', 'x'.repeat(3_000_000)])
      assert.throws(() => parseManifest(Buffer.from(text)), ProtocolError);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        assert.throws(() => parseManifest(bytes as Uint8Array<ArrayBuffer>), ProtocolError);
      }),
    );
  });
});

describe('rebuildManifests', () => {
  it('gives the hashes of the file and its chunks, for each media type', async () => {
    for (const size of [0, 1, 16_384, 16_385, 1_048_576, 1_048_577]) {
      const data = Uint8Array.from({ length: size }, (_, i) => i % 251);
      const types = ['image/png', ''];
      const manifests = await rebuildManifests(data, types, verifier);
      assert.equal(manifests.length, 2);
      for (const [i, bytes] of manifests.entries()) {
        const manifest = fromBinary(ManifestSchema, bytes);
        const { chunkSize } = manifest;
        assert.equal(chunkSize, size > 1_048_576 ? 32_768 : 16_384);
        assert.equal(manifest.size, BigInt(size));
        assert.equal(manifest.mediaType, types[i]);
        assert.deepEqual(Buffer.from(manifest.sha256), sha256(data));
        const chunks = Array.from({ length: Math.ceil(size / chunkSize) }, (_, n) =>
          sha256(data.subarray(n * chunkSize, (n + 1) * chunkSize)),
        );
        assert.deepEqual(Buffer.from(manifest.chunkSha256), Buffer.concat(chunks));
        assert.equal(parseManifest(bytes).count, chunks.length);
      }
    }
  });
});

describe('Manifests', () => {
  it('finds what was added, by its hash', async () => {
    const manifests = new Manifests(verifier);
    for (let i = 0; i < 3; i++) manifests.add(manifestOf(i));
    const found = await Promise.all([0, 1, 2, 3].map((i) => manifests.get(idOf(manifestOf(i)))));
    for (let i = 0; i < 3; i++) assert.deepEqual(found[i]?.bytes, manifestOf(i));
    assert.equal(found[3], undefined);
    manifests.add(manifestOf(3));
    assert.deepEqual((await manifests.get(idOf(manifestOf(3))))?.bytes, manifestOf(3));
  });

  it('has none for ids of other kinds, nor for what is no manifest', async () => {
    const manifests = new Manifests(verifier);
    const garbage = Buffer.from('garbage');
    manifests.add(garbage);
    manifests.add(manifestOf(1));
    const digest = sha256(manifestOf(1)).toString('base64');
    assert.equal(await manifests.get(parseContentId(`sha256-${digest}`)), undefined);
    assert.equal(await manifests.get(idOf(garbage)), undefined);
  });

  it('hashes each once, when first asked', async () => {
    let hashed = 0;
    const counting = new Verifier(undefined, async () => {
      const hash = (data: Uint8Array) => {
        hashed++;
        return sha256(data);
      };
      return { sha1: hash, sha256: hash, sha384: hash, sha512: hash };
    });
    const manifests = new Manifests(counting);
    for (let i = 0; i < 3; i++) manifests.add(manifestOf(i));
    assert.equal(hashed, 0);
    await Promise.all([manifests.get(idOf(manifestOf(0))), manifests.get(idOf(manifestOf(2)))]);
    await manifests.get(idOf(manifestOf(1)));
    assert.equal(hashed, 3);
  });

  it('forgets nothing when the hash library is missing for a while', async () => {
    let loads = 0;
    const manifests = new Manifests(
      new Verifier(undefined, async () => {
        if (++loads === 1) throw new Error('404');
        return import('../hash-library.ts');
      }),
    );
    manifests.add(manifestOf(1));
    await assert.rejects(manifests.get(idOf(manifestOf(1))), { code: 'no-hash-library' });
    assert.ok(await manifests.get(idOf(manifestOf(1))));
  });

  it('keeps the latest, whichever is hashed first', async () => {
    const delayed = new Verifier(
      {
        digest: async (algorithm: string, data: BufferSource) => {
          const digest = await crypto.subtle.digest(algorithm, data);
          // The first takes longest.
          if (hashes++ === 0) await new Promise((resolve) => setTimeout(resolve, 50));
          return digest;
        },
      } as unknown as SubtleCrypto,
      () => assert.fail('not needed'),
    );
    let hashes = 0;
    const manifests = new Manifests(delayed);
    for (let i = 0; i < MAX_MANIFESTS; i++) manifests.add(manifestOf(i));
    assert.ok(await manifests.get(idOf(manifestOf(0))));
    manifests.add(manifestOf(MAX_MANIFESTS));
    assert.equal(await manifests.get(idOf(manifestOf(0))), undefined);
    assert.ok(await manifests.get(idOf(manifestOf(1))));
  });

  for (const [name, pause] of [
    ['before they are hashed', MAX_MANIFESTS + 1],
    ['after', 500],
  ] as const)
    it(`keeps the latest, ${name}`, async () => {
      const manifests = new Manifests(verifier);
      for (let i = 0; i <= MAX_MANIFESTS; i++) {
        manifests.add(manifestOf(i));
        if (i % pause === pause - 1) await manifests.get(idOf(manifestOf(i)));
      }
      assert.equal(await manifests.get(idOf(manifestOf(0))), undefined);
      for (const i of [1, MAX_MANIFESTS])
        assert.ok(await manifests.get(idOf(manifestOf(i))), `${i}`);
    });
});
