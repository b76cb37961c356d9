import assert from 'node:assert/strict';
import { charset, mediaType, typeOf, withCharsetOf } from './media-type.ts';

const nothing = { served: '', declared: null, url: 'https://example.org/x' };

describe('mediaType', () => {
  it('is what HTTP said, unless that says nothing', () => {
    const url = 'https://example.org/x.png';
    assert.equal(mediaType({ ...nothing, url, served: 'image/avif' }), 'image/avif');
    for (const served of ['', 'application/octet-stream', 'Application/Octet-Stream; x=y'])
      assert.equal(mediaType({ ...nothing, url, served }), 'image/png');
  });

  it('is then what the element declares, if that is a media type', () => {
    const url = 'https://example.org/x.png';
    assert.equal(mediaType({ ...nothing, url, declared: ' image/webp ' }), 'image/webp');
    assert.equal(mediaType({ ...nothing, url, declared: 'module' }), 'image/png');
  });

  it('is then what the extension of the path says, or empty', () => {
    const of = (path: string) => mediaType({ ...nothing, url: `https://example.org${path}` });
    assert.equal(of('/a.SVG?v=1.css#x.png'), 'image/svg+xml');
    assert.equal(of('/a.woff2'), 'font/woff2');
    assert.equal(of('/a.constructor'), '');
    assert.equal(of('/png'), '');
  });
});

describe('typeOf', () => {
  it('is SVG if nothing is said but by the first bytes, and else the octet-stream of the paper', async () => {
    const of = (text: string) => typeOf(new Blob([text]), null, nothing.url);
    const svg = '\ufeff<?xml version="1.0"?><!-- x -->\n<svg xmlns="http://www.w3.org/2000/svg"/>';
    assert.equal(await of(svg), 'image/svg+xml');
    assert.equal(await of('<svgfoo>'), 'application/octet-stream');
    assert.equal(await of(`${' '.repeat(1024)}<svg>`), 'application/octet-stream');
  });

  it('does not read what is said', async () => {
    const blob = new Blob(['<svg>'], { type: 'image/avif' });
    blob.slice = () => assert.fail('read');
    assert.equal(await typeOf(blob, null, nothing.url), 'image/avif');
  });
});

describe('charset', () => {
  it('is read from a media type and carried over to another', () => {
    assert.equal(charset('text/css; charset="latin1"'), 'latin1');
    assert.equal(charset('text/css'), undefined);
    assert.equal(
      withCharsetOf('text/javascript', 'x/y;charset=utf-8'),
      'text/javascript;charset=utf-8',
    );
    assert.equal(withCharsetOf('text/javascript', ''), 'text/javascript');
  });
});
