import assert from 'node:assert/strict';
import { createHash, webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import { Verifier } from '@zauberflote/client/src/integrity/digest.ts';
import { rebuildManifests } from '@zauberflote/client/src/integrity/manifest.ts';
import { ProtocolError } from '@zauberflote/proto';
import { ManifestSchema } from '@zauberflote/proto/full';
import fc from 'fast-check';
import { makeManifest } from './index.ts';

const TESTDATA = new URL('../../proto/testdata/', import.meta.url);
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest();

describe('makeManifest', () => {
  it('makes the golden vectors', async () => {
    const vectors = JSON.parse(readFileSync(new URL('manifest.json', TESTDATA), 'utf8'));
    const papageno = readFileSync(new URL('papageno.txt', TESTDATA));
    let made = 0;
    for (const { hex, json, id, canonical } of vectors) {
      if (!json || canonical === false) continue;
      const data = json.size ? papageno : papageno.subarray(0, 0);
      const manifest = await makeManifest([data], data.length, json);
      assert.equal(Buffer.from(manifest.manifest).toString('hex'), hex);
      assert.equal(manifest.id, id);
      made++;
    }
    assert.ok(made >= 4);
  });

  it('is the same in whatever parts the file comes, and true', async () => {
    const file = fc.record({
      data: fc.uint8Array({ maxLength: 500 }),
      cuts: fc.array(fc.nat(500), { maxLength: 8 }),
      chunkSize: fc.integer({ min: 1, max: 600 }),
    });
    await fc.assert(
      fc.asyncProperty(file, async ({ data, cuts, chunkSize }) => {
        const ends = [...cuts.filter((cut) => cut < data.length), data.length].sort(
          (a, b) => a - b,
        );
        const parts = ends.map((end, i) => data.subarray(ends[i - 1] ?? 0, end));
        const made = await makeManifest(parts, data.length, { chunkSize, mediaType: 'a/b' });
        const manifest = fromBinary(ManifestSchema, made.manifest);
        const chunks = Array.from({ length: Math.ceil(data.length / chunkSize) }, (_, i) =>
          sha256(data.subarray(i * chunkSize, (i + 1) * chunkSize)),
        );
        assert.deepEqual(Buffer.from(manifest.chunkSha256), Buffer.concat(chunks));
        assert.deepEqual(Buffer.from(manifest.sha256), sha256(data));
        assert.equal(manifest.size, BigInt(data.length));
        assert.equal(manifest.chunkSize, chunkSize);
        assert.equal(manifest.mediaType, 'a/b');
        assert.equal(made.chunks, chunks.length);
        assert.equal(made.sha256, sha256(data).toString('hex'));
        assert.equal(made.sha1, createHash('sha1').update(data).digest('hex'));
        assert.equal(made.id, `zf1-${sha256(made.manifest).toString('base64url')}`);
      }),
      { numRuns: 300 },
    );
  });

  it('makes what a client makes of the same file', async () => {
    const never = () => Promise.reject(new Error('must not be loaded'));
    const verifier = new Verifier(webcrypto.subtle as SubtleCrypto, never);
    for (const size of [0, 1, 1_048_576, 1_048_577, 5_000_000]) {
      const data = Uint8Array.from({ length: size }, (_, i) => (i * 31) % 256);
      const [rebuilt] = await rebuildManifests(data, ['image/png'], verifier);
      const { manifest } = await makeManifest([data], size, { mediaType: 'image/png' });
      assert.deepEqual(manifest, rebuilt);
    }
  });

  it('refuses what would be no valid manifest', async () => {
    const data = [new Uint8Array(100)];
    await assert.rejects(makeManifest(data, 99), /did not have the 99 bytes/);
    await assert.rejects(makeManifest(data, 101), /did not have the 101 bytes/);
    await assert.rejects(makeManifest(data, 65_537, { chunkSize: 1 }), /65537 chunks of 1 bytes/);
    await assert.rejects(makeManifest(data, 2 ** 41), /of at most 16777216 bytes/);
    await assert.rejects(makeManifest(data, 100, { chunkSize: 16_777_217 }), /at most 16777216/);
    await assert.rejects(makeManifest(data, 100, { mediaType: 'nothing' }), ProtocolError);
  });
});
