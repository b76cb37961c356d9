import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { Unsupported } from '../net/unsupported.ts';
import { checkScripts, packageFile, scriptBytes } from './scripts.ts';

describe("the clients' scripts", () => {
  it('are compressed further than zlib does, also the one that no build compressed', async () => {
    const path = new URL('dist/webtorrent.min.js', import.meta.resolve('webtorrent/package.json'));
    const zlib = gzipSync(await readFile(fileURLToPath(path)), { level: 9 }).length;
    const bytes = await scriptBytes('<script src="/lib/webtorrent.min.js"></script>');
    assert.ok(bytes > 0.9 * zlib && bytes < 0.99 * zlib, `${bytes} of ${zlib} bytes`);
  });

  it('are told of by name, with the cure, where their package is not installed', () => {
    const files = { 'rival.js': packageFile('no-such-package', 'dist/rival.js') };
    assert.throws(
      () => checkScripts(files),
      (error) =>
        error instanceof Unsupported && /^rival\.js is missing: run npm ci/.test(error.message),
    );
  });
});
