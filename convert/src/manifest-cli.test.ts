import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import { ManifestSchema } from '@zauberflote/proto/full';
import manifest from '../package.json' with { type: 'json' };

const COMMAND = fileURLToPath(new URL('../bin/zauberflote-manifest.ts', import.meta.url));

describe('zauberflote-manifest', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'zf-manifest-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs the command in the folder, to its end. */
  function run(...args: readonly string[]) {
    return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
      const options = { cwd: folder, maxBuffer: 2 ** 26 };
      execFile(process.execPath, [COMMAND, ...args], options, (error, stdout, stderr) =>
        resolve({ code: error ? error.code : 0, stdout, stderr }),
      );
    });
  }

  /** Runs it with success and reads what it printed. */
  async function lines(...args: readonly string[]) {
    const { code, stdout, stderr } = await run(...args);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    assert.ok(stdout.endsWith('\n'));
    return stdout
      .slice(0, -1)
      .split('\n')
      .map((line) => JSON.parse(line));
  }

  function put(name: string, size: number): Buffer {
    const data = Buffer.from(Array.from({ length: size }, (_, i) => (i * 7 + size) % 253));
    writeFileSync(join(folder, name), data);
    return data;
  }

  /** First word of what another program prints about a file. */
  const say = (program: string, name: string) =>
    execFileSync(program, [name], { cwd: folder, encoding: 'utf8' }).split(' ')[0];

  it('prints what sha256sum and sha1sum print, and a manifest with these hashes', async () => {
    for (const [name, size] of [
      ['empty.txt', 0],
      ['a.jpg', 100_000],
      ['b', 1_200_000],
    ] as const)
      put(name, size);
    const printed = await lines('a.jpg', 'empty.txt', 'b');
    assert.deepEqual(
      printed.map(({ file, size, chunkSize, chunks }) => [file, size, chunkSize, chunks]),
      [
        ['a.jpg', 100_000, 16_384, 7],
        ['empty.txt', 0, 16_384, 0],
        ['b', 1_200_000, 32_768, 37],
      ],
    );
    for (const { file, id, sha1, sha256, size, chunkSize, ...rest } of printed) {
      assert.equal(sha256, say('sha256sum', file));
      assert.equal(sha1, say('sha1sum', file));
      writeFileSync(join(folder, 'manifest'), rest.manifest, 'base64');
      const digest = Buffer.from(say('sha256sum', 'manifest')!, 'hex');
      assert.equal(id, `zf1-${digest.toString('base64url')}`);
      const decoded = fromBinary(ManifestSchema, readFileSync(join(folder, 'manifest')));
      assert.equal(decoded.size, BigInt(size));
      assert.equal(decoded.chunkSize, chunkSize);
      assert.equal(Buffer.from(decoded.sha256).toString('hex'), sha256);
      const types: Record<string, string> = { 'a.jpg': 'image/jpeg', 'empty.txt': 'text/plain' };
      assert.equal(decoded.mediaType, types[file] ?? '');
      for (let i = 0; i < rest.chunks; i++) {
        const chunk = readFileSync(join(folder, file)).subarray(i * chunkSize, (i + 1) * chunkSize);
        writeFileSync(join(folder, 'chunk'), chunk);
        const expected = Buffer.from(decoded.chunkSha256.subarray(32 * i, 32 * i + 32));
        assert.equal(say('sha256sum', 'chunk'), expected.toString('hex'));
      }
    }
  });

  it('takes another chunk size and media type', async () => {
    put('a.jpg', 15_000);
    const [made] = await lines('--chunk-size', '5000', '--type', 'x/y; z=1', 'a.jpg');
    const decoded = fromBinary(ManifestSchema, Buffer.from(made.manifest, 'base64'));
    assert.deepEqual([made.chunkSize, made.chunks], [5000, 3]);
    assert.deepEqual([decoded.chunkSize, decoded.mediaType], [5000, 'x/y; z=1']);
    const [untyped] = await lines('--type', '', 'a.jpg');
    assert.equal(fromBinary(ManifestSchema, Buffer.from(untyped.manifest, 'base64')).mediaType, '');
  });

  it('warns of chunks that are too small, of which there are several', async () => {
    put('a.jpg', 5000);
    const { code, stderr } = await run('--chunk-size', '4095', 'a.jpg');
    assert.equal(code, 0);
    assert.match(
      stderr,
      /^zauberflote-manifest: a\.jpg: .*chunks of 4095 bytes.*take 4096 or more$/m,
    );
    assert.equal((await run('--chunk-size', '4096', 'a.jpg')).stderr, '');
    put('b.jpg', 100);
    assert.equal((await run('--chunk-size', '300', 'b.jpg')).stderr, '');
  });

  it('writes manifests beside the files and leaves nothing else', async () => {
    put('a.jpg', 1000);
    put('b.jpg', 2000);
    writeFileSync(join(folder, 'a.jpg.zf'), 'an old one');
    const [a, b] = await lines('--write', 'a.jpg', 'b.jpg');
    assert.deepEqual(readFileSync(join(folder, 'a.jpg.zf')), Buffer.from(a.manifest, 'base64'));
    assert.deepEqual(readFileSync(join(folder, 'b.jpg.zf')), Buffer.from(b.manifest, 'base64'));
    const files = ['a.jpg', 'a.jpg.zf', 'b.jpg', 'b.jpg.zf'];
    assert.deepEqual(readdirSync(folder), files);
    const again = await run('--write', ...files);
    assert.equal(again.code, 0);
    assert.match(again.stderr, /a\.jpg\.zf: passed over.*\n.*b\.jpg\.zf: passed over/);
    assert.deepEqual(readdirSync(folder), files);
  });

  it('does the others when one cannot be read, and exits with 1', async () => {
    put('a.jpg', 10);
    mkdirSync(join(folder, 'sub'));
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    const { code, stdout, stderr } = await run('gone.jpg', 'sub', '/dev/null', 'pipe', 'a.jpg');
    assert.equal(code, 1);
    assert.match(stdout, /^\{"file":"a\.jpg".*\}\n$/);
    assert.deepEqual(stderr.split('\n'), [
      'zauberflote-manifest: gone.jpg: there is no such file',
      'zauberflote-manifest: sub: it is a directory; name the files in it',
      'zauberflote-manifest: /dev/null: it is not a regular file, so its size is not known',
      'zauberflote-manifest: pipe: it is not a regular file, so its size is not known',
      '',
    ]);
  });

  it('ends without a word when its reader has enough', async () => {
    for (let i = 0; i < 50; i++) put(`${i}.jpg`, 100);
    const all = `"${process.execPath}" "${COMMAND}" *.jpg | head -n 1`;
    const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((resolve) =>
      execFile('sh', ['-c', all], { cwd: folder }, (_, stdout, stderr) =>
        resolve({ stdout, stderr }),
      ),
    );
    assert.match(stdout, /^\{"file":"0\.jpg".*\}\n$/);
    assert.equal(stderr, '');
  });

  it('leaves nothing behind when a manifest cannot be written, and exits with 1', async () => {
    put('a.jpg', 10);
    mkdirSync(join(folder, 'a.jpg.zf'));
    const { code, stdout, stderr } = await run('--write', 'a.jpg');
    assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
    assert.match(
      stderr,
      /^zauberflote-manifest: a\.jpg: a\.jpg\.zf could not be written: it is a directory$/m,
    );
    assert.deepEqual(readdirSync(folder), ['a.jpg', 'a.jpg.zf']);
  });

  it('says so when a chunk size gives too many chunks', async () => {
    put('a.jpg', 70_000);
    const { code, stderr } = await run('--chunk-size', '1', 'a.jpg');
    assert.equal(code, 1);
    assert.match(stderr, /70000 chunks of 1 bytes; there may be at most 65536/);
  });

  it('explains itself, and tells its version', async () => {
    const help = await run('--help');
    assert.equal(help.code, 0);
    for (const word of ['--write', '--chunk-size', '--type', '--help', '--version'])
      assert.ok(help.stdout.includes(word), `${word} is not explained`);
    const { code, stdout } = await run('--version');
    assert.deepEqual({ code, stdout }, { code: 0, stdout: `${manifest.version}\n` });
  });

  for (const { args, says } of [
    { args: [], says: /at least one file/ },
    { args: ['--wirte', 'a'], says: /'--wirte'/ },
    { args: ['--chunk-size', '0', 'a'], says: /1 to 1048576, not '0'/ },
    { args: ['--chunk-size', '16777217', 'a'], says: /not '16777217'/ },
    { args: ['--chunk-size', '64k', 'a'], says: /not '64k'/ },
    { args: ['--chunk-size=', 'a'], says: /not ''/ },
    { args: ['--type', 'jpeg', 'a'], says: /not 'jpeg'/ },
    { args: ['--write=yes', 'a'], says: /--write/ },
  ])
    it(`refuses ${args.join(' ') || 'nothing'} with exit code 2`, async () => {
      const { code, stdout, stderr } = await run(...args);
      assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
      assert.match(stderr, says);
      assert.match(stderr, /^zauberflote-manifest: .*\nTry: zauberflote-manifest --help\n$/s);
    });
});
