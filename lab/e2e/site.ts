import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { guardSnippet } from '../../client/guard/guard.ts';
import { makePhoto } from '../../demo/photo.ts';

const DIST = new URL('../../client/dist/', import.meta.url);
const FONT = createRequire(new URL('../../demo/package.json', import.meta.url)).resolve(
  '@fontsource/fraunces/files/fraunces-latin-400-normal.woff2',
);

const TYPES: Record<string, string> = {
  js: 'text/javascript',
  mjs: 'text/javascript',
  css: 'text/css',
  svg: 'image/svg+xml',
  jpg: 'image/jpeg',
  woff2: 'font/woff2',
  html: 'text/html; charset=utf-8',
};

/** A website with marked assets whose origin can be stopped, slowed, and made to lie. */
export class Site {
  /** Assets by path; those under /a/ answer only while `up`. */
  readonly files = new Map<string, Uint8Array>();
  /** Pages by path; always there. */
  readonly pages = new Map<string, string>();
  /** Scripts of the site's own, by path. */
  readonly scripts = new Map<string, string>();
  /** Whether asset routes answer. */
  up = true;
  /** Whether zauberflote.js answers. */
  scriptUp = true;
  /** What pages say about caching: `no-store` also keeps them out of the back/forward cache. */
  pageCaching: 'no-store' | 'no-cache' = 'no-store';
  /** Asset bytes sent since {@link reset}. */
  assetBytes = 0;
  /** Time before each range of an asset is answered, in ms; undefined: whole assets are sent, at once. */
  rangeDelay: number | undefined;
  /** Paths of assets and the ranges asked, in the order they came, while `rangeDelay` is set. */
  readonly asked: string[] = [];
  readonly #server = createServer((request, response) => this.#answer(request, response));

  async start(): Promise<this> {
    if (!existsSync(new URL('zauberflote.js', DIST)))
      throw new Error('client/dist is missing: run npm run build');
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  /** Of the site; localhost is a secure context, another name of this machine is not. */
  url(path = '/', host = 'localhost'): string {
    return `http://${host}:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  add(path: string, content: Uint8Array | string): this {
    this.files.set(path, typeof content === 'string' ? Buffer.from(content) : content);
    return this;
  }

  /** The attributes that mark an element, with the hash of the file as it is now. */
  mark(path: string, algorithm: 'sha1' | 'sha256' | 'sha384' | 'sha512' = 'sha256'): string {
    const hash = createHash(algorithm).update(this.files.get(path) as Uint8Array);
    const text =
      algorithm === 'sha1' ? hash.digest('hex') : `${algorithm}-${hash.digest('base64')}`;
    return `data-zf-fallback="${path}" data-zf-hash="${text}"`;
  }

  /** Adds a page that loads the client as documented. */
  page(path: string, tracker: string, body: string): void {
    this.pages.set(
      path,
      `<!doctype html><html><head><meta charset="utf-8"><title>zf</title>
<link rel="icon" href="data:,">${guardSnippet('/zauberflote.js', tracker)}
</head><body>${body}</body></html>`,
    );
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url ?? '/', 'http://site');
    const page = this.pages.get(pathname);
    const name = pathname.slice(1);
    const headers = {
      'content-type': TYPES[pathname.slice(pathname.lastIndexOf('.') + 1)] ?? TYPES.html,
      'cache-control': 'no-store',
    };
    if (page)
      response
        .writeHead(200, { 'cache-control': this.pageCaching, 'content-type': TYPES.html })
        .end(page);
    else if (/^zauberflote(-css|-debug|-hash|-media|-sw)?\.m?js$/.test(name) && this.scriptUp)
      response.writeHead(200, headers).end(readFileSync(new URL(name, DIST)));
    else if (this.scripts.has(pathname))
      response.writeHead(200, headers).end(this.scripts.get(pathname));
    else if (!this.files.has(pathname)) response.writeHead(404).end();
    else if (!this.up) response.writeHead(503).end();
    else {
      const file = this.files.get(pathname) as Uint8Array;
      const { range } = request.headers;
      if (this.rangeDelay !== undefined && range)
        return this.#answerRange(`${pathname} ${range}`, file, response);
      this.assetBytes += file.length;
      response
        .writeHead(200, {
          ...headers,
          'cache-control': 'public, no-cache',
          'content-length': file.length,
        })
        .end(file);
    }
  }

  #answerRange(what: string, file: Uint8Array, response: ServerResponse): void {
    this.asked.push(what);
    const [, from, last] = /(\d+)-(\d*)$/.exec(what)!;
    const first = Number(from);
    const data = file.subarray(first, last ? Number(last) + 1 : undefined);
    this.assetBytes += data.length;
    const range = `bytes ${first}-${first + data.length - 1}/${file.length}`;
    const headers = {
      'cache-control': 'public, no-cache',
      'content-range': range,
      'content-length': data.length,
    };
    setTimeout(() => response.writeHead(206, headers).end(data), this.rangeDelay);
  }
}

/** The assets of a small real page: pictures, a stylesheet with background and font, two scripts. */
export function addAssets(site: Site): void {
  site
    .add('/a/photo.jpg', makePhoto({ width: 320, height: 213, seed: 7, bytes: 60_000 }))
    .add(
      '/a/logo.svg',
      '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40" width="40" height="40">' +
        '<rect width="40" height="40" fill="#164"/><circle cx="20" cy="20" r="9" fill="#fd0"/></svg>',
    )
    .add(
      '/a/img/back.svg',
      '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="4" height="4"/></svg>',
    )
    .add('/a/fonts/f.woff2', readFileSync(FONT))
    .add(
      '/a/style.css',
      `@font-face { font-family: Zf; src: url("fonts/f.woff2") format("woff2"); }
body { background: rgb(250, 250, 240) url(img/back.svg) no-repeat; }
h1 { font-family: Zf; color: rgb(1, 2, 3); }`,
    )
    .add('/a/one.js', 'window.order = ["one"]; window.base = 20;')
    .add('/a/two.js', 'order.push("two"); document.title = "sum " + (base + 22);');
}

/** The body that shows them; every asset is marked, each has its `<noscript>` twin. */
export function assetBody(site: Site): string {
  return `<h1 id="title">Zauberflöte</h1>
<link id="font" rel="zf-preload" ${site.mark('/a/fonts/f.woff2')}>
<link id="back" rel="zf-preload" ${site.mark('/a/img/back.svg')}>
<link id="style" ${site.mark('/a/style.css', 'sha384')}>
<noscript><link rel="stylesheet" href="/a/style.css"></noscript>
<img id="photo" alt="" ${site.mark('/a/photo.jpg', 'sha1')}><noscript><img id="photo-ns" src="/a/photo.jpg"></noscript>
<img id="logo" alt="" ${site.mark('/a/logo.svg', 'sha512')}><noscript><img id="logo-ns" src="/a/logo.svg"></noscript>
<script id="one" ${site.mark('/a/one.js')}></script>
<script id="two" ${site.mark('/a/two.js')}></script>`;
}
