import assert from 'node:assert/strict';
import { $, failed, loaded, TestPage } from './testing/browser.ts';

/** What frameworks do to elements that were already given their assets. */
describe('the injection layer under a framework', () => {
  // Some change a page hundreds of times: a bound for what hangs, not for a machine that is busy.
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

  it('does not hang the page where an observer takes addresses away', async () => {
    await page.open(`<img id="a" ${page.site.mark('/red.png')}>`);
    await page.until(loaded('a'));
    await page.get(`(() => {
      globalThis.taken = 0;
      globalThis.taker = new MutationObserver(() => {
        if (a.hasAttribute('src') && taken++ < 1000) a.removeAttribute('src');
      });
      taker.observe(a, { attributes: true });
      a.removeAttribute('src');
    })()`);
    await page.until('taken > 1');
    assert.ok((await page.get<number>('taken')) < 500);
    await page.get('taker.disconnect()');
    await page.until('a.naturalWidth === 2');
  });

  it('shows nothing old for what cannot be had or is not wanted any more', async () => {
    const poster = `data-zf-poster="/red.png ${page.site.hash('/red.png')}"`;
    await page.open(
      `<img id="a" ${page.site.mark('/red.png')}><img id="b" ${page.site.mark('/green.png')}>` +
        `<img id="c" ${page.site.mark('/blue.png')}><video id="v" ${poster} ${page.site.mark('/s.wav')}></video>`,
    );
    await page.until(
      `['a', 'b', 'c'].every((id) => document.getElementById(id).naturalWidth) && v.duration && v.poster`,
    );
    page.site.hold('/never.js');
    const never = JSON.stringify({ zfHash: page.site.hash('/never.js'), zfFallback: '/never.js' });
    await page.get(`(() => {
      for (const { dataset } of [a, v])
        Object.assign(dataset, { zfFallback: '/gone', zfHash: '${page.site.hash('/never.js')}' });
      Object.assign(c.dataset, ${never});
    })()`);
    await page.requested('/never.js');
    await page.get(`(() => {
      for (const { dataset } of [b, c]) ['zfHash', 'zfFallback'].forEach((name) => delete dataset[name]);
      delete v.dataset.zfPoster;
    })()`);
    await page.until(`${failed('a')} && ${failed('v')}`);
    await page.until('[a, b, c].every(({ naturalWidth }) => !naturalWidth) && v.readyState === 0');
    assert.deepEqual(
      await page.get('[a, b, c, v].flatMap((e) => [e.getAttribute("src"), e.poster || null])'),
      Array(8).fill(null),
    );
    assert.equal(await page.get('urls.size'), 0);
    assert.equal(await page.get('messages.length'), 2);
  });

  it('keeps a picture when a larger one of its choice cannot be had', async () => {
    const entry = (path: string, descriptor: string) =>
      `${path} ${page.site.hash('/red.png')} ${descriptor}`;
    await page.open(
      `<picture><source id="s" media="(max-width: 1px)" data-zf-srcset="${entry('/gone', '1x').replace(/sha256-.{5}/, 'sha256-AAAAA')}">` +
        `<img id="a" ${page.site.mark('/red.png')}></picture>`,
    );
    await page.until(loaded('a'));
    await page.get(`(() => { s.media = 'all'; dispatchEvent(new Event('resize')) })()`);
    await page.until(failed('a'));
    assert.equal(await page.get('a.naturalWidth'), 2);
  });

  it('shows again what was shown before, whatever the element was used for meanwhile', async () => {
    page.site.hold('/blue.png');
    await page.open(
      `<img id="a" ${page.site.mark('/red.png')}><img id="b" ${page.site.mark('/green.png')}>`,
    );
    await page.until(`${loaded('a')} && ${loaded('b')}`);
    const mark = (path: string) =>
      JSON.stringify({ zfHash: page.site.hash(path), zfFallback: path });
    await page.get(`(() => {
      Object.assign(a.dataset, ${mark('/blue.png')});
      ['zfHash', 'zfFallback'].forEach((name) => delete b.dataset[name]);
    })()`);
    await page.requested('/blue.png');
    // As a list does that uses its rows again.
    await page.get('(() => { globalThis.row = a; row.remove() })()');
    await page.until('!row.hasAttribute("src") && !b.hasAttribute("src")');
    await page.get(`(() => {
      Object.assign(row.dataset, ${mark('/red.png')});
      Object.assign(b.dataset, ${mark('/green.png')});
      document.body.append(row);
    })()`);
    await page.until('a.naturalWidth === 2 && b.naturalWidth === 4');
  });

  it('leaves scripts that ran as the server wrote them, and a copy of one runs', async () => {
    const script = `<script id="s" ${page.site.mark('/b.js')}></script>`;
    await page.open(`<div id="box">${script}</div>`);
    await page.until(`ran.length === 1 && !s.hasAttribute('src')`);
    assert.equal(await page.get('s.outerHTML'), script);
    // As Turbo does with a page that it kept.
    await page.get(`(() => {
      const copy = document.createElement('script');
      for (const { name, value } of s.attributes) copy.setAttribute(name, value);
      s.remove();
      box.append(copy);
    })()`);
    await page.until('ran.length === 2');
    assert.deepEqual(await page.get('events.filter(({ type }) => type === "error")'), []);
  });

  it('chooses again when sizes or media are changed', async () => {
    const entry = (path: string, descriptor = '') =>
      `${path} ${page.site.hash(path)} ${descriptor}`;
    await page.open(
      `<img id="a" sizes="2px" data-zf-srcset="${entry('/red.png', '2w')}, ${entry('/blue.png', '800w')}">` +
        `<picture><source id="s" media="(max-width: 1px)" data-zf-srcset="${entry('/blue.png')}">` +
        `<img id="b" ${page.site.mark('/green.png')}></picture>`,
    );
    await page.until(`${loaded('a')} && ${loaded('b')}`);
    assert.equal(await page.get('b.naturalWidth'), 4);
    await page.get(`(() => { a.sizes = '800px'; s.media = 'all' })()`);
    await page.until('/800w$/.test(a.srcset) && b.naturalWidth === 8');
  });

  it('treats pictures that were out of the page for a while like others', async () => {
    const entry = (path: string, descriptor: string) =>
      `${path} ${page.site.hash(path)} ${descriptor}`;
    await page.open(
      `<div id="box"><img id="a" ${page.site.mark('/red.png')}><img id="b" ${page.site.mark('/green.png')}>` +
        `<img id="c" sizes="2px" data-zf-srcset="${entry('/red.png', '2w')}, ${entry('/blue.png', '800w')}">` +
        `<img id="d" ${page.site.mark('/blue.png')}></div>`,
    );
    await page.until(
      `['a', 'b', 'c', 'd'].every((id) => events.some((e) => e.type === 'load' && e.id === id))`,
    );
    await page.get('(() => { globalThis.kept = box; kept.remove() })()');
    await page.settle();
    await page.get('(() => { events.length = 0; document.body.append(kept) })()');
    await page.settle();
    assert.deepEqual(await page.get('[events, [a, b, c, d].map((e) => e.naturalWidth)]'), [
      [],
      [2, 4, 2, 8],
    ]);
    await page.get(`(() => {
      a.removeAttribute('src');
      ['zfHash', 'zfFallback'].forEach((name) => delete b.dataset[name]);
      c.sizes = '800px';
      Object.assign(d.dataset, { zfFallback: '/gone', zfHash: '${page.site.hash('/never.js')}' });
    })()`);
    await page.until(`/800w$/.test(c.srcset) && ${failed('d')}`);
    await page.until('String([a, b, d].map((e) => e.naturalWidth)) === "2,0,0"');
    await page.get('kept.remove()');
    await page.get(
      `until(async () => (kept = undefined, await gc({ execution: 'async' }), urls.size === 0))`,
    );
  });

  it('shows all of thousands that are added at once, and downloads some hundreds at a time', async () => {
    const svg = (i: number) =>
      `<svg xmlns="http://www.w3.org/2000/svg" width="${i + 1}" height="1"/>`;
    const paths = Array.from({ length: 400 }, (_, i) => `/many${i}.svg`);
    for (const [i, path] of paths.entries()) {
      page.site.put(path, 'image/svg+xml', svg(i));
      if (i < 256) page.site.hold(path);
    }
    await page.open('<div id="box"></div>');
    await page.get(
      `void (box.innerHTML = ${JSON.stringify(paths.map((path) => `<img ${page.site.mark(path)}>`).join(''))})`,
    );
    await page.settle();
    const [started, why] = await page.get<[number, string]>(
      "[downloads.started.length, messages.slice(0, 3).join('\\n')]",
    );
    assert.equal(started, 256, why);
    // Those that are gone when it is their turn are not asked for.
    await page.get('(() => { for (let i = 0; i < 50; i++) box.lastChild.remove() })()');
    for (const path of paths.slice(0, 256)) page.site.release(path);
    await page.until('[...box.children].every((e, i) => e.naturalWidth === i + 1)');
    assert.ok(!page.site.requests.includes('/many399.svg'));
  });

  it('leaves a picture as it is that is taken out by its load handler', async () => {
    await page.open(
      `<p id="box"><img id="a" onload="globalThis.taken = a; queueMicrotask(() => box.remove())" ${page.site.mark('/red.png')}></p>`,
    );
    await page.until('globalThis.taken && !taken.isConnected');
    await page.get('new Promise((resolve) => setTimeout(resolve, 50))');
    assert.equal(await page.get('taken.decode().then(() => taken.naturalWidth)'), 2);
  });

  it('keeps nothing of pictures that are gone, loaded or not, or that it asked the browser about', async () => {
    await page.open('');
    await page.get(`(async () => {
      globalThis.refs = [];
      const create = document.createElement.bind(document);
      document.createElement = (name) => {
        const element = create(name);
        refs.push(new WeakRef(element));
        return element;
      };
      for (const mark of ${JSON.stringify([
        page.site.mark('/red.png'),
        `data-zf-srcset="/green.png ${page.site.hash('/green.png')} 4w"`,
      ])})
        for (const isLoaded of [true, false]) {
          const box = document.createElement('div');
          box.innerHTML = '<img ' + mark + '>';
          const [image] = box.children;
          document.body.append(box);
          await until(() => (isLoaded ? image.naturalWidth > 0 : image.src || image.srcset));
          box.remove();
        }
    })()`);
    await page.get(
      `until(async () => (await gc({ execution: 'async' }), refs.length > 4 && refs.every((ref) => !ref.deref())))`,
    );
    assert.equal(await page.get('urls.size'), 0);
  });

  it('gives back more than once what was out of the page, or stayed because nothing better was to be had', async () => {
    const gone = `/gone ${page.site.hash('/never.js')}`;
    await page.open(
      `<div id="box"><img id="a" ${page.site.mark('/red.png')}></div><picture>` +
        `<source id="s" media="(max-width: 1px)" data-zf-srcset="${gone}"><img id="b" ${page.site.mark('/green.png')}></picture>`,
    );
    await page.until(`${loaded('a')} && ${loaded('b')}`);
    await page.get('(() => { globalThis.kept = a; kept.remove() })()');
    await page.settle();
    await page.get(`(() => { box.append(kept); s.media = 'all' })()`);
    await page.until(failed('b'));
    for (let time = 0; time < 2; time++) {
      await page.get(`(() => { for (const e of [a, b]) e.removeAttribute('src') })()`);
      await page.until('a.naturalWidth === 2 && b.naturalWidth === 4');
    }
  });

  it('chooses again only for what was changed', async () => {
    const srcset = `data-zf-srcset="/red.png ${page.site.hash('/red.png')} 2w"`;
    await page.open(`<img id="a" sizes="2px" ${srcset}><img id="b"><style id="c"></style>`);
    await page.until(loaded('a'));
    await page.get(`(() => {
      globalThis.probes = 0;
      const make = document.createElement;
      document.createElement = (name) => (probes++, make.call(document, name));
      b.sizes = '9px';
      c.media = 'print';
    })()`);
    await page.get('new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))');
    assert.equal(await page.get('probes'), 0);
  });

  it('updates what the guard filled in part when another part is changed', async () => {
    const source = `<source id="s" media="(max-width: 1px)" data-zf-srcset="/red.png ${page.site.hash('/red.png')}">`;
    const picture = `<picture>${source}<img id="a" ${page.site.mark('/red.png')}></picture>`;
    await page.open('<div id="box"></div>');
    await page.get(`(() => {
      box.innerHTML = ${JSON.stringify(picture)};
      for (const e of [s, a]) e.zf = [e.dataset.zfFallback, e.dataset.zfSrcset, undefined].join();
      a.src = '/red.png';
    })()`);
    await page.settle();
    assert.equal(await page.get('a.getAttribute("src")'), '/red.png');
    const next = JSON.stringify({ zfHash: page.site.hash('/blue.png'), zfFallback: '/blue.png' });
    await page.get(`void Object.assign(a.dataset, ${next})`);
    await page.until('a.naturalWidth === 8');
  });

  it('shows what is wanted in the end, and keeps no URL, whatever a page did (any seed)', async () => {
    const files = ['/red.png', '/green.png', '/blue.png', '/a.svg'];
    const marks = files.map((path) => [path, page.site.hash(path)]);
    const gone = ['/gone', page.site.hash('/never.js')];
    await page.open('<div id="box"></div>');
    for (const seed of [1, 2, 3]) {
      await page.get(`(async () => {
        let state = ${seed};
        const random = (n) => (state = (state * 1103515245 + 12345) & 0x7fffffff, (state >> 8) % n);
        const [marks, widths] = [${JSON.stringify(marks)}, [2, 4, 8, 7]];
        const source = '<source media="(max-width: 1px)" data-zf-srcset="' + marks[3].join(' ') + '">';
        box.innerHTML = '<p><img></p>'.repeat(6) + ('<picture>' + source + '<img></picture>').repeat(3);
        const [images, rows] = [[...box.querySelectorAll('img')], [...box.children]];
        const clear = ({ dataset }) => ['zfHash', 'zfFallback', 'zfSrcset'].forEach((name) => delete dataset[name]);
        const mark = (image, mark) => {
          clear(image);
          if (random(3) === 0) image.dataset.zfSrcset = mark.join(' ');
          else [image.dataset.zfFallback, image.dataset.zfHash] = mark;
        };
        const change = [
          (image) => mark(image, marks[random(4)]),
          (image) => mark(image, marks[random(4)]),
          (image) => mark(image, ${JSON.stringify(gone)}),
          clear,
          (image) => ['src', 'srcset'].forEach((name) => image.removeAttribute(name)),
          (image) => image.parentNode.remove(),
          (image) => box.append(image.parentNode),
        ];
        for (let i = 0; i < 300; i++) {
          change[random(change.length)](images[random(images.length)]);
          if (random(3) === 0) await new Promise((resolve) => setTimeout(resolve, random(8)));
        }
        box.append(...rows);
        globalThis.wanted = images.map((image) => {
          const chosen = random(6);
          if (chosen < 4) mark(image, marks[chosen]);
          else clear(image);
          return widths[chosen] ?? 0;
        });
      })()`);
      await page.until(
        'String([...box.querySelectorAll("img")].map((e) => e.naturalWidth)) === String(wanted)',
      );
      await page.get('box.replaceChildren()');
      await page.get(`until(async () => (await gc({ execution: 'async' }), urls.size === 0))`);
    }
  });
});
