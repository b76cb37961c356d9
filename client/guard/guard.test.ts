import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import terserModule from '@rollup/plugin-terser';
import { rollup } from 'rollup';
import { GUARD, guardSnippet } from './guard.ts';

// Its types describe a CommonJS module, Node loads the ES module.
const terser = terserModule as unknown as typeof terserModule.default;

describe('the guard', () => {
  it('is guard.js, minified', async () => {
    const bundle = await rollup({ input: fileURLToPath(new URL('guard.js', import.meta.url)) });
    const { output } = await bundle.generate({
      plugins: [terser({ ecma: 2020, compress: { passes: 3 }, format: { quote_style: 3 } })],
    });
    assert.equal(GUARD, output[0].code.trim(), 'copy the new text into GUARD');
  });

  it('has a few hundred bytes and can stand in a script element', () => {
    assert.ok(GUARD.length < 750, `${GUARD.length} bytes`);
    assert.doesNotMatch(GUARD, /<\/script|<!--/i);
  });

  it('comes with the script element, its URLs escaped', () => {
    const html = guardSnippet('/z.js?a&b', 'wss://t/"x"');
    assert.ok(html.startsWith(`<script>${GUARD}</script>\n`));
    assert.ok(
      html.endsWith(
        '<script src="/z.js?a&amp;b" data-tracker="wss://t/&quot;x&quot;" async></script>',
      ),
    );
  });
});
