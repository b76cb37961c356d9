import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface AdminOptions {
  readonly port: number;
  readonly host: string;
  readonly metrics: Registry;
  /** What the status page shows; JSON is made of it. */
  readonly status: () => object;
  /** Answers /healthz and /readyz, as on the public port. */
  readonly otherwise: (request: IncomingMessage, response: ServerResponse) => void;
}

/** That it cannot listen; `code` is that of its cause, `EADDRINUSE` and the like. */
export class AdminError extends Error {
  readonly code: string | undefined;

  constructor(cause: NodeJS.ErrnoException) {
    super(cause.message, { cause });
    this.code = cause.code;
  }
}

export interface AdminServer {
  readonly port: number;
  close(): Promise<void>;
}

const PAGE = readFileSync(new URL('./status/page.html', import.meta.url));
// The page is one file, so nothing else needs to be allowed.
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'";

/**
 * What is for the operator alone: the status page at `/`, the same as JSON at `/status.json`, and
 * `/metrics` for Prometheus.
 * @throws {AdminError} if it cannot listen
 */
export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const { port, host, metrics, status, otherwise } = options;
  const server = createServer(async (request, response) => {
    const say = (type: string, body: string | Buffer) => {
      response.writeHead(200, {
        'Content-Type': type,
        'Cache-Control': 'no-store',
        'Content-Security-Policy': POLICY,
      });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    switch (request.url?.split('?', 1)[0]) {
      case '/':
        return say('text/html; charset=utf-8', PAGE);
      case '/status.json':
        return say('application/json', `${JSON.stringify(status())}\n`);
      case '/metrics':
        return say(metrics.contentType, await metrics.metrics());
      case '/healthz':
      case '/readyz':
        return otherwise(request, response);
      default:
        response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' });
        response.end(
          'There is only /, /status.json, /metrics, /healthz and /readyz on this port.\n',
        );
    }
  });
  server.listen({ port, host });
  await once(server, 'listening').catch((error) => {
    throw new AdminError(error);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
