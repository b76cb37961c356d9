import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import {
  build,
  createLogger,
  createServer,
  type InlineConfig,
  type Plugin,
  type Rollup,
} from 'vite';
import type { ZauberfloteOptions } from './index.ts';
import zauberflote from './index.ts';
import { large, Project, picture, TRACKER } from './testing/project.ts';

const HEAD = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>x</title>';
const PAGE = `${HEAD}
<link rel="stylesheet" href="./site.css">
<script type="module" src="./main.js"></script>
</head><body>
<img src="./hero.jpg" width="3" height="2" alt="Hero">
<img src="/public.jpg" alt="Public">
<img src="./small.gif" alt="Small">
</body></html>
`;

describe('zauberflote() in Vite', () => {
  let project: Project;
  let said: { info: string[]; warn: string[] };
  const mode = process.env.NODE_ENV;

  beforeEach(() => {
    project = new Project();
    said = { info: [], warn: [] };
    project.put('index.html', PAGE);
    project.put('hero.jpg', picture('h'));
    project.put('public/public.jpg', picture('p'));
    project.put('small.gif', picture('s', 5_000));
    project.put('site.css', 'body { background: url(./back.jpg) }');
    project.put('back.jpg', picture('b'));
    project.put('main.js', large(`document.body.dataset.ran = 'yes';`));
  });
  afterEach(() => {
    project.remove();
    if (mode === undefined) delete process.env.NODE_ENV;
    else process.env.NODE_ENV = mode;
  });

  const config = (more: InlineConfig = {}): InlineConfig => {
    const logger = createLogger('silent');
    logger.info = (message) => void said.info.push(message);
    logger.warn = (message) => void said.warn.push(message);
    return {
      root: project.root,
      configFile: false,
      logLevel: 'silent',
      customLogger: logger,
      ...more,
    };
  };
  const run = (options: Partial<ZauberfloteOptions> = {}, more: InlineConfig = {}) =>
    build(config({ plugins: [zauberflote({ tracker: TRACKER, ...options })], ...more }));
  const fails = async (promise: Promise<unknown>, says: RegExp) => {
    await assert.rejects(promise, (error: Error) => {
      assert.match(error.message, says);
      return true;
    });
  };

  for (const [what, base, flags] of [
    ['at the root', '/', []],
    ['below a path', '/sub/', ['--base-url', 'https://example.org/sub/']],
  ] as const)
    it(`does what the command does, ${what}`, async () => {
      await build(config({ base, build: { outDir: 'plain' } }));
      await project.convert('plain', '--out', 'expected', '--tracker', TRACKER, ...flags);
      await run({}, { base });
      const files = project.files('dist');
      assert.deepEqual(files, project.files('expected'));
      const page = files['index.html']!;
      assert.match(
        page,
        new RegExp(`<script src="${base}zauberflote/zauberflote\\.js" data-tracker`),
      );
      assert.match(
        page,
        new RegExp(`<img data-zf-fallback="${base}assets/hero-[\\w-]+\\.jpg" data-zf-hash="zf1-`),
      );
      assert.match(
        page,
        new RegExp(`<img data-zf-fallback="${base}public\\.jpg" data-zf-hash="zf1-`),
      );
      assert.match(
        page,
        /<script type="module" crossorigin data-zf-fallback="[^"]+\.js" data-zf-hash="zf1-/,
      );
      assert.deepEqual(
        readdirSync(project.root).filter((name) => name.startsWith('.')),
        [],
      );
    });

  it('says what it marked, what stayed as it is, and why', async () => {
    await run();
    assert.deepEqual(said.warn, []);
    const report = said.info.find((message) => message.includes('zauberflote'));
    assert.match(report!, /1 of 1 page marked, 3 files in them/);
    assert.match(report!, /small.*5000 bytes, less than 14600/);
    assert.match(report!, /'minSize'/);
    assert.doesNotMatch(report!, /(?<![\w-])--\w/);
  });

  it('leaves scripts that import others from relative addresses, and what is preloaded', async () => {
    project.put('two.html', PAGE.replace('main.js', 'two.js'));
    project.put('shared.js', large('export const shared = { a: 1 };'));
    project.put('main.js', `import { shared } from './shared.js'; document.title = shared.a;`);
    project.put(
      'two.js',
      large(`import { shared } from './shared.js'; document.title = shared.b;`),
    );
    await run(
      {},
      { build: { rollupOptions: { input: ['index.html', 'two.html'].map((p) => project.at(p)) } } },
    );
    for (const path of ['dist/index.html', 'dist/two.html']) {
      const page = project.read(path);
      assert.match(page, /<link rel="modulepreload" crossorigin href="\/assets\/shared-/);
      assert.match(page, /<script type="module" crossorigin src="\/assets\//);
      assert.match(page, /<img data-zf-fallback="\/assets\/hero/);
    }
  });

  it('marks scripts whose integrity other plugins wrote, if it is right', async () => {
    const integrity = (change: (code: string) => string): Plugin => ({
      name: 'integrity',
      transformIndexHtml: {
        order: 'post',
        handler: (html, { bundle }) =>
          html.replace(/crossorigin src="\/([^"]+\.js)"/, (tag, path) => {
            const chunk = bundle![path] as Rollup.OutputChunk;
            const hash = createHash('sha384').update(change(chunk.code)).digest('base64');
            return `${tag} integrity="sha384-${hash}"`;
          }),
      },
    });
    const ours = zauberflote({ tracker: TRACKER });
    await run({}, { plugins: [integrity((code) => code), ours] });
    assert.match(
      project.read('dist/index.html'),
      /crossorigin data-zf-fallback="[^"]+\.js" data-zf-hash="[^"]+" integrity="sha384-/,
    );
    await run({}, { plugins: [integrity((code) => `${code} `), ours] });
    assert.match(project.read('dist/index.html'), /crossorigin src="[^"]+\.js" integrity="sha384-/);
    assert.match(said.info.join('\n'), /its integrity is not that of the file/);
  });

  it('gives every page of a movable site addresses from where it is', async () => {
    project.put(
      'deep/er/index.html',
      `${HEAD}</head><body><video src="../../hero.jpg"></video></body></html>`,
    );
    await run(
      { worker: true },
      {
        base: './',
        build: {
          rollupOptions: { input: ['index.html', 'deep/er/index.html'].map((p) => project.at(p)) },
        },
      },
    );
    assert.match(
      project.read('dist/index.html'),
      /<script src="\.\/zauberflote\/zauberflote\.js" data-tracker="[^"]*" data-worker="\.\/zauberflote-sw\.js"/,
    );
    const page = project.read('dist/deep/er/index.html');
    assert.match(
      page,
      /<script src="\.\.\/\.\.\/zauberflote\/zauberflote\.js" data-tracker="[^"]*" data-worker="\.\.\/\.\.\/zauberflote-sw\.js"/,
    );
    assert.match(page, /<video data-zf-fallback="\.\.\/\.\.\/assets\/hero/);
    assert.ok(existsSync(project.at('dist/zauberflote-sw.js')));
  });

  it('hashes the bytes that other plugins wrote last', async () => {
    const late = {
      name: 'late',
      apply: 'build' as const,
      generateBundle: {
        order: 'post' as const,
        handler(_: unknown, bundle: Rollup.OutputBundle) {
          for (const file of Object.values(bundle))
            if (file.type === 'asset' && /hero/.test(file.fileName)) file.source = picture('other');
        },
      },
    };
    await run({}, { plugins: [zauberflote({ tracker: TRACKER }), late] });
    const files = project.files('dist');
    await project.convert('dist', '--out', 'again', '--tracker', TRACKER);
    assert.deepEqual(project.files('again'), files);
    assert.equal(
      Buffer.from(picture('other')).toString('latin1'),
      files[project.find('dist', /hero/)],
    );
  });

  it('gives the same when it is run again, also where the folder is not emptied', async () => {
    await run();
    const first = project.files('dist');
    const { mtimeMs } = statSync(project.at('dist/zauberflote/zauberflote.js'));
    await run({}, { build: { emptyOutDir: false } });
    assert.deepEqual(project.files('dist'), first);
    assert.equal(statSync(project.at('dist/zauberflote/zauberflote.js')).mtimeMs, mtimeMs);
    await run({ script: '/z.js' }, { build: { emptyOutDir: false } });
    assert.ok(!existsSync(project.at('dist/zauberflote')));
  });

  it('converts again whatever changes in watch mode, and goes on after an error', async () => {
    const watcher = (await run({}, { build: { watch: {} } })) as Rollup.RollupWatcher;
    const next = () =>
      new Promise<string>((resolve) => {
        const listen = ({ code }: { code: string }) => {
          if (code !== 'BUNDLE_END' && code !== 'ERROR') return;
          watcher.off('event', listen);
          resolve(code);
        };
        watcher.on('event', listen);
      });
    const change = (title: string) => {
      const done = next();
      project.put('main.js', large(`document.title = '${title}';`));
      return done;
    };
    try {
      assert.equal(await next(), 'BUNDLE_END');
      const first = project.read('dist/index.html');
      assert.equal(await change('two'), 'BUNDLE_END');
      const second = project.read('dist/index.html');
      assert.notEqual(second, first);
      assert.match(second, /<script type="module" crossorigin data-zf-fallback/);
      project.put('public/zauberflote/own.txt', 'x');
      project.put('dist/zauberflote/own.txt', 'x');
      assert.equal(await change('three'), 'ERROR');
      assert.doesNotMatch(project.read('dist/index.html'), /data-zf/);
      rmSync(project.at('public/zauberflote'), { recursive: true });
      rmSync(project.at('dist/zauberflote/own.txt'));
      assert.equal(await change('two'), 'BUNDLE_END');
      assert.equal(project.read('dist/index.html'), second);
    } finally {
      await watcher.close();
    }
  });

  it('leaves the dev server alone, whatever its options are', async () => {
    const server = await createServer(
      config({ plugins: [zauberflote({ tracker: 'nonsense' })], server: { middlewareMode: true } }),
    );
    try {
      const page = await server.transformIndexHtml('/index.html', PAGE);
      assert.doesNotMatch(page, /data-zf|zauberflote/);
    } finally {
      await server.close();
    }
  });

  it('leaves builds for a server alone', async () => {
    project.put('server.js', 'export const render = () => 1;');
    await run({}, { build: { ssr: 'server.js' } });
    assert.deepEqual(said.warn, []);
    assert.ok(!existsSync(project.at('dist/.zauberflote-convert.json')));
  });

  it('warns where there is no page, and writes nothing', async () => {
    await run({}, { build: { lib: { entry: 'main.js', formats: ['es'], fileName: 'main' } } });
    assert.match(said.warn.join('\n'), /no page \(\.html\) is in .*dist/);
    assert.ok(!existsSync(project.at('dist/.zauberflote-convert.json')));
  });

  describe('fails the build, and leaves the output as the bundler wrote it', () => {
    it('when the site has files of its own where ours go', async () => {
      project.put('public/zauberflote/own.txt', 'x');
      await fails(run(), /a zauberflote\/ of its own.*say with 'script'/);
      assert.doesNotMatch(project.read('dist/index.html'), /data-zf/);
      assert.deepEqual(
        readdirSync(project.root).filter((name) => name.startsWith('.')),
        [],
      );
      assert.ok(!existsSync(project.at('dist/.zauberflote-convert.json')));
    });

    it('before it starts, when options are wrong', async () => {
      await fails(run({ tracker: 'https://t/' }), /'tracker' takes an address of ws: or wss:/);
      await fails(run({}, { base: 'https://cdn.example/' }), /base is on another host.*'script'/);
      assert.ok(!existsSync(project.at('dist')));
    });
  });

  it('takes what is on another host for files of the site, where base says so', async () => {
    await run({ script: 'https://cdn.example/z.js' }, { base: 'https://cdn.example/s/' });
    const page = project.read('dist/index.html');
    assert.match(
      page,
      /<img data-zf-fallback="https:\/\/cdn\.example\/s\/assets\/hero-[^"]+" data-zf-hash="zf1-/,
    );
    assert.match(page, /<script src="https:\/\/cdn\.example\/z\.js" data-tracker/);
  });
});
