import assert from 'node:assert/strict';
import { createHash, webcrypto } from 'node:crypto';
import { encodeManifest } from '@zauberflote/proto';
import { ZfError } from '../errors.ts';
import { parseContentId } from './content-id.ts';
import { type HashLibrary, Verifier } from './digest.ts';
import { parseManifest } from './manifest.ts';

const library = (): Promise<HashLibrary> => import('../hash-library.ts');
const never = () => Promise.reject(new Error('must not be loaded'));

/** Ids of the same bytes under every algorithm, by another implementation. */
function idsOf(data: Uint8Array): string[] {
  const sri = ['sha256', 'sha384', 'sha512'].map(
    (name) => `${name}-${createHash(name).update(data).digest('base64')}`,
  );
  const zf1 = `zf1-${createHash('sha256').update(data).digest('base64url')}`;
  return [createHash('sha1').update(data).digest('hex'), ...sri, zf1];
}

const SIZES = [0, 1, 55, 56, 63, 64, 111, 112, 127, 128, 1000, 100_000];

for (const [name, make] of [
  ['crypto.subtle', () => new Verifier(webcrypto.subtle as SubtleCrypto, never)],
  ['the hash library', () => new Verifier(undefined, library)],
] as const)
  describe(`Verifier with ${name}`, () => {
    it('knows the right bytes from others under every algorithm', async () => {
      const verifier = make();
      await verifier.ready();
      for (const size of SIZES) {
        const data = Uint8Array.from({ length: size }, (_, i) => (i * 7 + size) & 255);
        const other = Uint8Array.from([...data, 0]);
        for (const id of idsOf(data)) {
          assert.equal(await verifier.matches(parseContentId(id), data), true, `${id} ${size}`);
          assert.equal(await verifier.matches(parseContentId(id), other), false, `${id} ${size}`);
        }
      }
    });

    it('knows the chunks of a manifest, each in its place and of its size', async () => {
      const verifier = make();
      const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest();
      const data = Uint8Array.from({ length: 250 }, (_, i) => i);
      const chunks = [data.slice(0, 100), data.slice(100, 200), data.slice(200)];
      const manifest = parseManifest(
        encodeManifest({
          size: 250n,
          chunkSize: 100,
          chunkSha256: Buffer.concat(chunks.map(sha256)),
          sha256: sha256(data),
        }),
      );
      for (const [index, expected] of chunks.entries())
        for (const chunk of chunks)
          assert.equal(
            await verifier.matchesChunk(manifest, index, chunk),
            chunk === expected,
            `${index}`,
          );
      for (const [index, chunk] of [
        [0, data.slice(0, 99)],
        [2, data.slice(199)],
        [2, new Uint8Array()],
        [3, new Uint8Array()],
        [3, data.slice(0, 50)],
      ] as const)
        assert.equal(await verifier.matchesChunk(manifest, index, chunk), false);
      const bad = Uint8Array.from(chunks[1]!, (byte, i) => (i === 50 ? byte ^ 1 : byte));
      assert.equal(await verifier.matchesChunk(manifest, 1, bad), false);
      assert.deepEqual(Buffer.from(await verifier.sha256(data)), sha256(data));
    });
  });

describe('Verifier without crypto.subtle', () => {
  it('loads the library once, and again only after a failure', async () => {
    let loads = 0;
    const verifier = new Verifier(undefined, async () => {
      if (++loads === 1) throw new Error('404');
      return library();
    });
    await assert.rejects(verifier.ready(), (error: unknown) => {
      assert.ok(error instanceof ZfError);
      assert.equal(error.code, 'no-hash-library');
      assert.match(error.message, /zauberflote-hash\.mjs/);
      return true;
    });
    await Promise.all([verifier.ready(), verifier.ready()]);
    await verifier.ready();
    assert.equal(loads, 2);
  });

  it('takes nothing for right under an algorithm it does not have', async () => {
    const id = { algorithm: 99, digest: new Uint8Array() };
    assert.equal(await new Verifier(undefined, library).matches(id, new Uint8Array()), false);
  });
});
