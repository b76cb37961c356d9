import assert from 'node:assert/strict';
import { createHash, webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeManifest, MAX_MANIFEST_BYTES } from '@zauberflote/proto';
import { ZfError } from '../errors.ts';
import { parseContentId } from '../integrity/content-id.ts';
import { Verifier } from '../integrity/digest.ts';
import { Manifests } from '../integrity/manifests.ts';
import { browserPlatform } from '../platform.ts';
import { manifestUrl, obtainManifest } from './manifest.ts';

const never = () => Promise.reject(new Error('must not be loaded'));
const verifier = new Verifier(webcrypto.subtle as SubtleCrypto, never);
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest();
const DATA = Buffer.from(Array.from({ length: 40_000 }, (_, i) => (i * i) % 251));

/** The manifest of DATA, by another implementation. */
function manifestOf(mediaType: string, chunkSize = 16_384): Uint8Array<ArrayBuffer> {
  const chunks: Buffer[] = [];
  for (let at = 0; at < DATA.length; at += chunkSize)
    chunks.push(sha256(DATA.subarray(at, at + chunkSize)));
  return encodeManifest({
    size: BigInt(DATA.length),
    chunkSize,
    chunkSha256: Buffer.concat(chunks),
    sha256: sha256(DATA),
    mediaType,
  });
}

const idOf = (manifest: Uint8Array) =>
  parseContentId(`zf1-${sha256(manifest).toString('base64url')}`);

describe('obtainManifest', () => {
  type Answer = (response: ServerResponse, cacheControl: string | undefined) => void;
  let server: Server;
  let origin: string;
  let requests: string[];
  let answers: Record<string, Answer>;
  let manifests: Manifests;

  beforeEach(async () => {
    requests = [];
    answers = {};
    manifests = new Manifests(verifier);
    server = createServer(({ url = '', headers }, response) => {
      requests.push(url);
      const answer = answers[url];
      if (answer) answer(response, headers['cache-control']);
      else response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Not found</h1>');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const send =
    (body: Uint8Array, type = ''): Answer =>
    (response) =>
      response.writeHead(200, type ? { 'content-type': type } : {}).end(body);

  function obtain(
    manifest: Uint8Array,
    path: string | undefined,
    signal = new AbortController().signal,
  ) {
    return obtainManifest(idOf(manifest), {
      platform: browserPlatform(),
      verifier,
      manifests,
      fallback: path === undefined ? undefined : origin + path,
      signal,
    });
  }

  it('asks nobody for one that is known', async () => {
    manifests.add(manifestOf('image/png'));
    const { manifest, body } = await obtain(manifestOf('image/png'), '/a.png');
    assert.deepEqual(manifest.bytes, manifestOf('image/png'));
    assert.equal(body, undefined);
    await obtain(manifestOf('image/png'), undefined);
    assert.deepEqual(requests, []);
  });

  it('gets the one beside the file, and remembers it', async () => {
    answers['/a.png.zf?v=2'] = send(manifestOf('x/y', 999));
    for (let i = 0; i < 2; i++) {
      const { manifest, body } = await obtain(manifestOf('x/y', 999), '/a.png?v=2#top');
      assert.equal(manifest.chunkSize, 999);
      assert.equal(body, undefined);
    }
    assert.deepEqual(requests, ['/a.png.zf?v=2']);
  });

  it('asks once more past the caches when a cache has an old one', async () => {
    answers['/a.png.zf'] = (response, cacheControl) =>
      response.end(manifestOf(cacheControl === 'no-cache' ? 'x/new' : 'x/old', 999));
    const { manifest } = await obtain(manifestOf('x/new', 999), '/a.png');
    assert.equal(manifest.mediaType, 'x/new');
    assert.equal(requests.length, 2);
  });

  for (const [name, path, served, type] of [
    ['the extension', '/a.js?v=1.css', 'application/javascript', 'text/javascript'],
    ['the origin', '/a', 'text/html; charset=utf-8', 'text/html; charset=utf-8'],
    ['the origin, without parameters', '/a', 'text/html; charset=utf-8', 'text/html'],
    ['nobody', '/a', 'text/html', ''],
    ['nobody, and the origin says none', '/a', '', ''],
  ] as const)
    it(`makes it from the file; its media type is of ${name}`, async () => {
      answers[path] = send(DATA, served);
      answers[manifestUrl(path)] = send(Buffer.from('<!doctype html>'), 'text/html');
      const { manifest, body } = await obtain(manifestOf(type), path);
      assert.deepEqual(manifest.bytes, manifestOf(type));
      assert.equal(manifest.count, 3);
      assert.deepEqual(Buffer.from(body!.data), DATA);
      assert.equal(body!.mediaType, served);
      assert.deepEqual(requests, [manifestUrl(path), path]);
      assert.equal((await manifests.get(idOf(manifestOf(type))))?.mediaType, type);
    });

  it('makes it from the file past the caches when a cache has an old file', async () => {
    answers['/a.png'] = (response, cacheControl) =>
      response.end(cacheControl === 'no-cache' ? DATA : 'old');
    const { body } = await obtain(manifestOf('image/png'), '/a.png');
    assert.deepEqual(Buffer.from(body!.data), DATA);
    assert.deepEqual(requests, ['/a.png.zf', '/a.png', '/a.png']);
  });

  it('names cause and cure when the file does not give it', async () => {
    answers['/a.png'] = send(DATA, 'image/png');
    await assert.rejects(obtain(manifestOf('image/png', 999), '/a.png'), (error: unknown) => {
      assert.ok(error instanceof ZfError);
      assert.equal(error.code, 'hash-mismatch');
      assert.match(error.message, /\/a\.png does not give the manifest zf1-\S{43}, .*\/a\.png\.zf/);
      assert.match(error.message, /npx zauberflote-manifest --write/);
      return true;
    });
  });

  it('names the status of the file when there is nothing', async () => {
    await assert.rejects(obtain(manifestOf(''), '/a.png'), (error: unknown) => {
      assert.ok(error instanceof ZfError);
      assert.equal(error.code, 'no-source');
      assert.match(
        error.message,
        /no manifest for zf1-\S{43} .*\/a\.png\.zf, .*\/a\.png answered 404/,
      );
      return true;
    });
  });

  it('says so when there is no fallback', async () => {
    await assert.rejects(obtain(manifestOf(''), undefined), { code: 'no-source' });
  });

  it('stops reading what is larger than a manifest, announced or not', async () => {
    answers['/a.png'] = send(DATA);
    for (const announced of [true, false]) {
      let sent = 0;
      let closed = Promise.resolve<unknown>(undefined);
      answers['/a.png.zf'] = (response) => {
        closed = once(response, 'close');
        const part = Buffer.alloc(65_536, manifestOf('image/png'));
        if (announced) response.setHeader('content-length', 1e12);
        const more = (): void => {
          if (response.destroyed) return;
          sent += part.length;
          response.write(part, more);
        };
        more();
      };
      manifests = new Manifests(verifier);
      await obtain(manifestOf('image/png'), '/a.png');
      await closed;
      assert.ok(announced || sent > MAX_MANIFEST_BYTES, `${sent} bytes were too few to tell`);
    }
  });

  it('stops when aborted, at the manifest and at the file', async () => {
    for (const path of ['/a.png.zf', '/a.png']) {
      const controller = new AbortController();
      const reason = new Error('enough');
      answers = { [path]: () => controller.abort(reason) };
      const rejected = obtain(manifestOf('image/png'), '/a.png', controller.signal);
      await assert.rejects(rejected, (error) => error === reason);
    }
    assert.deepEqual(requests, ['/a.png.zf', '/a.png.zf', '/a.png']);
  });
});

describe('manifestUrl', () => {
  it('puts .zf behind the path', () => {
    for (const [url, expected] of [
      ['/a.jpg', '/a.jpg.zf'],
      ['/a.jpg?v=2', '/a.jpg.zf?v=2'],
      ['a.jpg#x?y', 'a.jpg.zf#x?y'],
      ['https://x.example/a?b=/c?d#e', 'https://x.example/a.zf?b=/c?d#e'],
    ])
      assert.equal(manifestUrl(url!), expected);
  });
});
