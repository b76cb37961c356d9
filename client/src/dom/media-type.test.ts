import assert from 'node:assert/strict';
import { charset, mediaType, withCharsetOf } from './media-type.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const nothing = { served: '', declared: null, url: 'https://example.org/x', head: bytes('?') };

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

  it('is then what the extension of the path says', () => {
    const of = (path: string) => mediaType({ ...nothing, url: `https://example.org${path}` });
    assert.equal(of('/a.SVG?v=1.css#x.png'), 'image/svg+xml');
    assert.equal(of('/a.woff2'), 'font/woff2');
    assert.equal(of('/a.constructor'), 'application/octet-stream');
    assert.equal(of('/png'), 'application/octet-stream');
  });

  it('is then SVG, if the first bytes say so, and else the octet-stream of the paper', () => {
    const svg = '\ufeff<?xml version="1.0"?><!-- x -->\n<svg xmlns="http://www.w3.org/2000/svg"/>';
    assert.equal(mediaType({ ...nothing, head: bytes(svg) }), 'image/svg+xml');
    assert.equal(mediaType({ ...nothing, head: bytes('<svgfoo>') }), 'application/octet-stream');
    const late = `${' '.repeat(1024)}<svg>`;
    assert.equal(mediaType({ ...nothing, head: bytes(late) }), 'application/octet-stream');
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
