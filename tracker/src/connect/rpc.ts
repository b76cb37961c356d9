import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Stream } from 'node:http2';
import { createContextValues } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { MAX_SESSION_MESSAGE_BYTES } from '@zauberflote/proto';
import { TrackerService } from '@zauberflote/proto/full';
import type { Gate } from '../access/gate.ts';
import type { Refusal } from '../http.ts';
import { CLOSE_TIMEOUT_MS } from '../limits.ts';
import type { IpVersion } from '../registry/peer.ts';
import type { Tracker } from './service.ts';
import { CUT_OFF, IP_VERSION, trackerService } from './service.ts';

export interface RpcOptions {
  readonly tracker: Tracker;
  readonly gate: Pick<Gate, 'enter' | 'refuse'>;
  /** By which version of IP its client has come. */
  readonly ipVersionOf: (request: IncomingMessage) => IpVersion;
  /** Longest that a call over HTTP/2 may take that is no session, in milliseconds. */
  readonly requestTimeoutMs: number;
  /** Answers all that is no call over HTTP/1.1, and /healthz and /readyz over HTTP/2. */
  readonly otherwise: (request: IncomingMessage, response: ServerResponse) => void;
}

const PREFIX = `/${TrackerService.typeName}/`;

/** Whether a path is that of Publish. */
export function isPublish(url: string): boolean {
  return isCall(url, 'publish');
}

function isCall(url: string, method: keyof typeof TrackerService.method): boolean {
  return url.split('?', 1)[0] === `${PREFIX}${TrackerService.method[method].name}`;
}

/** Ends a stream that its client keeps for so long. */
function cutOff(stream: ServerHttp2Stream, ms: number): void {
  if (stream.destroyed) return;
  const timer = setTimeout(() => stream.destroy(), ms).unref();
  stream.once('close', () => clearTimeout(timer));
}

const NO_HOST: Refusal = {
  status: 400,
  text: 'Name the host of the tracker: Host: HOST:PORT',
};

/**
 * Handlers of requests over HTTP/1.1 and over HTTP/2: calls of TrackerService in gRPC or Connect (JSON or
 * binary), and the rest. Session streams both ways, so it needs HTTP/2.
 */
export function rpcHandlers(options: RpcOptions) {
  const { tracker, gate, ipVersionOf, requestTimeoutMs, otherwise } = options;
  const call = connectNodeAdapter({
    routes: trackerService(tracker),
    grpcWeb: false,
    // What is small need not be compressed, and what was is a way to hide much in little.
    acceptCompression: [],
    readMaxBytes: MAX_SESSION_MESSAGE_BYTES,
    // What a client does not read, the stream would keep as long as the connection lives.
    contextValues: (request) =>
      createContextValues()
        .set(IP_VERSION, ipVersionOf(request as IncomingMessage))
        .set(CUT_OFF, () => {
          if ('stream' in request) cutOff(request.stream, CLOSE_TIMEOUT_MS);
        }),
  });
  const admitted = (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ) => {
    const asked = request as IncomingMessage;
    const refused = (refusal: Refusal) => {
      refuse(response, { ...refusal, text: `${refusal.text}\n` });
      if ('stream' in request) cutOff(request.stream, CLOSE_TIMEOUT_MS);
    };
    // The adapter throws at these.
    const authority = 'authority' in request ? request.authority : request.headers.host;
    if (!URL.canParse(`http://${authority ?? ' '}`)) return gate.refuse(asked, NO_HOST, refused);
    gate.enter(asked, response as ServerResponse, () => call(request, response), refused);
  };
  return {
    http1(request: IncomingMessage, response: ServerResponse): void {
      if (request.url?.startsWith(PREFIX)) admitted(request, response);
      else otherwise(request, response);
    },
    http2(request: Http2ServerRequest, response: Http2ServerResponse): void {
      const { url } = request;
      const { stream } = request;
      // A client that goes on sending would keep the stream of a call that has ended.
      stream.once('finish', () => cutOff(stream, CLOSE_TIMEOUT_MS));
      if (!isCall(url, 'session')) cutOff(stream, requestTimeoutMs);
      if (url.startsWith(PREFIX)) admitted(request, response);
      else if (/^\/(?:healthz|readyz)(?:$|\?)/.test(url ?? ''))
        otherwise(request as unknown as IncomingMessage, response as unknown as ServerResponse);
      else
        refuse(response, {
          status: 404,
          text: `Over HTTP/2 there are only calls of ${TrackerService.typeName}, /healthz and /readyz.\n`,
        });
    },
  };
}

function refuse(
  response: ServerResponse | Http2ServerResponse,
  { status, text, headers = {} }: Refusal,
): void {
  const all = { ...headers, 'Content-Type': 'text/plain; charset=utf-8' };
  // Their types differ, what they do does not.
  (response as ServerResponse).writeHead(status, all);
  (response as ServerResponse).end(text);
}
