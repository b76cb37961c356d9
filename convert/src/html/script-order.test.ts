import assert from 'node:assert/strict';
import { MemorySite } from './testing/pages.ts';

const LONG = '/* long enough to be marked */';
const site = new MemorySite({
  'lib.js': `globalThis.lib = 1; ${LONG}`,
  'app.js': `lib; ${LONG}`,
  'tiny.js': 'lib',
  'waits.js': `addEventListener('DOMContentLoaded', f); ${LONG}`,
  'asks.js': `if (document.readyState === 'loading') addEventListener('DOMContentLoaded', f); ${LONG}`,
  'writes.js': `document.write('<p>'); ${LONG}`,
  'looks.js': `document.currentScript.src; ${LONG}`,
  'imports.js': `import x from './x.js'; ${LONG}`,
  'later.js': `import('/x.js'); ${LONG}`,
  'meta.js': `import.meta.url; ${LONG}`,
  'bare.js': `import x from 'x'; ${LONG}`,
});

/** The files that are marked in a page. */
async function marked(html: string): Promise<string> {
  const { marks } = await site.convert(`<!doctype html><body>${html}`, { minSize: 20 });
  return marks.map(({ path }) => path.replace('.js', '')).join(' ');
}

const tag = (name: string, attributes = '') => `<script ${attributes} src="${name}.js"></script>`;

describe('Scripts', () => {
  for (const [what, html, expected] of [
    ['all of them, in order', tag('lib') + tag('app'), 'lib app'],
    ['small ones behind large ones, too', tag('lib') + tag('tiny'), 'lib tiny'],
    ['no small ones before large ones', tag('tiny') + tag('lib'), 'lib'],
    ['none before an inline script', `${tag('lib')}<script>lib</script>`, ''],
    ['those behind an inline script', `<script>var a</script>${tag('lib')}`, 'lib'],
    [
      'none where an inline script waits for the page',
      `<script>onload = f</script>${tag('lib')}`,
      '',
    ],
    ['data is no script', `${tag('lib')}<script type="application/ld+json">{}</script>`, 'lib'],
    ['none before one of another host', `${tag('lib')}<script src="//x/y.js"></script>`, ''],
    ['deferred ones behind it', `${tag('lib', 'defer')}<script src="//x/y.js"></script>`, 'lib'],
    [
      'no deferred one before an inline module',
      `${tag('lib', 'defer')}<script type=module>lib</script>`,
      '',
    ],
    ['no ordered one before an async one', `${tag('lib')}${tag('app', 'async')}`, 'app'],
    [
      'none where an element calls something when it is there',
      `<img onload="f()">${tag('lib')}`,
      '',
    ],
    ['async ones anyhow', `${tag('lib', 'async')}<script>x</script>`, 'lib'],
    ['none that waits for an event that may be over', tag('waits', 'async'), ''],
    ['one that asks whether it is over', tag('asks'), 'asks'],
    ['none that writes into the page', tag('writes'), ''],
    ['none that looks for its address', tag('looks'), ''],
    ['no module with relative imports', tag('imports', 'type=module'), ''],
    ['no script that imports by a path later', tag('later'), ''],
    ['no module that looks at its address', tag('meta', 'type=module'), ''],
    ['a module with names of an import map', tag('bare', 'type=module'), 'bare'],
    ['none for browsers without modules', tag('lib', 'nomodule'), ''],
    ['none that stays, so none before it', tag('lib') + tag('writes'), ''],
  ] as const)
    it(`are marked so that the page does the same: ${what}`, async () =>
      assert.equal(await marked(html), expected));
});
