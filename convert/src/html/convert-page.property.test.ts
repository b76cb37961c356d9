import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type DefaultTreeAdapterTypes, parse, serialize } from 'parse5';
import { makeManifest } from '../manifest.ts';
import { MemorySite } from './testing/pages.ts';

type Node = DefaultTreeAdapterTypes.Node;

const SITE = new MemorySite({
  'a.jpg': 100,
  'dir/b b.png': 3000,
  'tiny.gif': 3,
  's.js': 'globalThis.s = 1; // long enough',
  'm.js': 'export default 2; // long enough',
  'c.css': 'body { color: red } /* long */',
  'v.mp4': 500,
});

const one = <T>(...values: T[]) => fc.constantFrom(...values);
const url = one(
  ...[
    'a.jpg',
    '/a.jpg?v=1',
    './dir/b%20b.png',
    'dir/b b.png',
    'tiny.gif',
    'gone.jpg',
    '//x.example/a.jpg',
  ],
  ...[
    '../a.jpg',
    'a.jpg#f',
    'a&#46;jpg',
    'data:,x',
    '',
    '?a.jpg',
    '..%2f..%2fetc/passwd',
    's.js',
    'm.js',
    'c.css',
    'v.mp4',
  ],
);
const quoted = fc
  .tuple(url, one('"', "'", ''))
  .map(([value, quote]) =>
    quote === '' ? value.replaceAll(' ', '%20') || 'x' : quote + value + quote,
  );
const name = (lower: string) => one(lower, lower.toUpperCase());
const attribute = (lower: string) =>
  fc.tuple(name(lower), one('=', ' = ', '=\r\n'), quoted).map(([a, is, b]) => a + is + b);
const srcset = fc
  .tuple(
    name('srcset'),
    fc.array(fc.tuple(url, one('', ' 2x', ' 640w', ' 1.5x')), { maxLength: 3 }),
    one(', ', ',', ' ,\n'),
  )
  .map(
    ([a, list, comma]) =>
      `${a}="${list.map(([u, d]) => u.replaceAll(' ', '%20') + d).join(comma)}"`,
  );
const noise = one(
  'alt="é < > 😀"',
  'hidden',
  "title='</noscript>'",
  'src=a.jpg',
  'class=x',
  'onload="f()"',
  'loading=lazy',
);
const attributes = (...own: fc.Arbitrary<string>[]) =>
  fc
    .array(fc.oneof(...own, noise), { maxLength: 4 })
    .chain((list) =>
      one(' ', '\r\n\t', '  ').map((space) => list.map((text) => space + text).join('')),
    );
const tag = (open: string, own: fc.Arbitrary<string>, end = '') =>
  fc.tuple(name(open), own, one('>', ' >', '/>')).map(([a, b, c]) => `<${a}${b}${c}${end}`);

const img = tag('img', attributes(attribute('src'), srcset));
const source = tag('source', attributes(attribute('src'), srcset));
const piece = fc.oneof(
  { weight: 4, arbitrary: img },
  fc
    .tuple(fc.array(source, { maxLength: 2 }), img, one('</picture>', ''))
    .map(([a, b, c]) => `<picture>${a.join('')}${b}${c}`),
  tag(
    'script',
    attributes(attribute('src'), one('defer', 'async', 'type=module', 'type="text/x"')),
    '</script>',
  ),
  tag('link', attributes(attribute('href'), one('rel=stylesheet', 'rel="icon"', 'rel=preload'))),
  fc
    .tuple(
      tag('video', attributes(attribute('src'), attribute('poster'))),
      source,
      one('</video>', ''),
    )
    .map((all) => all.join('')),
  img.map((text) => `<!-- ${text} -->`),
  img.map((text) => `<noscript>${text}</noscript>`),
  img.map((text) => `<template>${text}</template>`),
  img.map((text) => `<svg><image href=a.jpg />${text}</svg>`),
  img.map((text) => `<textarea>${text}</textarea><table>${text}<tr><td>${text}</table>`),
  img.map((text) => `<!--[if IE]>${text}<![endif]-->`),
  img.map((text) => `<object data=a.jpg>${text}</object><math><mi>${text}</math>`),
  one(
    '<p>',
    '</p>',
    '<b>',
    '</div>',
    '😀\r\n',
    '\0',
    '<',
    '&amp;&lt',
    '<script>var a = "<img src=a.jpg>"</script>',
    '</body>',
    '<head>',
    '<meta charset=utf-8>',
    '<base href="/dir/">',
    '<title>x</title>',
    '<style>i{}</style>',
  ),
);
const page = fc
  .tuple(
    one('', '\ufeff', '\r\n '),
    one(
      '<!doctype html>',
      '<!DOCTYPE HTML>\r\n<html lang=de>',
      '<html><head><meta charset="utf-8">',
      '<head>',
      'text <body>',
    ),
    fc.array(piece, { maxLength: 8 }),
    one('', '</body></html>\n'),
  )
  .map(([mark, start, pieces, end]) => mark + start + pieces.join('') + end);

/** A page as a text to compare, without what the converter may put into it, found without its help. */
function plain(html: string): string {
  const document = parse(html);
  // What begins before the parser has made a head, ends in it.
  let isOurs = false;
  const clean = (node: Node) => {
    if (!('childNodes' in node)) return;
    node.childNodes = node.childNodes.filter((child) => {
      const comment = child.nodeName === '#comment' && 'data' in child ? child.data : '';
      if (comment === 'zauberflote-convert') isOurs = true;
      const isTwin = 'attrs' in child && child.attrs.some((a) => a.name === 'data-zf-twin');
      // Where the page has no head of its own, comments and white space may come into it.
      const isMoved =
        !/^(?:body|p)$/.test(node.nodeName) &&
        (child.nodeName === '#comment' || ('value' in child && /^\s*$/.test(child.value)));
      const keep = /^(?:html|head|body)$/.test(child.nodeName) || !(isOurs || isTwin || isMoved);
      if (keep) clean(child);
      if (comment === '/zauberflote-convert') isOurs = false;
      return keep;
    });
    for (const child of node.childNodes) {
      if ('attrs' in child) {
        child.attrs = child.attrs.flatMap((a) => {
          if (a.name === 'data-zf-hash') return [];
          const name = child.tagName === 'link' ? 'href' : 'src';
          if (a.name === 'data-zf-fallback') return [{ ...a, name }];
          if (!/^data-zf-(srcset|poster)$/.test(a.name)) return [a];
          return [{ name: a.name.slice(8), value: a.value.replaceAll(/ zf1-[\w-]+/g, '') }];
        });
      }
      if ('content' in child) clean(child.content);
    }
  };
  clean(document);
  return serialize(document);
}

describe('Any page', () => {
  it('is the same page after conversion, but for its marks', async () => {
    let marked = 0;
    await fc.assert(
      fc.asyncProperty(page, async (html) => {
        const { bytes, marks } = await SITE.convert(html);
        marked += marks.length;
        assert.equal(plain(Buffer.from(bytes).toString()), plain(html));
        if (marks.length === 0) assert.deepEqual(bytes, Buffer.from(html));
      }),
      { numRuns: 1500 },
    );
    assert.ok(marked > 200, `only ${marked} marks were made`);
  });

  it('keeps every byte that is not a changed name or an insertion', async () => {
    await fc.assert(
      fc.asyncProperty(page, async (html) => {
        const { bytes } = await SITE.convert(html);
        const output = Buffer.from(bytes).toString();
        const without = output
          .replace(/<!--zauberflote-convert-->.*?<!--\/zauberflote-convert-->/s, '')
          .replaceAll(/<noscript data-zf-twin>.*?<\/noscript>/gs, '')
          .replaceAll(/ data-zf-hash="zf1-[\w-]{43}"| zf1-[\w-]{43}/g, '')
          .replaceAll(/data-zf-(?:fallback|(srcset|poster))/g, (_, list) => list ?? 'SRC');
        const names = (text: string) =>
          text
            .replaceAll(/\b(?:src|href)\b/gi, 'SRC')
            .replaceAll(/srcset|poster/gi, (word) => word.toLowerCase());
        // Lists without quotes get them: the only bytes that may be more.
        const quotes = (text: string) =>
          text.replaceAll(/(srcset|poster)(\s*=\s*)(["']?)([^"'\s>]*)\3/g, '$1$2$4');
        assert.equal(quotes(names(without)), quotes(names(html)));
      }),
      { numRuns: 1000 },
    );
  });

  it('converts to itself once it was converted, also after files have changed', async () => {
    const changed = new MemorySite({
      'a.jpg': 101,
      's.js': 'document.write("longer")',
      'c.css': 'p{}',
    });
    await fc.assert(
      fc.asyncProperty(page, async (html) => {
        const once = await SITE.convert(html);
        assert.deepEqual((await SITE.convert(once.bytes)).bytes, once.bytes);
        const later = await changed.convert(once.bytes);
        assert.deepEqual((await changed.convert(later.bytes)).bytes, later.bytes);
        assert.deepEqual(later.marks, (await changed.convert(html)).marks);
        assert.deepEqual((await SITE.convert(later.bytes)).bytes, once.bytes);
      }),
      { numRuns: 700 },
    );
  });

  it('has at every mark the hash of its file, whose manifest is in the page before it', async () => {
    await fc.assert(
      fc.asyncProperty(page, async (html) => {
        const { bytes, marks } = await SITE.convert(html);
        const output = Buffer.from(bytes).toString();
        for (const { path, id } of marks) {
          const file = SITE.files.get(path)!;
          const mediaType = {
            jpg: 'image/jpeg',
            png: 'image/png',
            gif: 'image/gif',
            js: 'text/javascript',
            css: 'text/css',
            mp4: 'video/mp4',
          }[path.split('.').at(-1)!]!;
          const made = await makeManifest([file], file.length, { mediaType });
          assert.equal(id, made.id);
          const manifest = output.indexOf(Buffer.from(made.manifest).toString('base64'));
          assert.ok(manifest > 0 && manifest < output.search(/data-zf-[a-z]+\s*=/));
        }
        const written =
          output
            .replaceAll(/<script>.*?<\/script>|<noscript data.*?<\/noscript>/gs, '')
            .match(/ zf1-[\w-]{43}|"zf1-[\w-]{43}/g) ?? [];
        assert.deepEqual(written.map((id) => id.slice(1)).sort(), marks.map(({ id }) => id).sort());
      }),
      { numRuns: 300 },
    );
  });
});
