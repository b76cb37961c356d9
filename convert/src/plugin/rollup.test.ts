import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type OutputOptions, type Plugin, type RollupWatcherEvent, rollup, watch } from 'rollup';
import { type ZauberfloteOptions, zauberflote } from './index.ts';
import { large, Project, picture, TRACKER } from './testing/project.ts';

const HTML = '<!doctype html><title>x</title><img src="/a.jpg"><script src="/main.js"></script>';
const ROLLUP = fileURLToPath(
  new URL('../../../node_modules/rollup/dist/bin/rollup', import.meta.url),
);
const PLUGIN = new URL('./index.ts', import.meta.url).href;

describe('zauberflote() in Rollup', () => {
  let project: Project;
  let logs: { level: string; message: string }[];

  beforeEach(() => {
    project = new Project();
    logs = [];
    project.put('main.js', large('document.title = 1;'));
  });
  afterEach(() => project.remove());

  /** As a site's own plugins do it. */
  const pages = (): Plugin => ({
    name: 'pages',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'index.html', source: HTML });
      this.emitFile({ type: 'asset', fileName: 'a.jpg', source: picture('a') });
    },
  });
  async function run(
    options: Partial<ZauberfloteOptions> = {},
    outputs: readonly OutputOptions[] = [{ dir: project.at('dist') }],
    more: readonly Plugin[] = [],
  ) {
    const bundle = await rollup({
      input: project.at('main.js'),
      plugins: [zauberflote({ tracker: TRACKER, ...options }), pages(), ...more],
      onLog: (level, { message }) => void logs.push({ level, message }),
    });
    try {
      await Promise.all(outputs.map((output) => bundle.write(output)));
    } finally {
      await bundle.close();
    }
  }
  const hidden = () => readdirSync(project.root).filter((name) => name.startsWith('.'));
  const page = () => project.read('dist/index.html');

  it('does what the command does', async () => {
    await run();
    project.put('plain/index.html', HTML);
    project.put('plain/a.jpg', picture('a'));
    project.put('plain/main.js', project.read('dist/main.js'));
    await project.convert('plain', '--out', 'expected', '--tracker', TRACKER);
    assert.deepEqual(project.files('dist'), project.files('expected'));
    assert.match(page(), /<img data-zf-fallback="\/a\.jpg" data-zf-hash="zf1-/);
    assert.match(page(), /<script data-zf-fallback="\/main\.js" data-zf-hash="zf1-/);
    assert.deepEqual(hidden(), []);
  });

  it('waits until all outputs are there, of those that are written at a time', async () => {
    const slow: Plugin = {
      name: 'slow',
      writeBundle: {
        sequential: true,
        order: 'pre',
        handler: async ({ format }) => void (format === 'es' && (await new Promise(setImmediate))),
      },
    };
    await run(
      {},
      [
        { dir: project.at('dist'), format: 'es', entryFileNames: 'es.js' },
        { dir: project.at('dist'), format: 'iife', entryFileNames: 'main.js' },
      ],
      [slow],
    );
    assert.equal(logs.filter(({ message }) => /pages? marked/.test(message)).length, 1);
    assert.match(page(), /<script data-zf-fallback="\/main\.js"/);
  });

  it('comes after plugins that write files when the bundle is there', async () => {
    const late: Plugin = {
      name: 'late',
      writeBundle: () => writeFileSync(project.at('dist/late.html'), HTML),
    };
    await run({}, undefined, [late]);
    assert.match(project.read('dist/late.html'), /data-zf-hash/);
  });

  it('does nothing where a bundle is made and not written', async () => {
    const bundle = await rollup({
      input: project.at('main.js'),
      plugins: [zauberflote({ tracker: TRACKER }), pages()],
    });
    await bundle.generate({ dir: project.at('dist') });
    assert.ok(!existsSync(project.at('dist')));
    await bundle.write({ dir: project.at('dist') });
    await bundle.close();
    assert.match(page(), /data-zf-hash/);
  });

  it('converts in watch mode, also after a build in which another plugin failed to write', async () => {
    let isBroken = true;
    const broken: Plugin = {
      name: 'broken',
      writeBundle() {
        if (isBroken) this.error('broken');
      },
    };
    const watcher = watch({
      input: project.at('main.js'),
      output: { dir: project.at('dist') },
      plugins: [broken, zauberflote({ tracker: TRACKER }), pages()],
      onLog: () => {},
    });
    const next = () =>
      new Promise<string>((resolve) => {
        const listen = (event: RollupWatcherEvent) => {
          if (event.code !== 'BUNDLE_END' && event.code !== 'ERROR') return;
          watcher.off('event', listen);
          void event.result?.close();
          resolve(event.code);
        };
        watcher.on('event', listen);
      });
    try {
      assert.equal(await next(), 'ERROR');
      assert.equal(page(), HTML);
      isBroken = false;
      const done = next();
      project.put('main.js', large('document.title = 2;'));
      assert.equal(await done, 'BUNDLE_END');
      assert.match(page(), /data-zf-hash/);
    } finally {
      await watcher.close();
    }
  });

  it('takes back what is not needed any more, and nothing else', async () => {
    await run({ maxInline: 0, worker: true });
    assert.ok(existsSync(project.at('dist/a.jpg.zf')));
    assert.ok(existsSync(project.at('dist/zauberflote-sw.js')));
    project.put('dist/zauberflote/own.txt', 'x');
    await run({ script: '/z.js' });
    assert.deepEqual(Object.keys(project.files('dist')), [
      '.zauberflote-convert.json',
      'a.jpg',
      'index.html',
      'main.js',
      'zauberflote/own.txt',
    ]);
  });

  it('takes away compressed pages, which would show the old one, and leaves links alone', async () => {
    project.put('secret.txt', 'x');
    project.put('dist/index.html.gz', 'old');
    symlinkSync('../secret.txt', project.at('dist/out.txt'));
    await run();
    assert.ok(!existsSync(project.at('dist/index.html.gz')));
    assert.ok(existsSync(project.at('dist/out.txt')));
    assert.match(
      logs.map(({ message }) => message).join('\n'),
      /index\.html\.gz: it is the page as it was/,
    );
  });

  describe("with 'out'", () => {
    it('leaves the output as it is, and writes the converted site elsewhere', async () => {
      await run({ out: project.at('converted') });
      assert.equal(page(), HTML);
      await project.convert('dist', '--out', 'expected', '--tracker', TRACKER);
      assert.deepEqual(project.files('converted'), project.files('expected'));
    });

    it('takes the site from another folder, to which the bundler adds', async () => {
      project.put('public/index.html', '<!doctype html><script src="build/main.js"></script>');
      await run({ site: project.at('public'), out: project.at('converted') }, [
        { file: project.at('public/build/main.js'), format: 'iife' },
      ]);
      assert.match(project.read('converted/index.html'), /data-zf-fallback="build\/main\.js"/);
      assert.doesNotMatch(project.read('public/index.html'), /data-zf/);
    });

    it('refuses a folder that it did not write, and more outputs than one', async () => {
      project.put('converted/precious.txt', 'x');
      await assert.rejects(
        run({ out: project.at('converted') }),
        /'out' .*converted has files.*with 'force'/,
      );
      await run({ out: project.at('converted'), force: true });
      assert.ok(!existsSync(project.at('converted/precious.txt')));
      const two = ['one', 'two'].map((name) => ({ dir: project.at(name) }));
      await assert.rejects(
        run({ out: project.at('converted') }, two),
        /one output folder.*one and .*two/,
      );
    });
  });

  it('warns where nothing is marked', async () => {
    await run({ minSize: 1_000_000 });
    const warning = logs.find(({ level }) => level === 'warn');
    assert.match(
      warning!.message,
      /nothing in the pages is marked[\s\S]*40000 bytes, less than 1000000/,
    );
  });

  describe('fails the build', () => {
    for (const [what, options, says] of [
      ['no tracker', { tracker: undefined }, /'tracker' is missing: the address of your tracker/],
      [
        'a tracker over http',
        { tracker: ['ws://a/', 'http://b/'] },
        /'tracker' takes .*'http:\/\/b\/'/,
      ],
      [
        'a tracker that is no text',
        { tracker: 7 },
        /'tracker' takes a string or an array of strings, not 7/,
      ],
      ['a size in words', { minSize: '16k' }, /'minSize' takes a number, not '16k'/],
      ['a size below zero', { minSize: -1 }, /'minSize' takes a whole number of bytes, not '-1'/],
      ['a kind it does not know', { mark: ['fonts'] }, /'mark' takes pictures, .* not 'fonts'/],
      ['a base that is none', { baseUrl: '/shop/' }, /'baseUrl' takes an address of http/],
      ['a relative script', { script: 'z.js' }, /'script' takes an address/],
      [
        'an option it does not have',
        { trackers: 'x' },
        /no option 'trackers'; there are tracker, /,
      ],
      ['a name of all objects', { constructor: 'x' }, /no option 'constructor'/],
      ['a site that it would change', { site: 'public' }, /'site' needs 'out'/],
    ] as const)
      it(`before it begins, for ${what}`, async () => {
        await assert.rejects(run(options as Partial<ZauberfloteOptions>), says);
        assert.deepEqual(readdirSync(project.root), ['main.js']);
      });

    it('where the output is the project itself', async () => {
      const own = process.cwd();
      process.chdir(project.root);
      try {
        project.put('index.html', HTML);
        await assert.rejects(
          run({}, [{ file: 'bundle.js', format: 'es' }]),
          /where the project itself is: let the bundler write to a folder of its own/,
        );
        assert.equal(project.read('index.html'), HTML);
      } finally {
        process.chdir(own);
      }
    });

    it('where a file cannot be put in its place, and leaves whole pages', async () => {
      const blocked: Plugin = {
        name: 'blocked',
        // A folder where the client would go.
        writeBundle: () =>
          void mkdirSync(project.at('dist/zauberflote-sw.js/x'), { recursive: true }),
      };
      await assert.rejects(run({ worker: true }, undefined, [blocked]), /zauberflote-sw\.js/);
      assert.equal(page(), HTML);
      assert.deepEqual(readdirSync(project.at('dist')), [
        'a.jpg',
        'index.html',
        'main.js',
        'zauberflote-sw.js',
      ]);
      assert.deepEqual(hidden(), []);
      rmSync(project.at('dist'), { recursive: true });
      await run({ worker: true });
      assert.match(page(), /data-worker/);
    });

    it('by an exit code of its command, with the cause', async () => {
      project.put(
        'rollup.config.mjs',
        `import zauberflote from '${PLUGIN}';
        export default { input: 'main.js', output: { dir: 'dist' },
          plugins: [zauberflote({ tracker: process.env.ZF_TEST_TRACKER })] };`,
      );
      const command = (tracker: string) =>
        new Promise<{ code: unknown; stderr: string }>((resolve) =>
          execFile(
            process.execPath,
            [ROLLUP, '-c'],
            { cwd: project.root, env: { ...process.env, ZF_TEST_TRACKER: tracker } },
            (error, _stdout, stderr) => resolve({ code: error ? error.code : 0, stderr }),
          ),
        );
      const failed = await command('nonsense');
      assert.equal(failed.code, 1);
      assert.match(failed.stderr, /'tracker' takes an address of ws: or wss:, not 'nonsense'/);
      project.put('dist/index.html', '<!doctype html><script src="main.js"></script>');
      const { code, stderr } = await command(TRACKER);
      assert.equal(code, 0, stderr);
      assert.match(stderr, /1 of 1 page marked, 1 file in them/);
      assert.match(page(), /data-zf-fallback="main\.js"/);
    });
  });
});
