import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { type Asset, loadAssets } from './assets.ts';
import { loadPage } from './page.ts';
import { parseRange } from './ranges.ts';

export interface DemoOptions {
  /** TCP port; 0 takes a free one. Default 8000. */
  port?: number;
  /** Address or name to listen on. Default `localhost`: this machine only. */
  host?: string;
  /** Port of the tracker on the host the visitor used for the page. Default 8080. */
  trackerPort?: number;
  /** Address of a tracker elsewhere (`ws://` or `wss://`); overrides `trackerPort`. */
  trackerUrl?: string;
  /** Folder of the built client. Default `client/dist` of this checkout. */
  clientDir?: string;
}

/** What `GET /demo/origin` answers: whether assets are served, and what was served since the start. */
export interface OriginState {
  up: boolean;
  /** Bytes of asset bodies, whole or in ranges. */
  bytesServed: number;
  /** Requests for assets, the refused ones included. */
  requests: number;
}

export interface Demo {
  readonly url: string;
  readonly port: number;
  readonly origin: Readonly<OriginState>;
  /** Stopped, every asset route answers 503 and transfers under way are cut. */
  setOriginUp(up: boolean): void;
  close(): Promise<void>;
}

const CLIENT_FILES: ReadonlySet<string> = new Set([
  '/zauberflote.js',
  '/zauberflote-css.mjs',
  '/zauberflote-media.mjs',
  '/zauberflote-sw.js',
  '/zauberflote-hash.mjs',
  '/zauberflote-debug.js',
]);
const CLIENT_DIR = join(import.meta.dirname, '..', 'client', 'dist');
/** Enough for `{"up":false}`; nothing else is sent to the control route. */
const CONTROL_BODY_MAX = 1024;
/** Small enough that stopping the origin cuts a transfer soon and the count stays true. */
const SLICE = 64 * 1024;

/**
 * Starts the demo site: a page, its assets (the "origin" the page can stop) and the client script.
 *
 * @throws the error of `listen`, with its `code` (`EADDRINUSE`, `EACCES`, ...)
 */
export async function startDemo(options: DemoOptions = {}): Promise<Demo> {
  const { port = 8000, host = 'localhost', trackerPort = 8080, clientDir = CLIENT_DIR } = options;
  const assets = await loadAssets();
  const byPath = new Map(assets.map((asset) => [asset.path, asset]));
  const renderPage = await loadPage(assets);
  const origin: OriginState = { up: true, bytesServed: 0, requests: 0 };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = URL.parse(request.url ?? '', 'http://demo')?.pathname;
    if (path === '/demo/origin') return control(request, response);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return say(response, 405, 'Only GET and HEAD are answered here.');
    }
    if (path === '/') return page(request, response);
    if (path && CLIENT_FILES.has(path)) return clientFile(path, response);
    const asset = path && byPath.get(path);
    if (asset) return serveAsset(asset, request, response, origin);
    say(response, 404, `There is no ${path ?? 'such path'} here.`);
  }

  function page(request: IncomingMessage, response: ServerResponse): void {
    const hostname = hostnameOf(request.headers.host);
    if (!hostname) return say(response, 400, 'The Host header is missing or not a host name.');
    const trackerUrl = options.trackerUrl ?? `ws://${hostname}:${trackerPort}/`;
    send(response, 'text/html; charset=utf-8', renderPage(trackerUrl));
  }

  async function clientFile(path: string, response: ServerResponse): Promise<void> {
    try {
      // Read on each request, so that a rebuild shows on reload.
      const body = await readFile(join(clientDir, path));
      send(response, 'text/javascript; charset=utf-8', body);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      say(response, 404, `The client is not built: ${path} is missing. Run npm run build.`);
    }
  }

  async function control(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'POST') {
      // Another site's page cannot send this type without asking first (CORS preflight).
      if (request.headers['content-type'] !== 'application/json') {
        return say(response, 415, 'Send application/json, for example {"up":false}.');
      }
      if (!(Number(request.headers['content-length']) <= CONTROL_BODY_MAX)) {
        return say(response, 413, `Send a content-length of at most ${CONTROL_BODY_MAX}.`);
      }
      const up = readUp(await text(request));
      if (up === undefined) return say(response, 400, 'Send {"up":true} or {"up":false}.');
      origin.up = up;
    } else if (request.method !== 'GET') {
      response.setHeader('allow', 'GET, POST');
      return say(response, 405, 'Only GET and POST are answered here.');
    }
    send(response, 'application/json', JSON.stringify(origin));
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      // A visitor who left needs no answer; anything else is a fault here and is told.
      if (response.headersSent || response.destroyed) return response.destroy();
      console.error(error);
      say(response, 500, 'The demo server failed; its terminal says why.');
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, () => resolve());
  });
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://${host === '0.0.0.0' || host === '::' ? 'localhost' : bracketed(host)}:${bound}/`,
    port: bound,
    origin,
    setOriginUp(up) {
      origin.up = up;
    },
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

async function serveAsset(
  asset: Asset,
  request: IncomingMessage,
  response: ServerResponse,
  origin: OriginState,
): Promise<void> {
  origin.requests++;
  if (!origin.up) {
    return say(response, 503, "The demo's origin is stopped; start it again on the page.");
  }
  const size = asset.body.length;
  // A reload really asks again, so the page shows who answers; a site keeps its own. `public`: what of it is here may be
  // passed on before all of it is.
  response.setHeader('cache-control', 'public, no-cache');
  response.setHeader('accept-ranges', 'bytes');
  const range = request.method === 'GET' ? parseRange(request.headers.range, size) : undefined;
  if (range === 'unsatisfiable') {
    response.setHeader('content-range', `bytes */${size}`);
    return say(response, 416, `This file has ${size} bytes.`);
  }
  if (range) response.setHeader('content-range', `bytes ${range.start}-${range.end}/${size}`);
  const body = range ? asset.body.subarray(range.start, range.end + 1) : asset.body;
  response.writeHead(range ? 206 : 200, {
    'content-type': asset.type,
    'content-length': body.length,
  });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  await pipeline(Readable.from(slices(body, origin)), response);
}

function* slices(body: Uint8Array, origin: OriginState): Generator<Uint8Array> {
  for (let at = 0; at < body.length; at += SLICE) {
    if (!origin.up) throw new Error('the origin was stopped');
    const slice = body.subarray(at, at + SLICE);
    origin.bytesServed += slice.length;
    yield slice;
  }
}

function send(response: ServerResponse, type: string, body: string | Uint8Array): void {
  response.writeHead(response.statusCode, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(body);
}

function say(response: ServerResponse, status: number, message: string): void {
  response.statusCode = status;
  send(response, 'text/plain; charset=utf-8', `${message}\n`);
}

/** The name the visitor used, without the port. It goes into the page, so only a name passes. */
function hostnameOf(host: string | undefined): string | undefined {
  return /^([\w.-]+|\[[\da-f:.]+\])(:\d+)?$/i.exec(host ?? '')?.[1];
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function readUp(body: string): boolean | undefined {
  try {
    const { up } = JSON.parse(body) as { up?: unknown };
    return typeof up === 'boolean' ? up : undefined;
  } catch {
    return undefined;
  }
}
