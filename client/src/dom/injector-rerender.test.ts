import assert from 'node:assert/strict';
import { $, TestPage } from './testing/browser.ts';

/** What frameworks do to elements that were already given their assets. */
describe('the injection layer under a framework', () => {
  const page = new TestPage();

  it('gives back an address that is taken away, as by morphing and by hydration', async () => {
    const srcset = (path: string) => `data-zf-srcset="${path} ${page.site.hash(path)}"`;
    await page.open(
      `<img id="a" ${page.site.mark('/red.png')}><link id="l" ${page.site.mark('/css/plain.css')}><p id="d"></p>` +
        `<picture><source id="s" ${srcset('/green.png')}><img id="b" ${page.site.mark('/red.png')}></picture>` +
        `<img id="e" ${srcset('/blue.png')}><audio id="m" ${page.site.mark('/s.wav')}></audio>` +
        `<video id="v" data-zf-poster="/red.png ${page.site.hash('/red.png')}"></video>`,
    );
    const shown =
      `${$('a')}.naturalWidth === 2 && ${$('b')}.naturalWidth === 4 && ${$('e')}.naturalWidth === 8 && ` +
      `${$('v')}.poster && getComputedStyle(${$('d')}).color === 'rgb(4, 5, 6)'`;
    await page.until(`${shown} && ${$('m')}.duration`);
    const addresses = `[a.src, l.href, s.srcset, e.srcset, v.poster].join()`;
    const before = await page.get(addresses);
    await page.get(`(() => {
      for (const element of document.querySelectorAll('body *'))
        for (const name of ['src', 'srcset', 'href', 'poster', 'rel']) element.removeAttribute(name);
    })()`);
    await page.until(shown);
    assert.equal(await page.get(addresses), before);
    // Which goes on without: another src would start it over.
    assert.deepEqual(await page.get('[m.hasAttribute("src"), m.duration]'), [false, 0.25]);
    assert.equal(await page.get('downloads.started.length'), 5);
  });
});
