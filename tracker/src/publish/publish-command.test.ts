import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contentKey, parseContentId } from '@zauberflote/proto';
import { ED25519, pem } from '../../test-support/tokens.ts';
import { startTracker } from '../../test-support/tracker.ts';
import { readConfig } from '../config/read.ts';
import type { RunningTracker } from '../server.ts';
import { MAX_PUBLISHED_PER_REQUEST } from './limits.ts';
import { Publications } from './publications.ts';
import { PUBLISH_HELP, PublishError, publishFiles } from './publish-command.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest();
const zf1 = `zf1-${sha256('manifest').toString('base64url')}`;
const sri = `sha256-${sha256('file').toString('base64')}`;
const sha1 = createHash('sha1').update('old').digest('hex');

describe('zauberflote-tracker publish', () => {
  let folder: string;
  let tracker: RunningTracker;
  let keyFile: string;
  let publishedFile: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'zf-publish-command-'));
    keyFile = file('key', pem(ED25519.privateKey));
    publishedFile = join(folder, 'published.db');
    const publishKeysFile = file('public', pem(ED25519.publicKey));
    tracker = await startTracker({ port: 0, host: '127.0.0.1', publishKeysFile, publishedFile });
  });
  after(async () => {
    await tracker.close();
    rmSync(folder, { recursive: true });
  });

  function file(name: string, content: string): string {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  }
  const url = () => `http://127.0.0.1:${tracker.port}`;
  const run = (...args: readonly string[]) =>
    publishFiles(
      [
        ...(args.includes('--tracker') ? [] : ['--tracker', url()]),
        ...['--key-file', keyFile, '--site', 'example.com', ...args],
      ],
      new Date(),
    );
  const fails = (what: RegExp, args: readonly string[]) =>
    assert.rejects(run(...args), (error: Error) => {
      assert.ok(error instanceof PublishError, String(error));
      assert.match(error.message, what);
      return true;
    });
  const isServed = async (id: string) => {
    const publications = await Publications.open(publishedFile);
    const parsed = parseContentId(id);
    assert.ok(typeof parsed === 'object');
    const has = publications.has(contentKey(parsed), Date.now() / 1_000);
    publications.close();
    return has;
  };

  it('publishes what pages refer to, however they write it, and takes it back', async () => {
    const page = file(
      'index.html',
      `<img data-zf-hash="${zf1}" src=x><script data-zf-hash='${sri}'></script><p data-zf-hash=${sha1}>
       <b data-zf-hash="">data-zf-hash</b><img data-zf-hash = " ${zf1} ">`,
    );
    assert.equal(
      await run(page),
      `3 contents published\n${url()} serves 3 contents of example.com now\n`,
    );
    for (const id of [zf1, sri, sha1]) assert.equal(await isServed(id), true, id);
    const list = file('list.txt', `${sri}\n\n${sha1}\r\n`);
    assert.match(
      await run('--withdraw', list),
      /^2 contents taken back\n.* serves 1 contents of example\.com now/,
    );
    assert.deepEqual([await isServed(zf1), await isServed(sri)], [true, false]);
  });

  it('reads pages as a browser does', async () => {
    const sha = (n: number) => `sha256-${sha256(`${n}`).toString('base64')}`;
    const escaped = sha(1)
      .replaceAll('+', '&#43;')
      .replaceAll('/', '&#x2F;')
      .replaceAll('=', '&equals;');
    const page = file(
      'all.html',
      `<title>data-zf-hash="zf1-…"</title><!-- <img data-zf-hash="old"> -->
       <p title='see data-zf-hash=foo'>Write &lt;img data-zf-hash="zf1-…"&gt; or <code>data-zf-hash=""</code></p>
       <img src="x"data-zf-hash="${escaped}">
       <picture><source data-zf-srcset="/w,1.webp ${sha(2)} 640w,/w2.webp ${sha(3)} 1280w"></picture>
       <video data-zf-poster=" /p.jpg ${sha(4)} "></video><img data-zf-srcset="/a.jpg ${sha(5)}">
       <noscript><img data-zf-hash="${sha(6)}"></noscript><template><b data-zf-hash="${sha(7)}"></b></template>`,
    );
    assert.match(await run(page), /^7 contents published/);
    for (const n of [1, 2, 3, 4, 5, 6, 7]) assert.equal(await isServed(sha(n)), true, `${n}`);
    await run('--withdraw', page);
  });

  it('takes more than go into one request, by its command line from standard input', async () => {
    const ids = Array.from({ length: 2 * MAX_PUBLISHED_PER_REQUEST + 1 }, (_, n) =>
      createHash('sha1').update(`${n}`).digest('hex'),
    );
    const bin = new URL('../../bin/zauberflote-tracker.ts', import.meta.url).pathname;
    const args = ['publish', '--tracker', `${url()}/`, '--key-file', keyFile];
    const text = await new Promise<string>((resolve, reject) => {
      const child = execFile(
        process.execPath,
        [bin, ...args, '--site', 'big.test', '--for', '1h', '-'],
        (error, stdout) => (error ? reject(error) : resolve(stdout)),
      );
      child.stdin?.end(ids.join('\n'));
    });
    assert.match(text, /^513 contents published\n.* serves 513 contents of big\.test now/);
  });

  it('publishes at several trackers, named as pages name them, and says which did not take it', async () => {
    const publishKeysFile = join(folder, 'public');
    const other = await startTracker({
      ...{ port: 0, host: '127.0.0.1', publishKeysFile },
      publishedFile: join(folder, 'other.db'),
    });
    const list = file('several.txt', sri);
    const address = `http://127.0.0.1:${other.port}`;
    assert.equal(
      await publishFiles(
        ['--tracker', other.url, '--tracker', `${url()}/`, '--key-file', keyFile].concat([
          '--site',
          'several.test',
          list,
        ]),
        new Date(),
      ),
      `1 contents published
http://localhost:${other.port} serves 1 contents of several.test now
${url()} serves 1 contents of several.test now
`.replace('localhost', new URL(other.url).hostname),
    );
    await other.close();
    await fails(/ECONNREFUSED.*\n.* serves \d contents of example\.com now$/, [
      ...['--tracker', address, '--tracker', url(), '--for', '1h', list],
    ]);
  });

  it('needs no more than its keys: the tracker makes the file', () => {
    const { kind } = readConfig(
      ['--publish-keys-file', join(folder, 'public'), '--published-file', join(folder, 'new.db')],
      {},
    );
    assert.equal(kind, 'start');
  });

  it('says what is wrong', async () => {
    const list = file('one.txt', sri);
    await fails(/name the files/, []);
    await fails(/no data-zf-hash/, [file('plain.html', '<p>Nothing</p>')]);
    await fails(/broken\.html, line 2: "sha256-zz" is not a content hash/, [
      file('broken.html', '\n<img data-zf-hash="sha256-zz">'),
    ]);
    await fails(/srcset\.html, line 3: "\/b\.jpg" should be URL HASH/, [
      file('srcset.html', `<p>\n<p>\n<img data-zf-srcset="/a.jpg ${sri}, /b.jpg">`),
    ]);
    await fails(/is a folder; name the files/, [folder]);
    await fails(/nowhere\.html cannot be read/, [join(folder, 'nowhere.html')]);
    await fails(/--for takes a time up to 400d such as 30d, not '401d'/, ['--for', '401d', list]);
    await fails(/--tracker takes a URL.*not 'tracker\.example'/, [
      '--tracker',
      'tracker.example',
      list,
    ]);
    await fails(/Unknown option '--sites'/, ['--sites', 'a', list]);
    const open = await startTracker({ port: 0, host: '127.0.0.1' });
    const address = `http://127.0.0.1:${open.port}`;
    await fails(/does not take it: this tracker serves every content/, [
      '--tracker',
      address,
      list,
    ]);
    await open.close();
    const busy = createServer((_, response) => {
      response.writeHead(429, { 'Content-Type': 'text/plain' }).end('Too many from this address.');
    }).listen(0, '127.0.0.1');
    await once(busy, 'listening');
    await fails(/does not take it: HTTP 429: Too many from this address\.$/, [
      ...['--tracker', `http://127.0.0.1:${(busy.address() as AddressInfo).port}`, list],
    ]);
    busy.close();
    const elsewhere = createServer((request, response) => {
      response.writeHead(301, { Location: `https://tracker.example${request.url}` }).end();
    }).listen(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    const { port } = elsewhere.address() as AddressInfo;
    await fails(/it is elsewhere; name https:\/\/tracker\.example\/?$/, [
      ...['--tracker', `http://127.0.0.1:${port}`, list],
    ]);
    elsewhere.close();
    await fails(/token is for another service/, ['--audience', 'other', list]);
    assert.equal(await publishFiles(['--help'], new Date()), PUBLISH_HELP);
  });
});
