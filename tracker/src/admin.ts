import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface AdminOptions {
  readonly port: number;
  readonly host: string;
  readonly metrics: Registry;
  /** Answers what the public port answers, too. */
  readonly otherwise: (request: IncomingMessage, response: ServerResponse) => void;
}

export interface AdminServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * What is for the operator alone: `/metrics` for Prometheus.
 * @throws {NodeJS.ErrnoException} if it cannot listen
 */
export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const { port, host, metrics, otherwise } = options;
  const server = createServer(async (request, response) => {
    if (request.url !== '/metrics') return otherwise(request, response);
    const text = await metrics.metrics();
    response.writeHead(200, { 'Content-Type': metrics.contentType, 'Cache-Control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : text);
  });
  server.listen({ port, host });
  await once(server, 'listening');
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
