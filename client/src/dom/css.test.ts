import assert from 'node:assert/strict';
import fc from 'fast-check';
import { cssReferences, findCssUrls, rewriteCss } from './css.ts';

const BASE = 'https://example.org/css/site.css';
const urls = (css: string) => findCssUrls(css).map(({ url }) => url);

/** [what, stylesheet, the same rewritten at BASE; without it: unchanged] */
const cases: [string, string, string?][] = [
  ['a bare url', 'a{b:url(i.png)}', 'a{b:url("https://example.org/css/i.png")}'],
  ['a quoted url', `a{b:url('../i.png')}`, 'a{b:url("https://example.org/i.png")}'],
  ['white space', 'a{b:url( \n i.png\t)}', 'a{b:url( \n "https://example.org/css/i.png"\t)}'],
  ['the path of the site', 'a{b:url(/i.png)}', 'a{b:url("https://example.org/i.png")}'],
  ['another host', 'a{b:url(//cdn.net/i)}', 'a{b:url("https://cdn.net/i")}'],
  ['any case', 'a{b:URL(i)}', 'a{b:URL("https://example.org/css/i")}'],
  ['an escaped name', 'a{b:\\75 rl(i)}', 'a{b:\\75 rl("https://example.org/css/i")}'],
  ['escapes inside', 'a{b:url(\\69\\6d g\\).png)}', 'a{b:url("https://example.org/css/img).png")}'],
  ['an escaped quote', `a{b:url("a\\"b")}`, 'a{b:url("https://example.org/css/a%22b")}'],
  ['a continued string', 'a{b:url("a\\\nb")}', 'a{b:url("https://example.org/css/ab")}'],
  ['a fragment of a file', 'a{b:url(i.svg#x)}', 'a{b:url("https://example.org/css/i.svg#x")}'],
  [
    'several',
    'a{b:url(1),url(2)}',
    'a{b:url("https://example.org/css/1"),url("https://example.org/css/2")}',
  ],
  ['src()', 'a{b:src( "i" )}', 'a{b:src( "https://example.org/css/i" )}'],
  ['modifiers', 'a{b:url("i" x("y"))}', 'a{b:url("https://example.org/css/i" x("y"))}'],
  ['@import', '@import "a.css" screen;', '@import "https://example.org/css/a.css" screen;'],
  ['@import url()', '@import url(a.css);', '@import url("https://example.org/css/a.css");'],
  [
    '@import with a comment',
    "@IMPORT/* x */'a.css'",
    '@IMPORT/* x */"https://example.org/css/a.css"',
  ],
  ['a second string of @import', '@import "http://a/" "b";'],
  [
    'image-set',
    'a{b:image-set("i" type("t") 1x, url(j) 2x)}',
    'a{b:image-set("https://example.org/css/i" type("t") 1x, url("https://example.org/css/j") 2x)}',
  ],
  [
    '-webkit-image-set',
    `a{b:-webkit-image-set('i' 1x)}`,
    'a{b:-webkit-image-set("https://example.org/css/i" 1x)}',
  ],
  ['a string behind image-set', 'a{b:image-set(url(#a) 1x);content:"x"}'],
  [
    'format()',
    '@font-face{src:url(f.woff2)format("woff2")}',
    '@font-face{src:url("https://example.org/css/f.woff2")format("woff2")}',
  ],
  ['a url after a dimension', 'a{b:5px url(i)}', 'a{b:5px url("https://example.org/css/i")}'],
  ['a url after a dot', 'a{b:1.url(i)}', 'a{b:1.url("https://example.org/css/i")}'],
  ['a url after CDO', '<!--url(i)-->', '<!--url("https://example.org/css/i")-->'],
  ['a custom property', ':root{--x:url(i)}', ':root{--x:url("https://example.org/css/i")}'],
  ['the end in a url', 'a{b:url(i', 'a{b:url("https://example.org/css/i"'],
  ['the end in a string', 'a{b:url("i', 'a{b:url("https://example.org/css/i"'],
  ['after a bad string', 'a{b:"x\n;c:url(i)}', 'a{b:"x\n;c:url("https://example.org/css/i")}'],
  ['after a bad url', 'a{b:url(x y);c:url(i)}', 'a{b:url(x y);c:url("https://example.org/css/i")}'],
  [
    'after @namespace',
    '@namespace "n";a{b:url(i)}',
    '@namespace "n";a{b:url("https://example.org/css/i")}',
  ],
  ['no-break space in a url', 'a{b:url(a\u00a0b)}', 'a{b:url("https://example.org/css/a%C2%A0b")}'],
  ['an absolute url', 'a{b:url(http://x/y)}'],
  ['a data url', 'a{b:url("data:image/svg+xml,<svg xmlns=\'n\'/>") url(data:,x)}'],
  ['a fragment', 'a{b:url(#g) url("#g")}'],
  ['no url', 'a{b:url() url("")}'],
  ['@namespace', '@namespace svg url(ns);@namespace "ns";'],
  ['@charset', '@charset "utf-8";'],
  ['a comment', '/* url(i) @import "x"; */ a{}/* url(i'],
  ['a string', 'a{content:"url(i)" \'url(i)\'}'],
  ['names that end in url', 'a{b:-url(i) xurl(i) 5url(i) #url(i) @url(i)}'],
  ['a bad url', 'a{b:url(x y) url(a"b) url(a(b) url(var(--x))}'],
  ['an escaped closing parenthesis in a bad url', 'a{b:url(x y\\)url(z)}'],
  ['a comment in a bare url', 'a{b:url(/* x */ y)}'],
  ['a space before the parenthesis', 'a{b:url (i)}'],
  ['a selector', 'a[href="x"]{}'],
];

describe('rewriteCss', () => {
  for (const [what, css, expected = css] of cases)
    it(`${expected === css ? 'leaves alone' : 'makes absolute'}: ${what}`, () => {
      assert.equal(rewriteCss(css, BASE), expected);
      assert.equal(rewriteCss(expected, 'https://other.net/'), expected, 'not stable');
    });

  it('replaces known URLs, relative or absolute, keeps their fragment and says what they are', () => {
    const asked: unknown[] = [];
    const css = rewriteCss(
      '@import "x";a{b:url(i#f) url(https://example.org/css/i)}',
      BASE,
      (reference) => {
        asked.push(reference);
        return reference.url.endsWith('i') ? 'blob:q"' : undefined;
      },
    );
    assert.equal(
      css,
      '@import "https://example.org/css/x";a{b:url("blob:q\\"#f") url("blob:q\\"")}',
    );
    assert.deepEqual(asked[0], { url: 'https://example.org/css/x', kind: 'import' });
    assert.deepEqual(asked[1], { url: 'https://example.org/css/i', kind: 'resource' });
  });

  /** Text made of what a tokenizer stumbles over. */
  const nasty = fc
    .array(
      fc.oneof(
        fc.constantFrom(
          ...[
            'url(',
            'URL( ',
            'src(',
            '@import ',
            '@namespace ',
            'image-set(',
            '"',
            "'",
            '\\',
            '\n',
            '\r\n',
          ],
          ...[
            '(',
            ')',
            '{',
            '}',
            '[',
            ']',
            ';',
            ',',
            '/*',
            '*/',
            '<!--',
            '-->',
            '#',
            '@',
            '-',
            '.',
            '5',
            '\0',
          ],
          ...[
            'i.png',
            'http://h/p',
            'data:,x',
            '\\75 rl(',
            '\\29 ',
            ' ',
            '\t',
            'é',
            '\ud83d',
            '%',
            ':',
          ],
        ),
        fc.string({ maxLength: 4 }),
      ),
      { maxLength: 30 },
    )
    .map((parts) => parts.join(''));

  it('never throws, and touches nothing but the URLs it finds', () => {
    fc.assert(
      fc.property(nasty, (css) => {
        const rewritten = rewriteCss(css, BASE);
        let at = 0;
        let rest = rewritten;
        const found = findCssUrls(css);
        for (const [i, { start, end }] of found.entries()) {
          assert.ok(start >= at && end >= start && end <= css.length, 'ranges overlap');
          const between = css.slice(at, start);
          assert.ok(rest.startsWith(between), 'text between URLs changed');
          rest = rest.slice(between.length);
          // With what follows: the old one alone may be how the new one begins, as in `url("h`.
          const next = found[i + 1];
          const same = css.slice(start, next?.start);
          const unchanged = next ? rest.startsWith(same) : rest === same;
          rest = unchanged ? rest.slice(end - start) : rest.replace(/^"(?:[^"\\]|\\[\s\S])*"/, '');
          at = end;
        }
        assert.equal(rest, css.slice(at));
      }),
      { numRuns: 5000 },
    );
  });

  it('finds in its own output the same URLs, resolved', () => {
    fc.assert(
      fc.property(nasty, (css) => {
        const rewritten = rewriteCss(css, BASE);
        assert.equal(rewriteCss(rewritten, 'https://other.net/'), rewritten);
        assert.deepEqual(cssReferences(rewritten, 'https://other.net/'), cssReferences(css, BASE));
      }),
      { numRuns: 5000 },
    );
  });

  it('finds any URL, however it is written', () => {
    const escaped = (url: string) =>
      [...url]
        .map((char, i) => (i % 2 ? char : `\\${char.codePointAt(0)!.toString(16)} `))
        .join('');
    fc.assert(
      fc.property(
        fc.webPath(),
        fc.constantFrom('"', "'", ''),
        fc.boolean(),
        (path, quote, inEscapes) => {
          const url = quote === '' ? path.replace(/[()']/g, '') : path.replaceAll(quote, '');
          const css = `a{b:url(${quote}${inEscapes ? escaped(url) : url}${quote})}`;
          assert.deepEqual(urls(css), [url]);
        },
      ),
    );
  });
});
