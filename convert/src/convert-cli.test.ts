import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import version from '../package.json' with { type: 'json' };

const COMMAND = fileURLToPath(new URL('../bin/zauberflote-convert.ts', import.meta.url));
const TRACKER = ['--tracker', 'wss://tracker.example/'];
/** Where no client has to be built. */
const TO = ['--out', 'dist', ...TRACKER, '--script', '/zauberflote.js'];
const HTML = '<!doctype html><title>x</title><img src="/a.jpg">';

describe('zauberflote-convert', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'zf-convert-'));
    put('site/index.html', HTML);
    put('site/a.jpg', Buffer.alloc(40_000, 'a'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const at = (path: string) => join(folder, path);
  const read = (path: string) => readFileSync(at(path), 'utf8');
  function put(path: string, content: string | Uint8Array) {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), content);
  }
  /** All paths under a folder, sorted. */
  const tree = (path: string) =>
    readdirSync(at(path), { recursive: true, encoding: 'utf8' }).toSorted();

  function run(...args: readonly string[]) {
    return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) =>
      execFile(process.execPath, [COMMAND, ...args], { cwd: folder }, (error, stdout, stderr) =>
        resolve({ code: error ? error.code : 0, stdout, stderr }),
      ),
    );
  }
  async function succeed(...args: readonly string[]) {
    const result = await run(...args);
    assert.equal(result.code, 0, result.stderr);
    return result;
  }

  it('marks pages and copies everything else as it is', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    put('site/sub/data.bin', bytes);
    put('site/.htaccess', 'x');
    put('site/plain.htm', '<!doctype html>\r\n<p>nothing');
    mkdirSync(at('site/empty'));
    chmodSync(at('site/sub/data.bin'), 0o640);
    chmodSync(at('site'), 0o755);
    utimesSync(at('site/sub/data.bin'), 1e9, 1e9);
    const { stdout, stderr } = await succeed('site', ...TO);
    assert.equal(stdout, '');
    assert.match(stderr, /^1 of 2 pages marked, 1 file in them$/m);
    assert.deepEqual(tree('dist'), [...tree('site'), '.zauberflote-convert.json'].toSorted());
    assert.deepEqual(readFileSync(at('dist/sub/data.bin')), Buffer.from(bytes));
    const { mode, mtimeMs } = statSync(at('dist/sub/data.bin'));
    assert.deepEqual([mode & 0o777, mtimeMs], [0o640, 1e12]);
    assert.equal(statSync(at('dist')).mode & 0o777, 0o755);
    assert.equal(read('dist/plain.htm'), read('site/plain.htm'));
    assert.match(
      read('dist/index.html'),
      /<img data-zf-fallback="\/a.jpg" data-zf-hash="zf1-[\w-]{43}">/,
    );
    assert.equal(read('site/index.html'), HTML);
    assert.deepEqual(readdirSync(folder), ['dist', 'site']);
  });

  it('names the id that zauberflote-manifest prints, also with a manifest beside the file', async () => {
    await succeed('site', ...TO, '--max-inline', '0');
    const manifest = fileURLToPath(new URL('../bin/zauberflote-manifest.ts', import.meta.url));
    const printed = await new Promise<string>((resolve, reject) =>
      execFile(process.execPath, [manifest, at('site/a.jpg')], (error, stdout) =>
        error ? reject(error) : resolve(stdout),
      ),
    );
    const { id, manifest: base64 } = JSON.parse(printed);
    assert.ok(read('dist/index.html').includes(`data-zf-hash="${id}"`));
    assert.equal(readFileSync(at('dist/a.jpg.zf')).toString('base64'), base64);
    assert.doesNotMatch(read('dist/index.html'), /zauberflote-manifest">/);
  });

  it("leaves another manifest beside a file alone: it is the owner's", async () => {
    put('site/a.jpg.zf', 'of another chunk size');
    await succeed('site', ...TO, '--max-inline', '0');
    assert.equal(read('dist/a.jpg.zf'), 'of another chunk size');
    assert.match(read('dist/index.html'), /zauberflote-manifest">/);
  });

  it('puts the client beside the site, where pages look for it', async () => {
    const base = 'https://example.org/shop/';
    put(
      'site/index.html',
      '<!doctype html><title>x</title><img src="https://example.org/shop/a.jpg">',
    );
    await succeed('site', '--out', 'dist', ...TRACKER, '--base-url', base);
    assert.match(read('dist/index.html'), /<script src="\/shop\/zauberflote\/zauberflote\.js" /);
    const dist = new URL('../../client/dist/', import.meta.url);
    for (const name of [
      'zauberflote.js',
      'zauberflote-css.mjs',
      'zauberflote-hash.mjs',
      'zauberflote.js.br',
    ])
      assert.deepEqual(
        readFileSync(at(`dist/zauberflote/${name}`)),
        readFileSync(new URL(name, dist)),
      );
    put('site/zauberflote/own.txt', 'x');
    const { code, stderr } = await run('site', '--out', 'dist', ...TRACKER);
    assert.equal(code, 0, stderr);
    put('site/index.html', HTML);
    const refused = await run('site', '--out', 'dist', ...TRACKER);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /a zauberflote\/ of its own/);
  });

  it('lets video and audio play while they come, by a worker at the top', async () => {
    put('site/deep/index.html', '<!doctype html><title>x</title><video src="../a.jpg"></video>');
    await succeed('site', ...TO);
    assert.doesNotMatch(read('dist/deep/index.html'), /data-zf-hash/);
    const flags = ['--out', 'dist', ...TRACKER, '--worker'];
    await succeed('site', ...flags);
    const page = read('dist/deep/index.html');
    assert.match(page, /<video data-zf-fallback="\.\.\/a\.jpg" data-zf-hash="zf1-/);
    assert.match(page, /data-tracker="[^"]*" data-worker="\/zauberflote-sw\.js" async><\/script>/);
    for (const [path, name] of [
      ['zauberflote-sw.js', 'zauberflote-sw.js'],
      ['zauberflote/zauberflote-media.mjs', 'zauberflote-media.mjs'],
    ] as const)
      assert.deepEqual(
        readFileSync(at(`dist/${path}`)),
        readFileSync(new URL(`../../client/dist/${name}`, import.meta.url)),
      );
    await succeed('site', ...flags, '--check');
    await succeed('dist', '--out', 'again', ...TRACKER, '--worker');
    assert.equal(read('again/deep/index.html'), page);
    assert.equal(read('again/zauberflote-sw.js'), read('dist/zauberflote-sw.js'));
    await succeed('dist', '--out', 'without', ...TRACKER);
    assert.ok(!existsSync(at('without/zauberflote-sw.js')));
    put('site/zauberflote-sw.js', 'mine');
    const refused = await run('site', ...flags);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /a zauberflote-sw\.js of its own/);
    assert.equal(read('dist/deep/index.html'), page);
  });

  it('converts what it wrote to the same, and drops what is not needed any more', async () => {
    await succeed('site', ...TO, '--max-inline', '0');
    await succeed('dist', '--out', 'again', ...TO.slice(2), '--max-inline', '0');
    for (const path of tree('dist'))
      assert.deepEqual(readFileSync(at(`again/${path}`)), readFileSync(at(`dist/${path}`)), path);
    assert.deepEqual(tree('again'), tree('dist'));
    rmSync(at('dist/a.jpg'));
    await succeed('dist', '--out', 'again', ...TO.slice(2));
    assert.equal(read('again/index.html'), HTML);
    assert.deepEqual(tree('again'), ['.zauberflote-convert.json', 'index.html']);
  });

  describe('with links', () => {
    it('copies those that stay in the site, and none that leave it', async () => {
      put('secret.jpg', Buffer.alloc(40_000, 's'));
      put('elsewhere/b.jpg', Buffer.alloc(40_000, 's'));
      mkdirSync(at('site/pics'));
      put('site/pics/c.jpg', Buffer.alloc(40_000, 'c'));
      symlinkSync('../secret.jpg', at('site/out.jpg'));
      symlinkSync('../elsewhere', at('site/outside'));
      symlinkSync('/nowhere', at('site/dangling'));
      symlinkSync('..', at('site/up'));
      symlinkSync('.', at('site/pics/round'));
      symlinkSync(at('site/a.jpg'), at('site/absolute.jpg'));
      put(
        'site/index.html',
        `<!doctype html>${['out.jpg', 'outside/b.jpg', 'absolute.jpg', '../secret.jpg', '..%2fsecret.jpg', 'pics/round/c.jpg', '%2e%2e/secret.jpg'].map((url) => `<img src="${url}">`).join('')}`,
      );
      const { stderr } = await succeed('site', ...TO, '--verbose');
      for (const name of ['out.jpg', 'outside', 'dangling', 'up']) {
        assert.match(stderr, new RegExp(`^  ${name}: it is a link that leads out`, 'm'));
        assert.equal(lstatSync(at(`dist/${name}`), { throwIfNoEntry: false }), undefined);
      }
      assert.equal(readlinkSync(at('dist/absolute.jpg')), 'a.jpg');
      assert.equal(readlinkSync(at('dist/pics/round')), '.');
      const marked = read('dist/index.html').match(/data-zf-fallback="[^"]*/g);
      assert.deepEqual(marked, ['data-zf-fallback="absolute.jpg']);
    });
  });

  it('says what stayed as it is and why, to people and to programs', async () => {
    put('site/small.gif', 'x');
    put('site/b.jpg', Buffer.alloc(40_000, 'b'));
    put('site/drafts/p.html', HTML);
    put(
      'site/index.html',
      `${HTML}\n<img src="small.gif">\n<img src="gone.jpg"><img src="b.jpg"><img src="//x.example/y.jpg">`,
    );
    const { stdout, stderr } = await succeed(
      'site',
      ...TO,
      '--json',
      '--exclude',
      'b.*',
      '--exclude',
      'drafts/**',
    );
    const { pages, generated } = JSON.parse(stdout);
    assert.deepEqual(generated, ['.zauberflote-convert.json']);
    assert.equal(pages.length, 1);
    const [{ page, marks, skips }] = pages;
    assert.deepEqual([page, marks.length, marks[0].path], ['index.html', 1, 'a.jpg']);
    assert.deepEqual(
      skips.map((skip: { line: number; url: string; reason: string }) => [
        skip.line,
        skip.url,
        skip.reason,
      ]),
      [
        [2, 'small.gif', 'too-small'],
        [3, 'gone.jpg', 'missing'],
        [3, 'b.jpg', 'excluded'],
        [3, '//x.example/y.jpg', 'elsewhere'],
      ],
    );
    assert.match(stderr, /^ {2}index\.html:2: small\.gif: 1 bytes, less than 14600$/m);
    assert.equal(read('dist/drafts/p.html'), HTML);
    await succeed('site', ...TO, '--min-size', '1');
    assert.match(read('dist/index.html'), /data-zf-fallback="small\.gif"/);
  });

  it('leaves out compressed pages of before', async () => {
    put('site/index.html.gz', 'old');
    put('site/other.html', '<!doctype html>');
    put('site/other.html.br', 'still true');
    const { stderr } = await succeed('site', ...TO);
    assert.match(stderr, /index\.html\.gz: it is the page as it was/);
    assert.deepEqual(
      tree('dist').filter((name) => /gz|br$/.test(name)),
      ['other.html.br'],
    );
  });

  describe('--check', () => {
    it('writes nothing, and finds what is not as it would be', async () => {
      await succeed('site', ...TO);
      const check = ['site', ...TO, '--check'];
      await succeed(...check);
      const before = tree('.').map((path) => [path, statSync(at(path)).mtimeMs]);
      for (const [change, says] of [
        [
          () => put('site/a.jpg', Buffer.alloc(40_000, 'b')),
          /a\.jpg is out of date\n.*index\.html is out of date/,
        ],
        [() => rmSync(at('dist/a.jpg')), /a\.jpg is missing/],
        [() => put('dist/more.txt', 'x'), /more\.txt is not of the site/],
        [() => put('site/new/x.txt', 'x'), /new\/ is missing/],
      ] as const) {
        change();
        const { code, stderr } = await run(...check, '--json');
        assert.equal(code, 1);
        assert.match(stderr, says);
      }
      await succeed('site', ...TO);
      await succeed(...check);
      assert.deepEqual(
        tree('.').filter((path) => !path.startsWith('site/new') && !path.startsWith('dist/new')),
        before.map(([path]) => path),
      );
    });

    it('without --out, finds out whether the site itself is converted', async () => {
      assert.equal((await run('site', '--check', ...TO.slice(2))).code, 1);
      await succeed('site', ...TO);
      await succeed('dist', '--check', ...TO.slice(2));
      put('dist/a.jpg', Buffer.alloc(40_000, 'c'));
      const { code, stderr } = await run('dist', '--check', ...TO.slice(2));
      assert.equal(code, 1);
      assert.match(stderr, /index\.html is out of date/);
    });
  });

  describe('writes all or nothing', () => {
    it('when a file cannot be had', async () => {
      await succeed('site', ...TO);
      const before = read('dist/index.html');
      put('site/index.html', `${HTML}<p>new`);
      // A client where none is built: the last thing that is looked for.
      put('site/zauberflote/x', '');
      const { code } = await run('site', '--out', 'dist', ...TRACKER);
      assert.equal(code, 1);
      assert.equal(read('dist/index.html'), before);
      assert.equal((await run('site', '--out', 'not/there', ...TRACKER)).code, 1);
      assert.deepEqual(readdirSync(folder), ['dist', 'site']);
    });

    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      it(`when ${signal} comes`, async () => {
        for (let i = 0; i < 60; i++) put(`site/${i}.bin`, Buffer.alloc(4_000_000, i));
        const child = spawn(process.execPath, [COMMAND, 'site', ...TO], {
          cwd: folder,
          stdio: 'ignore',
        });
        const exited = once(child, 'exit');
        while (child.exitCode === null && readdirSync(folder).length < 2) await pause(5);
        child.kill(signal);
        assert.deepEqual(await exited, [signal === 'SIGINT' ? 130 : 143, null]);
        assert.deepEqual(readdirSync(folder), ['site']);
      });
  });

  describe('refuses', () => {
    for (const [what, args, says] of [
      ['no site', ['--out', 'dist', ...TRACKER], /name one folder/],
      ['two sites', ['site', 'other', ...TO], /not also other/],
      ['a site that is none', ['nosite', ...TO], /nosite is no folder/],
      ['no folder to write to', ['site', ...TRACKER], /--out is missing/],
      ['no tracker', ['site', '--out', 'dist'], /--tracker is missing/],
      [
        'a tracker over http',
        ['site', '--out', 'dist', '--tracker', 'https://t/'],
        /ws: or wss:.*'https:\/\/t\/'/,
      ],
      ['to write into the site', ['site', '--out', 'site/dist', ...TRACKER], /not apart/],
      ['to write over the site', ['site', '--out', 'site', ...TRACKER], /not apart/],
      ['to write around the site', ['site', '--out', '.', ...TRACKER], /not apart/],
      ['a kind it does not know', ['site', ...TO, '--mark', 'pictures,fonts'], /not 'fonts'/],
      ['a size that is none', ['site', ...TO, '--min-size', '16k'], /not '16k'/],
      ['a base that is none', ['site', ...TO, '--base-url', '/shop/'], /--base-url takes/],
      [
        'a relative script',
        ['site', '--out', 'dist', ...TRACKER, '--script', 'z.js'],
        /--script takes/,
      ],
      ['a flag it does not know', ['site', ...TO, '--frobnicate'], /frobnicate/],
    ] as const)
      it(what, async () => {
        const { code, stdout, stderr } = await run(...args);
        assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
        assert.match(stderr, says);
        assert.deepEqual(readdirSync(folder), ['site']);
      });

    it('a folder that it did not write, unless it is told to', async () => {
      put('dist/precious.txt', 'x');
      const { code, stderr } = await run('site', ...TO);
      assert.equal(code, 2);
      assert.match(stderr, /did not write.*--force/);
      assert.equal(read('dist/precious.txt'), 'x');
      await succeed('site', ...TO, '--force');
      assert.ok(!existsSync(at('dist/precious.txt')));
      cpSync(at('site/a.jpg'), at('dist/b.jpg'));
      await succeed('site', ...TO);
    });

    it('the site by way of a link', async () => {
      symlinkSync('site', at('link'));
      assert.equal((await run('site', '--out', 'link/dist', ...TRACKER)).code, 2);
      assert.deepEqual(readdirSync(at('site')), ['a.jpg', 'index.html']);
    });
  });

  it('explains itself, and tells its version', async () => {
    const help = await succeed('--help');
    const flags = [
      'out',
      'tracker',
      'script',
      'base-url',
      'mark',
      'min-size',
      'max-inline',
      'exclude',
      'no-noscript',
    ];
    for (const flag of [...flags, 'force', 'check', 'json', 'verbose', 'help', 'version'])
      assert.match(help.stdout, new RegExp(`--${flag}\\b`));
    assert.equal((await succeed('--version')).stdout, `${version.version}\n`);
  });
});
