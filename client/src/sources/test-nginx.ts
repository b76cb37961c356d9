import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { find, LAB_NEEDS } from '../../../scripts/debian-packages.ts';
import { freePort } from '../../../scripts/free-port.ts';

/** Patience with a busy machine, in ms. */
const PATIENCE_MS = 20_000;

/**
 * The file at `/plain`, and in the ways origins differ: `/rangeless`, `/gzip` (on the fly),
 * `/gzip-made` (compressed beforehand), `/gzip-always` (even to those who do not take it),
 * `/gzip-stored` (as object stores do: ranges are of the compressed form), `/slow` (100 KB/s),
 * `/slowest` (10 KB/s), `/moved`; most of them also under `/cors/`, for pages of other origins, which see no Content-Range.
 * Under `/limited/` others, for those pages, 5 requests a second and 5 at once: beyond that it answers 429.
 */
const SERVER = `
  location = /plain { try_files /file =404; }
  location = /rangeless { max_ranges 0; try_files /file =404; }
  location = /gzip { gzip on; gzip_types *; gzip_min_length 1; try_files /file =404; }
  location = /gzip-made { gzip_static on; rewrite ^ /file break; }
  location = /gzip-always { gzip_static always; rewrite ^ /file break; }
  location = /gzip-stored { add_header Content-Encoding gzip; try_files /file.gz =404; }
  location = /slow { limit_rate 100k; try_files /file =404; }
  location = /slowest { limit_rate 10k; try_files /file =404; }
  location = /moved { return 302 /plain; }
  location /limited/ {
    limit_req zone=limited burst=4 nodelay;
    limit_req_status 429;
    add_header Access-Control-Allow-Origin * always;
  }
  location /cors/ {
    add_header Access-Control-Allow-Origin * always;
    location = /cors/plain { try_files /file =404; }
    location = /cors/rangeless { max_ranges 0; try_files /file =404; }
    location = /cors/gzip { gzip on; gzip_types *; gzip_min_length 1; try_files /file =404; }
    location = /cors/gzip-made { gzip_static on; rewrite ^ /file break; }
    location = /cors/gzip-always { gzip_static always; rewrite ^ /file break; }
    location = /cors/gzip-stored {
      add_header Access-Control-Allow-Origin *;
      add_header Content-Encoding gzip;
      try_files /file.gz =404;
    }
    location = /cors/moved { return 302 /cors/plain; }
  }`;

/** A real nginx that serves one file. */
export class TestNginx {
  readonly url: string;
  readonly #dir: string;
  readonly #child: ChildProcess;

  private constructor(url: string, dir: string, child: ChildProcess) {
    this.url = url;
    this.#dir = dir;
    this.#child = child;
  }

  /**
   * @param limited files by name
   * @throws {Error} if nginx is missing or does not start
   */
  static async start(
    file: Uint8Array,
    limited: Readonly<Record<string, Uint8Array>> = {},
  ): Promise<TestNginx> {
    const need = LAB_NEEDS.find(({ debianPackage }) => debianPackage === 'nginx-light');
    const program = need && find(need, process.env);
    if (!program)
      throw new Error('nginx is missing: apt-get install --no-install-recommends nginx-light');
    const dir = mkdtempSync(join(tmpdir(), 'zf-nginx-'));
    writeFileSync(join(dir, 'file'), file);
    writeFileSync(join(dir, 'file.gz'), gzipSync(file));
    mkdirSync(join(dir, 'limited'));
    for (const [name, data] of Object.entries(limited))
      writeFileSync(join(dir, 'limited', name), data);
    const port = await freePort();
    writeFileSync(join(dir, 'nginx.conf'), configuration(dir, port));
    const child = spawn(program, ['-p', dir, '-c', join(dir, 'nginx.conf'), '-e', 'stderr'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const nginx = new TestNginx(`http://127.0.0.1:${port}`, dir, child);
    for (const end = Date.now() + PATIENCE_MS; !(await accepts(port)); await sleep(30))
      if (child.exitCode !== null || Date.now() > end) {
        await nginx.stop();
        throw new Error(`nginx did not start on port ${port} (exit code ${child.exitCode})`);
      }
    return nginx;
  }

  /** Waits for a request to end, and gives its line: path, Range, status, body bytes sent. */
  async logged(path: string): Promise<string[]> {
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(20)) {
      const lines = readFileSync(join(this.#dir, 'access.log'), 'utf8').split('\n');
      const line = lines.findLast((one) => one.startsWith(`${path}\t`));
      if (line) return line.split('\t');
    }
    throw new Error(`nginx never saw the end of ${path}`);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGTERM');
      await once(this.#child, 'exit');
    }
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

function configuration(dir: string, port: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `  ${kind}_temp_path ${join(dir, kind)};`)
    .join('\n');
  return `${process.getuid?.() === 0 ? 'user root;\n' : ''}daemon off;
master_process off;
pid ${join(dir, 'nginx.pid')};
events { worker_connections 64; }
http {
${temporary}
  default_type application/octet-stream;
  log_not_found off;
  limit_req_log_level info;
  limit_req_zone $binary_remote_addr zone=limited:1m rate=5r/s;
  log_format test '$request_uri\\t$http_range\\t$status\\t$body_bytes_sent';
  access_log ${join(dir, 'access.log')} test;
  server {
  listen 127.0.0.1:${port};
  root ${dir};${SERVER}
  }
}
`;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const answer = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}
