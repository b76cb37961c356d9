import assert from 'node:assert/strict';
import { createHash, webcrypto } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { makeManifest } from '@zauberflote/convert';
import { parseContentId } from '../integrity/content-id.ts';
import { Verifier } from '../integrity/digest.ts';
import { Manifests } from '../integrity/manifests.ts';
import { browserPlatform } from '../platform.ts';
import { HTTP_STALL_MS } from './http.ts';
import { MANIFEST_RETRIES_MS, obtainManifest } from './manifest.ts';
import { content, Origins } from './test-origin.ts';

const never = () => Promise.reject(new Error('must not be loaded'));
const FILE = content(40_000);
const [FIRST, SECOND] = MANIFEST_RETRIES_MS as [number, number];

describe('obtainManifest, where it cannot be fetched', () => {
  const origins = new Origins();
  const verifier = new Verifier(webcrypto.subtle as SubtleCrypto, never);
  let manifests: Manifests;
  /** What the origin answers to each request for the manifest; the last one stands. */
  let answers: ((response: ServerResponse) => unknown)[];
  let requests: string[];
  /** Pauses made, in ms: they take no time here. */
  let pauses: number[];
  let onPause: () => void;

  beforeEach(() => {
    manifests = new Manifests(verifier);
    answers = [];
    requests = [];
    pauses = [];
    onPause = () => {};
  });

  afterEach(() => {
    origins.close();
    Reflect.deleteProperty(globalThis, 'location');
  });

  const status =
    (code: number, headers = {}) =>
    (response: ServerResponse) =>
      response.writeHead(code, headers).end('no');

  async function obtain(signal = new AbortController().signal) {
    const made = await makeManifest([FILE], FILE.length, { mediaType: 'x/y' });
    const url = await origins.serve(({ url = '' }, response) => {
      requests.push(url);
      if (url === '/a') return response.writeHead(200, { 'content-type': 'x/y' }).end(FILE);
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      return answer ? answer(response) : response.end(made.manifest);
    });
    const real = browserPlatform();
    const setTimer = (ms: number, callback: () => void) => {
      if (ms >= HTTP_STALL_MS) return real.setTimer(ms, callback);
      pauses.push(ms);
      onPause();
      return real.setTimer(0, callback);
    };
    const platform = { ...real, setTimer };
    const sources = { platform, verifier, manifests, fallback: `${url}/a`, signal };
    const obtained = await obtainManifest(parseContentId(made.id), sources);
    const digest = createHash('sha256').update(obtained.manifest.bytes).digest('base64url');
    assert.equal(`zf1-${digest}`, made.id);
    return obtained;
  }

  /** @param asked whether the file was fetched instead */
  const check = async (expected: number[], asked: boolean) => {
    const { body } = await obtain();
    assert.deepEqual(pauses, expected);
    assert.equal(body !== undefined, asked);
    const tries = Array.from({ length: expected.length + 1 }, () => '/a.zf');
    assert.deepEqual(requests, [...tries, ...(asked ? ['/a'] : [])]);
  };

  for (const code of [408, 425, 500])
    it(`asks again after pauses when the answer is ${code}`, async () => {
      answers = [status(code), status(code), (response) => response.end('<!doctype html>')];
      await check([FIRST, SECOND], true);
    });

  it('takes what comes then', async () => {
    const made = await makeManifest([FILE], FILE.length, { mediaType: 'x/y' });
    answers = [status(500), (response) => response.end(made.manifest)];
    await check([FIRST], false);
  });

  it('asks for the file in the end', async () => {
    answers = [status(500)];
    await check([FIRST, SECOND], true);
  });

  for (const code of [400, 401, 403, 404, 410])
    it(`asks for the file at once when the answer is ${code}`, async () => {
      answers = [status(code)];
      await check([], true);
    });

  for (const code of [429, 502, 503, 504])
    it(`asks for the file when ${code} sends everybody away for long`, async () => {
      answers = [status(code, { 'retry-after': '3600' })];
      const { body } = await obtain();
      assert.ok(body);
      assert.deepEqual(requests, ['/a.zf', '/a']);
    });

  it('asks again for one that broke off', async () => {
    answers = [
      (response) => {
        response.writeHead(200, { 'content-length': 1000 }).write('x'.repeat(10));
        setImmediate(() => response.destroy());
      },
      status(404),
    ];
    await check([FIRST], true);
  });

  it('asks once more after no answer from its own origin', async () => {
    answers = [(response) => response.destroy()];
    await check([FIRST], true);
  });

  it('and without a pause, only past the cache, where a missing file may look like that', async () => {
    const location = { origin: 'https://page.example', href: 'https://page.example/' };
    Object.defineProperty(globalThis, 'location', { value: location, configurable: true });
    const broken = (response: ServerResponse) => response.destroy();
    answers = [broken, broken];
    assert.notEqual((await obtain()).body, undefined);
    assert.deepEqual([requests, pauses], [['/a.zf', '/a.zf', '/a'], []]);
  });

  it('asks no more for one that came into the page meanwhile', async () => {
    const { manifest } = await makeManifest([FILE], FILE.length, { mediaType: 'x/y' });
    answers = [status(500)];
    onPause = () => manifests.add(manifest);
    assert.equal((await obtain()).body, undefined);
    assert.deepEqual([requests, pauses], [['/a.zf'], [FIRST]]);
  });

  it('ends its pause when aborted', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    answers = [status(500)];
    onPause = () => controller.abort(reason);
    await assert.rejects(obtain(controller.signal), (error) => error === reason);
    assert.deepEqual(requests, ['/a.zf']);
  });
});
