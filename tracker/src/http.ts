import type { IncomingMessage, ServerResponse } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { FIRST_PREFIX, MAX_FIRST_CHARACTERS, SUBPROTOCOL } from '@zauberflote/proto';
import type { LimitName } from './limits.ts';

/** A reply of plain text, whatever it is sent over. */
export interface Refusal {
  readonly status: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The setting that it is for. */
  readonly limit?: LimitName;
}

export interface Health {
  /** For /healthz. */
  readonly counts: () => object;
  /** For /readyz: whether more clients should be sent here. */
  readonly readiness: () => 'ready' | 'full' | 'overloaded' | 'draining';
}

/** Answers a request that is not an upgrade. */
export function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { counts, readiness }: Health,
): void {
  const path = pathOf(request);
  if (path === '/healthz' || path === '/readyz') {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return refuse(response, {
        status: 405,
        text: `Ask for ${path} with GET or HEAD.`,
        headers: { Allow: 'GET, HEAD' },
      });
    const status = path === '/healthz' ? 'ok' : readiness();
    response.writeHead(status === 'ok' || status === 'ready' ? 200 : 503, {
      'Content-Type': 'application/json',
      'Cache-Control': 'no-store',
    });
    response.end(`${JSON.stringify({ status, ...(path === '/healthz' && counts()) })}\n`);
    return;
  }
  if (path === '/')
    return refuse(response, {
      status: 426,
      text: `This is a Zauberflöte tracker. Connect by WebSocket with subprotocol ${SUBPROTOCOL}.`,
      headers: { Upgrade: 'websocket', Connection: 'Upgrade' },
    });
  refuse(response, notFound());
}

/** Why this request may not become a WebSocket, if so. */
export function checkUpgrade(request: IncomingMessage): Refusal | undefined {
  if (pathOf(request) !== '/') return notFound();
  const offered = subprotocols(request);
  const first = offered.filter((name) => name.startsWith(FIRST_PREFIX));
  if (first.join('').length > MAX_FIRST_CHARACTERS)
    return {
      status: 431,
      text: `Send first frames of more than ${MAX_FIRST_CHARACTERS} characters when the WebSocket is open.`,
    };
  // The library would refuse most of it, too, but not say what is wrong.
  if (first.some((name) => !/^[\w-]+$/.test(frameOf(name))) || new Set(first).size < first.length)
    return {
      status: 400,
      text: `First frames are ${FIRST_PREFIX} and a SessionRequest in base64url without padding, no two alike.`,
    };
  if (offered.includes(SUBPROTOCOL)) return undefined;
  return {
    status: 400,
    text: `Offer the WebSocket subprotocol ${SUBPROTOCOL}: new WebSocket(url, '${SUBPROTOCOL}').`,
  };
}

/** The frames among the subprotocols, which the client sends before the WebSocket is open. */
export function firstFrames(request: IncomingMessage): Uint8Array[] {
  return subprotocols(request)
    .filter((name) => name.startsWith(FIRST_PREFIX))
    .map((name) => Buffer.from(frameOf(name), 'base64url'));
}

function frameOf(name: string): string {
  return name.slice(FIRST_PREFIX.length);
}

/** Answers a request to upgrade with a refusal. Nothing parses the socket for us any more. */
export function refuseUpgrade(socket: Duplex, { status, text, headers = {} }: Refusal): void {
  const body = `${text}\n`;
  const fields = {
    ...headers,
    Connection: 'close',
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  // The client may be gone already, which is no concern of ours.
  socket.on('error', () => {});
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
}

function refuse(response: ServerResponse, { status, text, headers = {} }: Refusal): void {
  response.writeHead(status, { ...headers, 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(`${text}\n`);
}

function notFound(): Refusal {
  return { status: 404, text: 'There is only / (WebSocket), /healthz and /readyz here.' };
}

function subprotocols({ headers }: IncomingMessage): string[] {
  return headers['sec-websocket-protocol']?.split(',').map((name) => name.trim()) ?? [];
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] as string;
}
