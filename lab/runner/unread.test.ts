import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MODULE = fileURLToPath(new URL('unread.ts', import.meta.url));

describe('A program of the lab whose output nobody reads', () => {
  /** Starts a program that speaks when its input ends, and leaves it to itself. */
  async function unread(program: string, closed: 'stdout' | 'stderr') {
    const begin = 'const { goOnUnread } = await import(process.argv[1]); goOnUnread();';
    const heard =
      'process.stdin.resume(); await import("node:events").then(({ once }) => once(process.stdin, "end"));';
    const args = ['--input-type=module', '-e', begin + heard + program, MODULE];
    const child = spawn(process.execPath, args, { stdio: 'pipe' });
    let said = '';
    child[closed].destroy();
    child[closed === 'stdout' ? 'stderr' : 'stdout'].on('data', (data) => (said += data));
    await once(child[closed], 'close');
    child.stdin.end();
    const [code] = await once(child, 'close');
    return { code, said };
  }

  for (const [closed, method, other] of [
    ['stdout', 'log', 'error'],
    ['stderr', 'error', 'log'],
  ] as const)
    it(`goes on to its end, and says the rest elsewhere: ${closed}`, async () => {
      const program = `
        for (let n = 0; n < 3; n += 1) {
          console.${method}('nobody hears this');
          await new Promise((resolve) => setImmediate(resolve));
        }
        console.${other}('done');
        process.exitCode = 7;`;
      assert.deepEqual(await unread(program, closed), { code: 7, said: 'done\n' });
    });

  it('ends by any other error of its output', async () => {
    const program = `process.stdout.destroy(Object.assign(new Error('no space'), { code: 'ENOSPC' }));`;
    const { code, said } = await unread(program, 'stdout');
    assert.match(said, /no space/);
    assert.equal(code, 1);
  });
});
