import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { find } from '../../scripts/debian-packages.ts';
import type { Host } from '../net/types.ts';
import { Unsupported } from '../net/unsupported.ts';
import { listening } from '../runner/listening.ts';

export interface NginxOptions {
  /** Its own folder, for configuration and temporary files. */
  readonly dir: string;
  /** What it serves. */
  readonly root: string;
  readonly port: number;
  /** One line per request is appended here. */
  readonly accessLog: string;
  /** Whether it answers ranges. @default true */
  readonly ranges?: boolean | undefined;
}

/** A web server on a host, in one process and without a daemon. */
export interface Nginx {
  readonly port: number;
  readonly running: boolean;
  /** Resolves when it takes connections. Does nothing while it runs. */
  start(): Promise<void>;
  /** Ends it, and the connections it has, at once. */
  stop(): Promise<void>;
}

/** How hard it compresses pages: gzip's default, and what nginx.org's guides name. */
export const GZIP_LEVEL = 6;

/** Below, in bytes, compressing is not worth it. */
export const GZIP_FROM_BYTES = 500;

/** Files of a site that any site would compress: an expression for paths, here and in nginx. */
export const TEXT_ASSETS = '^/assets/.*\\.(css|js|svg)$';

/** Debian has it outside an ordinary user's PATH. */
export const NGINX = { debianPackage: 'nginx-light', programs: ['nginx', '/usr/sbin/nginx'] };

/** @throws {Unsupported} if nginx is missing */
export function nginx(host: Host, options: NginxOptions): Nginx {
  const program = find(NGINX, process.env);
  if (!program)
    throw new Unsupported('nginx is missing: apt-get install --no-install-recommends nginx-light');
  mkdirSync(options.dir, { recursive: true });
  const config = join(options.dir, 'nginx.conf');
  writeFileSync(config, configuration(options));
  const errors = join(options.dir, 'error.log');
  let child: ReturnType<Host['spawn']> | undefined;
  const running = () => child !== undefined && child.exitCode === null && child.signalCode === null;
  return {
    port: options.port,
    get running() {
      return running();
    },
    async start() {
      if (running()) return;
      child = host.spawn(program, ['-p', options.dir, '-c', config, '-e', errors], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      await listening(host, options.port, child, `nginx on ${host.name}, which logs to ${errors}`);
    },
    async stop() {
      if (!child || !running()) return;
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
    },
  };
}

/**
 * A plain static server: Range as nginx does it, CORS with preflights (WebTorrent asks), pages,
 * scripts of the clients and what else of a site is text compressed as any site would, ranges of it
 * and pictures as they are.
 */
function configuration({ dir, root, port, accessLog, ranges = true }: NginxOptions): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `  ${kind}_temp_path ${join(dir, kind)};`)
    .join('\n');
  return `${process.getuid?.() === 0 ? 'user root;\n' : ''}daemon off;
master_process off;
worker_processes 1;
pid ${join(dir, 'nginx.pid')};
events { worker_connections 1024; }
http {
${temporary}
  types {
    text/html html;
    text/css css;
    text/javascript js mjs;
    image/jpeg jpg;
    image/svg+xml svg;
  }
  default_type application/octet-stream;
  log_format lab '$msec $remote_addr "$request" $status $bytes_sent "$http_range" $request_time';
  access_log ${accessLog} lab;
  sendfile on;
  tcp_nodelay on;
  keepalive_timeout 65;
${ranges ? '' : '  max_ranges 0;\n'}  server {
    listen ${port};
    root ${root};
    gzip_min_length ${GZIP_FROM_BYTES};
    gzip_types text/css text/javascript image/svg+xml;
    gzip_comp_level ${GZIP_LEVEL};
    add_header Access-Control-Allow-Origin * always;
    add_header Access-Control-Expose-Headers 'Content-Length, Content-Range, Accept-Ranges' always;
    if ($request_method = OPTIONS) { return 204; }
    add_header Access-Control-Allow-Headers '*' always;
    add_header Access-Control-Max-Age 600 always;
    location /lib/ { gzip_static on; }
    location ~ \\.html$ { gzip on; }
    location ~ "${TEXT_ASSETS}" { if ($http_range = "") { gzip on; } }
  }
}
`;
}
