import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { guardSnippet } from '../../../client/guard/guard.ts';
import { body, MemorySite, reasons } from './testing/pages.ts';

const HEAD = '<!doctype html><html><head><title>x</title></head><body>';

const site = new MemorySite({
  'a.jpg': 20_000,
  'b.jpg': 30_000,
  'tiny.gif': 5,
  'app.js': 'globalThis.app = 1; // as long as it has to be',
  'lib.js': 'globalThis.lib = 1; // as long as it has to be',
  's.js': '//small',
  'site.css': 'p { background: url(a.jpg) } /* long */',
  'film.mp4': 5000,
  'deep/ä b.jpg': 900,
});
const A = await site.id('a.jpg');
const B = await site.id('b.jpg');
const APP = await site.id('app.js');
const CSS = await site.id('site.css');
const FILM = await site.id('film.mp4');

/** What a body becomes. */
const marked = async (html: string, options = {}) =>
  body(await site.convert(HEAD + html, options)).slice(HEAD.length);

describe('A converted page', () => {
  it('has the documented snippet and the manifests first in its head', async () => {
    const page = await site.convert(`${HEAD}<img src="a.jpg"><img src="a.jpg"><img src="b.jpg">`);
    const text = Buffer.from(page.bytes).toString();
    const start = text.indexOf('<head>') + 6;
    const snippet = guardSnippet('/zauberflote/zauberflote.js', 'wss://tracker.example/');
    assert.ok(text.startsWith(`<!--zauberflote-convert-->${snippet}\n`, start));
    const manifests = text.match(/<script type="application\/zauberflote-manifest">/g);
    assert.equal(manifests?.length, 2);
    assert.ok(text.lastIndexOf('</script>') < text.indexOf('<title>'));
    assert.match(text, /<!--\/zauberflote-convert--><title>/);
  });

  it('says how it is to be read as early as before', async () => {
    const meta = '<meta charset="windows-1252"><base href="/">';
    const html = `<!doctype html><head><title>x</title>${meta}<p><img src=a.jpg>`;
    const text = Buffer.from((await site.convert(html)).bytes).toString();
    assert.ok(text.includes(`<title>x</title>${meta}<!--zauberflote-convert-->`));
    const late = await site.convert('<!doctype html><p>x<meta charset=latin1><img src=a.jpg>');
    assert.deepEqual(reasons(late), ['markup']);
    // What is before that cannot wait for the client, which comes behind it.
    const before =
      '<!doctype html><script src=app.js></script><meta charset=utf-8><p><img src=a.jpg>';
    const { marks } = await site.convert(before);
    assert.deepEqual(
      marks.map(({ path }) => path),
      ['a.jpg'],
    );
  });

  for (const [what, html, expected] of [
    [
      'a picture, with a twin',
      '<img src="a.jpg" alt="A">',
      `<img data-zf-fallback="a.jpg" data-zf-hash="${A}" alt="A"><noscript data-zf-twin><img src="a.jpg" alt="A"></noscript>`,
    ],
    [
      'one in capitals and without quotes',
      '<IMG\r\nSRC=a.jpg?v=3>',
      `<IMG\r\ndata-zf-fallback=a.jpg?v=3 data-zf-hash="${A}"><noscript data-zf-twin><IMG\r\nsrc=a.jpg?v=3></noscript>`,
    ],
    [
      'several sizes',
      '<img srcset="a.jpg 640w,\n /b.jpg 1280w" sizes=100vw>',
      `<img data-zf-srcset="a.jpg ${A} 640w,\n /b.jpg ${B} 1280w" sizes=100vw><noscript data-zf-twin><img srcset="a.jpg 640w,\n /b.jpg 1280w" sizes=100vw></noscript>`,
    ],
    [
      'a <picture> as a whole',
      '<picture><source srcset=a.jpg type=image/jpeg>\n<img src="b.jpg"></picture>',
      `<picture><source data-zf-srcset="a.jpg ${A}" type=image/jpeg>\n<img data-zf-fallback="b.jpg" data-zf-hash="${B}"></picture><noscript data-zf-twin><picture><source srcset="a.jpg" type=image/jpeg>\n<img src="b.jpg"></picture></noscript>`,
    ],
    [
      'a script, without a twin',
      '<script src="app.js"></script>',
      `<script data-zf-fallback="app.js" data-zf-hash="${APP}"></script>`,
    ],
    [
      'a stylesheet',
      '<link rel=stylesheet href=site.css>',
      `<link rel=stylesheet data-zf-fallback=site.css data-zf-hash="${CSS}"><noscript data-zf-twin><link rel=stylesheet href=site.css></noscript>`,
    ],
    [
      'a video with its poster',
      '<video poster="a.jpg"><source src="film.mp4"></video>',
      `<video data-zf-poster="a.jpg ${A}"><source data-zf-fallback="film.mp4" data-zf-hash="${FILM}"></video><noscript data-zf-twin><video poster="a.jpg"><source src="film.mp4"></video></noscript>`,
    ],
    [
      'an address with references and a fragment',
      '<img src="a&#x2e;jpg#view&amp;x">',
      `<img data-zf-fallback="a&#x2e;jpg#view&amp;x" data-zf-hash="${A}"><noscript data-zf-twin><img src="a&#x2e;jpg#view&amp;x"></noscript>`,
    ],
  ] as const)
    it(`has ${what}`, async () => assert.equal(await marked(html), expected));

  it('finds files by addresses as browsers read them', async () => {
    for (const url of [
      'deep/ä b.jpg',
      'deep/%C3%A4%20b.jpg',
      './x/../deep/ä b.jpg',
      '\\deep\\ä b.jpg',
    ])
      assert.match(await marked(`<img src="${url}">`), /^<img data-zf/, url);
    const page = `${HEAD}<base href="/deep/"><img src="ä b.jpg">`;
    assert.equal((await site.convert(page)).marks.length, 1);
    assert.equal(
      (await site.convert(`${HEAD}<img src="../a.jpg">`, {}, 'deep/p.html')).marks.length,
      1,
    );
  });

  for (const [reason, html] of [
    ['elsewhere', '<img src="https://cdn.example/a.jpg">'],
    ['elsewhere', '<base href="https://cdn.example/"><img src="a.jpg">'],
    ['elsewhere', '<img src="..%2fa.jpg">'],
    ['missing', '<img src="gone.jpg">'],
    ['missing', '<img src="/">'],
    ['too-small', '<img src="tiny.gif">'],
    ['query', '<img src="a.jpg?w=640">'],
    ['template', '<template><img src="a.jpg"></template>'],
    ['foreign', '<svg><image href="a.jpg"/></svg>'],
    ['preloaded', '<link rel=preload as=image href=a.jpg><img src="a.jpg">'],
    ['markup', '<img src="a.jpg" src="b.jpg">'],
    ['markup', '<img src="a.jpg" alt="</noscript>">'],
    ['markup', '<picture><img src="a.jpg">'],
    ['missing', '<picture><source srcset="gone.jpg"><img src="a.jpg"></picture>'],
    ['lazy', '<img src="data:image/gif;base64,R0" data-src="a.jpg">'],
    ['integrity', '<script src="app.js" integrity="sha256-AAAA"></script>'],
    ['integrity', '<link rel=stylesheet href="site.css" integrity="sha256-AAAA">'],
    ['kind', '<link rel=icon href="a.jpg">'],
    ['kind', '<object><img src="a.jpg"></object>'],
    ['kind', '<iframe src="a.jpg"></iframe>'],
  ] as const)
    it(`stays as it is (${reason}): ${html}`, async () => {
      const page = await site.convert(HEAD + html);
      assert.deepEqual(reasons(page), [reason]);
      assert.equal(Buffer.from(page.bytes).toString(), HEAD + html);
    });

  it('has nothing new where no element names a file', async () => {
    const html = `${HEAD}<!-- <img src="a.jpg"> --><noscript><img src="a.jpg"></noscript><textarea><img src="a.jpg"></textarea><script>'<img src="a.jpg">'</script><img alt="x"><img src="data:,"><link rel=icon href="data:,">`;
    const page = await site.convert(html);
    assert.deepEqual([page.marks, page.skips], [[], []]);
    assert.equal(Buffer.from(page.bytes).toString(), html);
  });

  it('has only what was asked for', async () => {
    const html =
      '<img src="a.jpg"><script src="app.js"></script><link rel=stylesheet href=site.css>';
    const page = await site.convert(HEAD + html, { kinds: new Set(['pictures'] as const) });
    assert.deepEqual(
      page.marks.map(({ path }) => path),
      ['a.jpg'],
    );
    assert.deepEqual(reasons(page), ['kind', 'kind']);
    assert.doesNotMatch(await marked(html, { noscript: false }), /noscript/);
  });

  it('keeps integrity where it holds', async () => {
    const digest = createHash('sha384').update(site.files.get('app.js')!).digest('base64');
    const hash = `sha384-${digest}`;
    const html = `<script src="app.js" integrity="sha256-AAAA ${hash}"></script>`;
    assert.match(await marked(html), / integrity="sha256-AAAA sha384-.*">/);
  });

  it('has manifests in it as long as there is room, the others beside the files', async () => {
    const html = `${HEAD}<img src="b.jpg"><img src="a.jpg"><script src="app.js"></script>`;
    const page = await site.convert(html, { maxInlineBytes: 310 });
    assert.deepEqual(
      page.beside.map(({ path }) => path),
      ['a.jpg'],
    );
    const text = Buffer.from(page.bytes).toString();
    assert.equal(text.match(/zauberflote-manifest">/g)?.length, 2);
  });

  it('is left alone where it was marked by hand, or is none', async () => {
    for (const [html, reason] of [
      [`${HEAD}<img data-zf-fallback="a.jpg" data-zf-hash="x"><img src="a.jpg">`, 'by-hand'],
      [`${HEAD}${guardSnippet('/z.js', 'wss://t/')}<img src="a.jpg">`, 'by-hand'],
      ['<div><img src="a.jpg"></div>', 'fragment'],
    ] as const) {
      const page = await site.convert(html);
      assert.deepEqual(reasons(page), [reason]);
      assert.equal(Buffer.from(page.bytes).toString(), html);
    }
  });

  it('keeps the bytes of any character set', async () => {
    const latin = Buffer.from(
      `${HEAD}\xfc\x80\xff<img src=a.jpg alt="\xe9"><img src="\xe9.jpg"><script src=app.js></script>`,
      'latin1',
    );
    const page = await site.convert(latin);
    assert.deepEqual(
      [page.marks.map(({ path }) => path), reasons(page)],
      [['a.jpg'], ['encoding', 'encoding']],
    );
    const out = Buffer.from(page.bytes).toString('latin1');
    assert.ok(out.includes('\xfc\x80\xff<img data-zf-fallback=a.jpg'));
    assert.ok(out.includes('<img src=a.jpg alt="\xe9"></noscript>'));
    const wide = Buffer.from(`\ufeff${HEAD}<img src=a.jpg>`, 'utf16le');
    assert.deepEqual(reasons(await site.convert(wide)), ['encoding']);
    const stateful = `<meta charset="iso-2022-jp">${HEAD}<img src=a.jpg>`;
    assert.deepEqual(reasons(await site.convert(stateful)), ['encoding']);
    const bom = await site.convert(`\ufeff${HEAD}<img src=a.jpg>`);
    assert.equal(bom.marks.length, 1);
    assert.equal(Buffer.from(bom.bytes).toString('latin1', 0, 12), '\xef\xbb\xbf<!doctype');
  });

  it('loses marks of files that are gone, and only those', async () => {
    const html = `${HEAD}<img src="a.jpg"><img src="b.jpg">`;
    const before = await site.convert(html);
    const without = new MemorySite({ 'b.jpg': 30_000 });
    const after = await without.convert(before.bytes);
    assert.deepEqual(
      after.marks.map(({ path }) => path),
      ['b.jpg'],
    );
    assert.match(body(after), /<img src="a.jpg"><img data-zf/);
    const empty = await new MemorySite({}).convert(before.bytes);
    assert.equal(Buffer.from(empty.bytes).toString(), html);
  });
});

describe('A page with a Content Security Policy', () => {
  const convert = (policy: string) =>
    site.convert(
      `<!doctype html><head><meta http-equiv="Content-Security-Policy" content="${policy}"></head><img src="a.jpg">`,
      { kinds: new Set(['pictures'] as const) },
    );

  it('stays as it is, and the report says what the policy lacks', async () => {
    const { marks, skips } = await convert("default-src 'self'");
    assert.equal(marks.length, 0);
    assert.match(
      skips[0]!.detail,
      /script-src 'sha256-\S+'; style-src 'sha256-\S+'; .*img-src blob:; connect-src wss:\/\/tracker\.example$/,
    );
  });

  it('is converted where that is allowed', async () => {
    const { skips } = await convert("default-src 'self'");
    const names = (directive: string) =>
      [...skips[0]!.detail.matchAll(new RegExp(`${directive} (\\S+?)(?:;|$)`, 'g'))]
        .map(([, source]) => source)
        .join(' ');
    const policy =
      `default-src 'self'; script-src 'self' ${names('script-src')}; style-src 'self' ${names('style-src')}; ` +
      "img-src 'self' blob:; connect-src 'self' wss://tracker.example";
    assert.equal((await convert(policy)).marks.length, 1);
    assert.equal((await convert("script-src * 'unsafe-inline'")).marks.length, 1);
    assert.equal((await convert("script-src * 'unsafe-inline' 'nonce-x'")).marks.length, 0);
    assert.equal((await convert('upgrade-insecure-requests')).marks.length, 1);
    assert.equal((await convert('img-src *')).marks.length, 0);
  });
});
