import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../scripts/free-port.ts';
import { until } from './redis.ts';

/** A real nginx in front of trackers, on loopback. */
export class Nginx {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(url: string, child: ChildProcess, folder: string) {
    this.url = url;
    this.#child = child;
    this.#folder = folder;
  }

  /** @param conf a whole configuration that listens on 8080, in place of which a free port is taken */
  static async start(conf: string): Promise<Nginx> {
    const folder = mkdtempSync(join(tmpdir(), 'zf-nginx-'));
    const port = await freePort();
    assert.ok(conf.includes('listen 8080;'));
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${folder}/${name};`)
      .join(' ');
    const here = conf
      .replace('listen 8080;', `listen 127.0.0.1:${port};`)
      .replace('http {', `http { ${temporary}`)
      .replace('access_log /dev/stdout brief;', `access_log ${folder}/access.log brief;`);
    writeFileSync(join(folder, 'nginx.conf'), `daemon off; pid ${folder}/pid; ${here}`);
    const child = spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-e', `${folder}/error.log`], {
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
      stdio: 'ignore',
    });
    const nginx = new Nginx(`ws://127.0.0.1:${port}/`, child, folder);
    await until('nginx answers', async () => {
      assert.equal(child.exitCode, null, 'nginx ended; is its configuration right?');
      return fetch(`http://127.0.0.1:${port}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      );
    });
    return nginx;
  }

  async stop(): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exit;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
