import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { HttpError, type HttpErrorKind } from './http.ts';
import { content, type Got, get, Origins } from './test-origin.ts';

const FILE = content(200_000);
const TEXT = Buffer.alloc(50_000, 'all the same ');
const ASKED = { offset: 1000, length: 500 };
const PART = FILE.subarray(1000, 1500);
const RANGE = 'bytes 1000-1499/200000';

/** What origins do that are not as one wishes. */
describe('fetchRange from an origin', () => {
  const origins = new Origins();
  after(() => origins.close());

  const answering = (answer: (response: ServerResponse) => void) =>
    origins.serve((_, response) => answer(response));

  function failed({ error }: Got, kind: HttpErrorKind, message: RegExp): void {
    assert.ok(error instanceof HttpError, String(error));
    assert.equal(error.kind, kind, error.message);
    assert.match(error.message, message);
  }

  describe('without ranges', () => {
    it('gives the whole file, and says so', async () => {
      const url = await answering((response) =>
        response
          .writeHead(200, { 'accept-ranges': 'none', 'content-length': FILE.length })
          .end(FILE),
      );
      const { heads, data, error } = await get(url, ASKED);
      assert.equal(error, undefined);
      assert.deepEqual(data, FILE);
      assert.deepEqual(heads, [
        {
          offset: 0,
          end: FILE.length,
          total: FILE.length,
          mediaType: '',
          ranged: false,
          isPrivate: true,
          isWhole: true,
        },
      ]);
    });

    it('gives a file of unknown size', async () => {
      const { heads, data, error } = await get(
        await answering((r) => r.writeHead(200).end(FILE)),
        ASKED,
      );
      assert.equal(error, undefined);
      assert.deepEqual(data, FILE);
      assert.deepEqual([heads[0]?.end, heads[0]?.total], [undefined, undefined]);
    });
  });

  describe('that lies', () => {
    for (const [what, range] of [
      ['starts elsewhere', 'bytes 1001-1500/200000'],
      ['starts before', 'bytes 0-1499/200000'],
      ['sends more', 'bytes 1000-1500/200000'],
      ['ends before it starts', 'bytes 1000-999/200000'],
      ['has a file that is smaller than its range', 'bytes 1000-1499/1499'],
      ['counts something else', 'items 1000-1499/200000'],
      ['says nonsense', 'bytes 1000-/200000'],
    ] as const)
      it(`is refused if it ${what}`, async () => {
        const url = await answering((r) => r.writeHead(206, { 'content-range': range }).end(PART));
        const got = await get(url, ASKED);
        failed(got, 'range', /answered bytes=1000-1499 with \w+ \d+-/);
        assert.deepEqual([got.heads.length, got.data.length], [0, 0]);
      });

    it('is refused if it sends several parts', async () => {
      const mediaType = 'multipart/byteranges; boundary=x';
      const url = await answering((r) =>
        r.writeHead(206, { 'content-type': mediaType }).end('--x'),
      );
      failed(await get(url, ASKED), 'range', /multipart/);
    });

    for (const [what, options] of [
      ['a range', ASKED],
      ['a file from there on', { offset: 1000 }],
    ] as const)
      it(`never gives more of ${what} than announced`, async () => {
        const url = await answering((response) => {
          response.writeHead(206, { 'content-range': RANGE });
          response.write(PART, () => response.end('more'));
        });
        const got = await get(url, options);
        failed(got, 'range', /sent more than the 500 bytes/);
        assert.ok(PART.indexOf(got.data) === 0);
      });

    it('is not believed to have sent a range that is too short', async () => {
      const url = await answering((response) =>
        response.writeHead(206, { 'content-range': RANGE }).end(PART.subarray(1)),
      );
      const got = await get(url, ASKED);
      failed(got, 'truncated', /broke off after 499 bytes/);
      assert.deepEqual(got.data, PART.subarray(1));
    });

    it('is not seen through by other bytes: that is for hashes', async () => {
      const other = FILE.subarray(7000, 7500);
      const url = await answering((r) => r.writeHead(206, { 'content-range': RANGE }).end(other));
      const { data, error } = await get(url, ASKED);
      assert.equal(error, undefined);
      assert.deepEqual(data, other);
    });
  });

  describe('that may give less', () => {
    it('gives the start of a range', async () => {
      const url = await answering((response) =>
        response
          .writeHead(206, { 'content-range': 'bytes 1000-1099/*' })
          .end(PART.subarray(0, 100)),
      );
      const { heads, data, error } = await get(url, ASKED);
      assert.equal(error, undefined);
      assert.deepEqual(data, PART.subarray(0, 100));
      assert.deepEqual(heads, [
        { offset: 1000, end: 1100, total: undefined, mediaType: '', ranged: true, isPrivate: true },
      ]);
    });

    for (const [what, headers, size, end] of [
      ['neither range nor length', {}, 500, 1500],
      ['no range but a length', { 'content-length': 300 }, 300, 1300],
    ] as const)
      it(`is trusted where it shows ${what}`, async () => {
        const url = await answering((r) => r.writeHead(206, headers).end(PART.subarray(0, size)));
        const { heads, data, error } = await get(url, ASKED);
        assert.equal(error, undefined);
        assert.equal(data.length, size);
        assert.deepEqual([heads[0]?.end, heads[0]?.total], [end, undefined]);
      });

    it('may leave open where its file ends', async () => {
      const url = await answering((r) => r.writeHead(206).end(PART));
      const { heads, error } = await get(url, { offset: 1000 });
      assert.equal(error, undefined);
      assert.equal(heads[0]?.end, undefined);
    });

    it('is refused if its length, all that it shows, is more than was asked', async () => {
      const url = await answering((r) =>
        r.writeHead(206, { 'content-length': 501 }).end('x'.repeat(501)),
      );
      failed(await get(url, ASKED), 'range', /bytes=1000-1499/);
    });
  });

  describe('that compresses', () => {
    const gzip = { 'content-encoding': 'gzip' };

    for (const options of [{}, ASKED])
      it(`gives the file as it is, of unknown size (${JSON.stringify(options)})`, async () => {
        const coded = gzipSync(TEXT);
        const url = await answering((r) =>
          r.writeHead(200, { ...gzip, 'content-length': coded.length }).end(coded),
        );
        const { heads, data, error } = await get(url, options);
        assert.equal(error, undefined);
        assert.deepEqual(data, TEXT);
        assert.deepEqual([heads[0]?.end, heads[0]?.total], [undefined, undefined]);
      });

    it('is refused if it gives a range of the compressed form', async () => {
      const coded = gzipSync(FILE).subarray(1000, 1500);
      const url = await answering((r) =>
        r.writeHead(206, { ...gzip, 'content-range': RANGE }).end(coded),
      );
      const got = await get(url, ASKED);
      failed(got, 'range', /gzip/);
      assert.equal(got.data.length, 0);
    });

    it('and breaks off is seen', async () => {
      const coded = gzipSync(FILE);
      const url = await answering((response) => {
        response.writeHead(200, { ...gzip, 'content-length': coded.length });
        response.write(coded.subarray(0, 100_000), () => response.destroy());
      });
      const got = await get(url);
      assert.ok(got.error instanceof HttpError);
      assert.ok(got.data.length < FILE.length);
    });
  });

  describe('that redirects', () => {
    for (const elsewhere of [false, true])
      it(`to ${elsewhere ? 'another origin' : 'another path'} is followed with the range`, async () => {
        const ranges: unknown[] = [];
        const target = await origins.serve((request, response) => {
          if (request.url === '/old') return response.writeHead(302, { location: '/new' }).end();
          ranges.push(request.headers.range);
          return response.writeHead(206, { 'content-range': RANGE }).end(PART);
        });
        const url = elsewhere
          ? await answering((r) => r.writeHead(302, { location: `${target}/new` }).end())
          : `${target}/old`;
        const { heads, data, error } = await get(url, ASKED);
        assert.equal(error, undefined);
        assert.deepEqual(data, PART);
        assert.equal(heads[0]?.total, FILE.length);
        assert.deepEqual(ranges, ['bytes=1000-1499']);
      });

    it('in a circle is unreachable', async () => {
      const url = await answering((r) => r.writeHead(302, { location: '/' }).end());
      failed(await get(url, ASKED), 'unreachable', /could not be fetched/);
    });
  });

  describe('that breaks off', () => {
    const announced = { 'content-length': FILE.length };
    const rest = { 'content-range': 'bytes 1000-199999/200000', 'content-length': 199_000 };
    for (const [what, options, status, headers] of [
      ['a file of a known length', {}, 200, announced],
      ['a chunked file', {}, 200, {}],
      ['a file instead of a range', ASKED, 200, announced],
      ['a range', { offset: 1000 }, 206, rest],
      ['a chunked range', { offset: 1000 }, 206, { 'content-range': rest['content-range'] }],
      ['a chunked range that says nothing', { offset: 1000 }, 206, {}],
    ] as const)
      it(`never completes ${what}`, async () => {
        let answer: ServerResponse | undefined;
        const url = await answering((response) => {
          answer = response.writeHead(status, headers);
          answer.write(FILE.subarray(1000, 50_000));
        });
        const got = await get(url, { ...options, onData: () => answer?.destroy() });
        failed(got, 'truncated', /broke off after \d/);
        assert.ok(got.data.length > 0 && FILE.indexOf(got.data) === 1000);
      });

    it('after the head is unreachable', async () => {
      const url = await answering((response) => {
        response.writeHead(200, announced).flushHeaders();
        response.destroy();
      });
      const got = await get(url);
      failed(got, 'unreachable', /could not be fetched/);
    });
  });
});
