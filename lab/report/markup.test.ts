import assert from 'node:assert/strict';
import fc from 'fast-check';
import { escapeText, h, Markup } from './markup.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
};

describe('markup', () => {
  it('takes strings as text, in content and in attributes', () => {
    assert.equal(
      h('a', { title: `"'><script>` }, '</a><img src=x onerror=alert(1)>', 3, null, ['&']).text,
      '<a title="&quot;&#39;&gt;&lt;script&gt;">&lt;/a&gt;&lt;img src=x onerror=alert(1)&gt;3&amp;</a>',
    );
  });

  it('takes finished markup as it is, and nothing else that looks like it', () => {
    assert.equal(h('p', {}, h('b', {}, '<')).text, '<p><b>&lt;</b></p>');
    assert.equal(h('p', {}, new Markup('<hr>')).text, '<p><hr></p>');
  });

  it('leaves out absent attributes, rounds numbers, closes what has an end', () => {
    assert.equal(
      h('path', { d: 'M0 0', id: undefined, x: 1 / 3 }).text,
      '<path d="M0 0" x="0.33"></path>',
    );
    assert.equal(h('meta', { charset: 'utf-8' }).text, '<meta charset="utf-8">');
  });

  it('replaces what XML cannot hold', () => {
    assert.equal(escapeText('a\u0000b\u001bc\ud800d\uffff\n'), 'a\ufffdb\ufffdc\ufffdd\ufffd\n');
  });

  it('keeps every other text, and leaves nothing that ends a text or an attribute', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const escaped = escapeText(text);
        assert.doesNotMatch(escaped, /[<>"']/);
        const back = escaped.replace(/&(amp|lt|gt|quot|#39);/g, (entity) => ENTITIES[entity]!);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
        const replaced = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;
        assert.equal(back, text.replace(replaced, '\ufffd'));
      }),
    );
  });
});
