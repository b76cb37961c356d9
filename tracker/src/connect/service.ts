import { toBinary } from '@bufbuild/protobuf';
import type { ConnectRouter } from '@connectrpc/connect';
import { Code, ConnectError, createContextKey } from '@connectrpc/connect';
import type { ContentId } from '@zauberflote/proto';
import { checkContentId, ErrorCode, MAX_SESSION_MESSAGE_BYTES } from '@zauberflote/proto';
import type { SessionRequest } from '@zauberflote/proto/full';
import { SessionRequestSchema, TrackerService } from '@zauberflote/proto/full';
import type { Publisher } from '../publish/publisher.ts';
import type { IpVersion } from '../registry/peer.ts';
import { StreamSocket } from './stream-socket.ts';

/** What the service needs of the tracker. */
export interface Tracker {
  readonly open: (stream: StreamSocket, ipVersion: IpVersion) => void;
  readonly receive: (stream: StreamSocket, frame: Uint8Array) => void;
  readonly closed: (stream: StreamSocket) => void;
  readonly end: (stream: StreamSocket, code: ErrorCode, message: string) => void;
  readonly count: (
    content: ContentId,
  ) => Promise<{ readonly complete: number; readonly partial: number }>;
  /** Whether holders of a content are taken. */
  readonly serves: (content: ContentId) => boolean;
  /** Undefined: every content is served. */
  readonly publisher: Pick<Publisher, 'publish'> | undefined;
}

/** What ends a call's stream whose client keeps it after its session has ended. */
export const CUT_OFF = createContextKey<() => void>(() => {});

/** By which version of IP a call has come. */
export const IP_VERSION = createContextKey<IpVersion>(0);

/** Answers the calls of TrackerService. */
export function trackerService(tracker: Tracker): (router: ConnectRouter) => void {
  return (router) =>
    router.service(TrackerService, {
      async *session(requests, { signal, values }) {
        const stream = new StreamSocket(values.get(CUT_OFF));
        const leave = () => {
          tracker.closed(stream);
          stream.leave();
        };
        signal.addEventListener('abort', leave);
        tracker.open(stream, values.get(IP_VERSION));
        void read(tracker, stream, requests).then(leave);
        try {
          yield* stream.sent();
        } finally {
          signal.removeEventListener('abort', leave);
          leave();
        }
      },
      async getSwarm({ content }) {
        try {
          checkContentId(content);
        } catch (error) {
          throw new ConnectError((error as Error).message, Code.InvalidArgument);
        }
        if (!tracker.serves(content)) return {};
        return { ...(await tracker.count(content)), served: true };
      },
      publish(request, { requestHeader, url }) {
        if (tracker.publisher)
          return tracker.publisher.publish(
            { headers: Object.fromEntries(requestHeader), url },
            request,
          );
        throw new ConnectError(
          'this tracker serves every content, so there is nothing to publish; it serves only published ones with --publish-keys-file and --published-file',
          Code.FailedPrecondition,
        );
      },
    });
}

/** Hands on what a client sends until it ends its side or the session is ended; never rejects. */
async function read(
  tracker: Tracker,
  stream: StreamSocket,
  requests: AsyncIterable<SessionRequest>,
): Promise<void> {
  try {
    for await (const request of requests) {
      // Its own codec checks every rule, so it is given the bytes.
      tracker.receive(stream, toBinary(SessionRequestSchema, request));
      await stream.readable();
    }
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error);
    if (code === Code.ResourceExhausted)
      tracker.end(
        stream,
        ErrorCode.TOO_LARGE,
        `a message is larger than ${MAX_SESSION_MESSAGE_BYTES} bytes`,
      );
    else if (code !== Code.Canceled && code !== Code.Aborted)
      tracker.end(
        stream,
        ErrorCode.MALFORMED,
        `send a SessionRequest as protobuf, not compressed; this could not be read: ${rawMessage}`,
      );
  }
}
