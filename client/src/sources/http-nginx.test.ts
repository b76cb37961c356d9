import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { HttpError } from './http.ts';
import { TestNginx } from './test-nginx.ts';
import { get } from './test-origin.ts';

/** Compresses to a third, so that lengths of the two forms are told apart. */
const FILE = Buffer.from(Array.from({ length: 300_000 }, (_, i) => 97 + (((i * i) >> 7) % 5)));
const ASKED = { offset: 100_000, length: 50_000 };

describe('fetchRange from nginx', () => {
  let nginx: TestNginx;
  before(async () => {
    nginx = await TestNginx.start(FILE);
  });
  after(() => nginx?.stop());

  for (const path of ['/plain', '/gzip', '/gzip-made', '/moved']) {
    it(`gets ranges of ${path}`, async () => {
      for (const { offset, length } of [
        ASKED,
        { offset: 0, length: 1 },
        { offset: 299_999, length: undefined },
        { offset: 299_000, length: 5000 },
      ]) {
        const { heads, data, error } = await get(nginx.url + path, { offset, length });
        assert.equal(error, undefined);
        const end = Math.min(FILE.length, offset + (length ?? FILE.length));
        assert.deepEqual(data, FILE.subarray(offset, end));
        const { mediaType: _, ...head } = heads[0]!;
        assert.deepEqual(head, { offset, end, total: FILE.length, ranged: true, isPrivate: false });
      }
    });

    it(`gets all of ${path}`, async () => {
      const { heads, data, error } = await get(nginx.url + path);
      assert.equal(error, undefined);
      assert.deepEqual(data, FILE);
      // What is compressed has a length that is not the file's.
      assert.equal(heads[0]?.total, path.startsWith('/gzip') ? undefined : FILE.length);
    });
  }

  it('gets the whole file for a range of one without ranges', async () => {
    const { heads, data, error } = await get(`${nginx.url}/rangeless`, ASKED);
    assert.equal(error, undefined);
    assert.deepEqual(data, FILE);
    assert.deepEqual(
      [heads[0]?.ranged, heads[0]?.offset, heads[0]?.total],
      [false, 0, FILE.length],
    );
  });

  it('gets all of what is compressed even for those who do not take it', async () => {
    for (const options of [{}, ASKED]) {
      const { heads, data, error } = await get(`${nginx.url}/gzip-always`, options);
      assert.equal(error, undefined);
      assert.deepEqual(data, FILE);
      assert.deepEqual([heads[0]?.ranged, heads[0]?.total], [false, undefined]);
    }
  });

  it('refuses ranges of the compressed form, and gets all of it', async () => {
    const url = `${nginx.url}/gzip-stored`;
    const { data, error } = await get(url, { offset: 100, length: 50 });
    assert.ok(error instanceof HttpError);
    assert.equal(error.kind, 'range');
    assert.match(error.message, new RegExp(`bytes 100-149/${gzipSync(FILE).length}, gzip`));
    assert.equal(data.length, 0);
    assert.deepEqual((await get(url)).data, FILE);
  });

  it('learns the size from a range beyond the end', async () => {
    const { error } = await get(`${nginx.url}/plain`, { offset: 300_000, length: 10 });
    assert.ok(error instanceof HttpError);
    assert.deepEqual([error.kind, error.status, error.size], ['status', 416, 300_000]);
  });

  it('names what is missing', async () => {
    const { error } = await get(`${nginx.url}/none`);
    assert.match(String(error), /\/none answered 404/);
  });

  it('gets a range of a slow one', async () => {
    const { data, error } = await get(`${nginx.url}/slow`, { offset: 1000, length: 60_000 });
    assert.equal(error, undefined);
    assert.deepEqual(data, FILE.subarray(1000, 61_000));
  });

  it('cuts a long range short: nginx stops sending', async () => {
    const controller = new AbortController();
    // All of it would take half a minute: it is not sent before this page, however busy, has stopped it.
    const { data, error } = await get(`${nginx.url}/slowest`, {
      offset: 1000,
      signal: controller.signal,
      onData: () => controller.abort(),
    });
    assert.equal((error as Error).name, 'AbortError');
    assert.ok(data.length > 0);
    const [, range, status, sent] = await nginx.logged('/slowest');
    assert.deepEqual([range, status], ['bytes=1000-', '206']);
    assert.ok(Number(sent) < 299_000, `${sent} bytes sent`);
  });
});
