/** A web server of files in memory, and the files the browser tests serve. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { crc32, deflateSync } from 'node:zlib';

/** A web server of files in memory, each of which can be held back. */
export class Site {
  readonly #server: Server;
  readonly #files = new Map<string, { type: string; body: Buffer }>();
  readonly #held = new Map<string, ServerResponse[]>();
  /** Bytes of a held file that are not held. */
  readonly #begun = new Map<string, number>();
  /** Paths in the order they were asked for. */
  requests: string[] = [];

  private constructor() {
    this.#server = createServer((request, response) => {
      const path = new URL(request.url!, 'http://x').pathname;
      this.requests.push(path);
      const held = this.#held.get(path);
      if (!held) return this.#answer(path, response);
      held.push(response);
      const begun = this.#begun.get(path);
      if (begun) this.#head(path, response).write(this.#files.get(path)!.body.subarray(0, begun));
    });
  }

  static async start(): Promise<Site> {
    const site = new Site();
    await new Promise<void>((resolve) => site.#server.listen(0, '127.0.0.1', resolve));
    return site;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Another origin, for browsers, of the same files; it allows CORS for `/cors/` only. */
  get otherOrigin(): string {
    return this.origin.replace('127.0.0.1', 'localhost');
  }

  /** @param type empty: none is sent */
  put(path: string, type: string, body: string | Buffer): void {
    this.#files.set(path, { type, body: Buffer.from(body) });
  }

  /** The two attributes for a file. */
  mark(path: string): string {
    return `data-zf-fallback="${path}" data-zf-hash="${this.hash(path)}"`;
  }

  hash(path: string): string {
    const { body } = this.#files.get(path)!;
    return `sha256-${createHash('sha256').update(body).digest('base64')}`;
  }

  /** Requests for `path` get no answer, or only the first `begun` bytes, until `release`. */
  hold(path: string, begun = 0): void {
    this.#held.set(path, []);
    this.#begun.set(path, begun);
  }

  release(path: string): void {
    const responses = this.#held.get(path) ?? [];
    this.#held.delete(path);
    for (const response of responses) this.#answer(path, response);
  }

  /** Forgets requests and holds. */
  reset(): void {
    for (const path of [...this.#held.keys()]) this.release(path);
    this.requests = [];
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(path: string, response: ServerResponse): void {
    const body = this.#files.get(path)?.body;
    if (response.headersSent) response.end(body?.subarray(this.#begun.get(path)));
    else this.#head(path, response).end(body);
  }

  #head(path: string, response: ServerResponse): ServerResponse {
    const file = this.#files.get(path);
    if (file?.type) response.setHeader('content-type', file.type);
    if (path.startsWith('/cors/')) response.setHeader('access-control-allow-origin', '*');
    return response.writeHead(file ? 200 : 404);
  }
}

/**
 * Files to mark: pictures of known width (red 2, green 4, blue 8, a.svg and plain 7), scripts that
 * leave their name in `ran`, a stylesheet that refers to others, sounds, a font, a frame.
 */
export async function putFiles(site: Site): Promise<void> {
  site.put('/red.png', 'image/png', png(2, 2, [255, 0, 0]));
  site.put('/green.png', 'image/png', png(4, 4, [0, 255, 0]));
  site.put('/blue.png', 'image/png', png(8, 8, [0, 0, 255]));
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"/>';
  site.put('/a.svg', 'application/octet-stream', svg);
  site.put('/plain', '', svg);
  site.put('/f.woff2', '', await font());
  site.put('/s.wav', 'audio/wav', wav());
  site.put('/broken.wav', 'audio/wav', 'this is no sound');
  site.put('/a.js', 'text/javascript', 'ran.push("a:" + document.currentScript?.id)');
  for (const name of ['b', 'c', 'd', 'e', 'm', 'n', 's', 'never'])
    site.put(`/${name}.js`, 'text/javascript', `ran.push("${name}")`);
  site.put('/frame.html', 'text/html', '<title>inside</title>');
  site.put('/css/imported.css', 'text/css', '#c { background: url(../blue.png) }');
  site.put('/css/plain.css', 'text/css', '#d { color: rgb(4, 5, 6) }');
  site.put(
    '/css/font.css',
    'text/css',
    '@font-face { font-family: F; src: url(../f.woff2) } #a { font: 9px F }',
  );
  site.put(
    '/css/site.css',
    '',
    `@import "imported.css"; @import url(plain.css);
     #a { background: url(../red.png); color: rgb(1, 2, 3) }
     #b { background: url(/green.png) }`,
  );
}

/** A PNG of one colour. */
export function png(width: number, height: number, rgb: readonly [number, number, number]): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length);
    body.copy(out, 4);
    out.writeUInt32BE(crc32(body), body.length + 4);
    return out;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  const row = Buffer.from([0, ...Array.from({ length: width }, () => rgb).flat()]);
  const rows = Buffer.concat(Array.from({ length: height }, () => row));
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A WAV of a quarter of a second of silence. */
function wav(): Buffer {
  const samples = 2000;
  const out = Buffer.alloc(44 + samples, 128);
  out.write('RIFF', 0, 'latin1');
  out.writeUInt32LE(36 + samples, 4);
  out.write('WAVEfmt ', 8, 'latin1');
  out.writeUInt32LE(16, 16);
  out.writeUInt16LE(1, 20);
  out.writeUInt16LE(1, 22);
  out.writeUInt32LE(8000, 24);
  out.writeUInt32LE(8000, 28);
  out.writeUInt16LE(1, 32);
  out.writeUInt16LE(8, 34);
  out.write('data', 36, 'latin1');
  out.writeUInt32LE(samples, 40);
  return out;
}

/** A real font, of the demo's dependencies. */
function font(): Promise<Buffer> {
  const name = '@fontsource/fraunces/files/fraunces-latin-400-normal.woff2';
  return readFile(fileURLToPath(import.meta.resolve(name)));
}
