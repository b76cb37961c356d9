import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { encodeManifest } from '@zauberflote/proto';
import { TestPage } from './testing/browser.ts';

const sha256 = (data: Uint8Array | string) => createHash('sha256').update(data).digest();

/** A manifest with so many chunks; of no file. */
function manifest(chunks: number): Buffer {
  const chunkSha256 = Buffer.concat(Array.from({ length: chunks }, (_, i) => sha256(`${i}`)));
  const size = BigInt(chunks);
  return Buffer.from(encodeManifest({ size, chunkSize: 1, chunkSha256, sha256: sha256('') }));
}

const script = (text: string, attributes = '') =>
  `<script type="application/zauberflote-manifest" ${attributes}>${text}</script>`;
const inline = (chunks: number) => script(manifest(chunks).toString('base64'));
const id = (chunks: number) => `zf1-${sha256(manifest(chunks)).toString('base64url')}`;

describe('manifests in the page', () => {
  const page = new TestPage();
  const known = (scope = 'globalThis') =>
    page.get<string[]>(`Promise.all(${scope}.downloads.manifests)`);
  const messages = () => page.get<string[]>('messages');

  it('are found once each, in head and body, with white space in them', async () => {
    const wrapped = manifest(2).toString('base64').replace(/.{20}/g, '$&\n  ');
    await page.open(
      `<p>${script(`\n${wrapped}\t`)}<img ${page.site.mark('/red.png')}><p>${inline(3)}`,
      `${inline(1)}<script src="/zf.js"></script>`,
    );
    await page.until("document.readyState === 'complete'");
    await page.get('injector.inject(document)');
    assert.deepEqual(await known(), [id(1), id(2), id(3)]);
    assert.deepEqual(await messages(), []);
  });

  it('are found when they are added later, and before the elements added with them', async () => {
    await page.open('<div id="box"></div>');
    const added = `<img ${page.site.mark('/red.png')}><p>${inline(4)}</p>`;
    await page.get(
      `(() => { const { download } = downloads;
         downloads.download = (...args) => {
           globalThis.knownAtStart = downloads.manifests.length;
           return download.apply(downloads, args);
         };
         box.innerHTML = '${added}' })()`,
    );
    await page.until('globalThis.knownAtStart !== undefined');
    assert.equal(await page.get('knownAtStart'), 1);
    await page.get(`box.insertAdjacentHTML('beforeend', '${inline(5)}')`);
    await page.settle();
    assert.deepEqual(await known(), [id(4), id(5)]);
  });

  it('are found in a shadow tree that is given', async () => {
    await page.open(`<div id="host"><template shadowrootmode="open">${inline(6)}</template></div>`);
    await page.get("injector.inject(document.getElementById('host').shadowRoot)");
    assert.deepEqual(await known(), [id(6)]);
  });

  it('are ignored when they are garbage, with one warning that names the element', async () => {
    await page.open(
      `${script('not base64!', 'id="a"')}${script('', 'id="b"')}${inline(7)}` +
        script(manifest(9).subarray(0, -1).toString('base64'), 'id="c"'),
    );
    await page.until("document.readyState === 'complete'");
    await page.get('injector.inject(document)');
    assert.deepEqual(await known(), [id(7)]);
    const warnings = await messages();
    assert.equal(warnings.length, 3, warnings.join('\n'));
    for (const [i, name] of ['a', 'b', 'c'].entries())
      assert.match(
        warnings[i]!,
        new RegExp(`^warn: .*<script id="${name}"> is ignored.*zauberflote-manifest prints$`),
      );
  });

  for (const [name, meanwhile] of [
    ['are waited for when they come in two parts', ''],
    [
      'are waited for though a script puts something behind the first part',
      "frames[0].document.head.append(frames[0].document.createElement('script'))",
    ],
  ] as const)
    it(name, async () => {
      const head = `<!doctype html><script src="/zf.js"></script>${inline(1)}`;
      const body = `${head}${inline(50)}<img ${page.site.mark('/red.png')}>`;
      page.site.put('/slow', 'text/html', body);
      page.site.hold('/slow', head.length + 1000);
      await page.open('');
      await page.get(`(() => { document.body.innerHTML = '<iframe src="/slow"></iframe>' })()`);
      const last = "frames[0].document.querySelector('script:last-of-type')";
      await page.until(`frames[0].downloads && ${last}?.textContent.length > 500`);
      if (meanwhile) await page.get(`(() => { ${meanwhile} })()`);
      await page.get('new Promise((resolve) => frames[0].setTimeout(resolve))');
      assert.deepEqual(await known('frames[0]'), [id(1)]);
      page.site.release('/slow');
      await page.until("frames[0].document.readyState === 'complete'");
      await page.until('frames[0].downloads.started.length === 1');
      assert.deepEqual(await known('frames[0]'), [id(1), id(50)]);
      assert.deepEqual(await page.get('frames[0].messages'), []);
    });
});
