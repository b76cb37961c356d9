import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import manifest from '../../package.json' with { type: 'json' };

const COMMAND = fileURLToPath(new URL('../../bin/zauberflote-seed.ts', import.meta.url));

/** Runs the command to its end; one that seeds is in lab/e2e/seed.test.ts. */
function run(...args: readonly string[]) {
  return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [COMMAND, ...args], (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, stdout, stderr }),
    );
  });
}

describe('The command zauberflote-seed', () => {
  it('explains all of its options, and tells its version', async () => {
    const { code, stdout } = await run('--help');
    assert.equal(code, 0);
    for (const name of [
      ...['tracker', 'token-file', 'id', 'chunk-size', 'max-peers', 'max-upload-bytes-per-second'],
      ...['ice-server', 'udp-ports', 'rescan', 'status-every', 'help', 'version'],
    ])
      assert.match(stdout, new RegExp(`^  --${name}( |$)`, 'm'));
    const version = await run('--version');
    assert.deepEqual(version, { code: 0, stdout: `${manifest.version}\n`, stderr: '' });
  });

  it('ends with 2 for a wrong option, and says what is wrong and where to look', async () => {
    const { code, stdout, stderr } = await run('--tracker', 'wss://a/', '--max-peers', 'all', '.');
    assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
    assert.match(
      stderr,
      /^zauberflote-seed: --max-peers takes .* not 'all'\nTry: zauberflote-seed --help\n$/,
    );
  });

  it('ends with 1 when nothing that was named is there, and lets no name write other lines', async () => {
    const { code, stderr } = await run('--tracker', 'wss://a/', 'gone', 'a\nb');
    assert.equal(code, 1);
    assert.deepEqual(stderr.split('\n'), [
      'zauberflote-seed: gone: there is no such file or folder',
      'zauberflote-seed: a\\nb: there is no such file or folder',
      '',
    ]);
  });
});
