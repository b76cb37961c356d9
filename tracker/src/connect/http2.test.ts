import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import { connect, constants } from 'node:http2';
import { encodeSessionRequest } from '@zauberflote/proto';
import { TrackerService } from '@zauberflote/proto/full';
import { want } from '../../test-support/messages.ts';
import { until } from '../../test-support/redis.ts';
import { startTracker } from '../../test-support/tracker.ts';
import { MAX_HTTP2_MEGABYTES, MAX_HTTP2_STREAMS } from '../limits.ts';
import type { RunningTracker } from '../server.ts';

describe('a connection of HTTP/2', () => {
  let tracker: RunningTracker;
  let session: ClientHttp2Session;
  beforeEach(async () => {
    tracker = await startTracker({ port: 0, host: '127.0.0.1', adminPort: 0 });
  });
  afterEach(async () => {
    session.destroy();
    await tracker.close();
  });
  const open = (settings = {}) => {
    session = connect(`http://127.0.0.1:${tracker.port}`, { settings });
    session.on('error', () => {});
  };
  const metric = async (name: string) => {
    const text = await (await fetch(`http://127.0.0.1:${tracker.adminPort}/metrics`)).text();
    return Number(new RegExp(`^zauberflote_${name} (\\d+)$`, 'm').exec(text)?.[1]);
  };

  it('is told how many streams it may have at once', async () => {
    open();
    const [{ maxConcurrentStreams }] = await once(session, 'remoteSettings');
    assert.equal(maxConcurrentStreams, MAX_HTTP2_STREAMS);
  });

  it('gets no more streams while it leaves unread what the tracker keeps for it', async () => {
    open({ initialWindowSize: 0 });
    const frame = encodeSessionRequest(want(Array.from({ length: 64 }, (_, n) => n)));
    const head = Buffer.alloc(5);
    head.writeUInt32BE(frame.length, 1);
    // One more is for the question below. Their answers are twice as much as may be kept.
    const sessions = MAX_HTTP2_STREAMS - 1;
    const asked = Math.ceil((2 * MAX_HTTP2_MEGABYTES * 1e6) / sessions / frame.length);
    for (let n = 0; n < sessions; n++) {
      const stream = session.request({
        ':method': 'POST',
        ':path': `/${TrackerService.typeName}/Session`,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      stream.on('error', () => {});
      for (let i = 0; i < asked; i++) stream.write(Buffer.concat([head, frame]));
    }
    await until(
      'all is answered',
      async () => (await metric('sent_messages_total')) === sessions * (1 + asked),
    );
    // As much as Welcome takes: only then what comes after it is handed to the connection.
    session.settings({ initialWindowSize: 30 });
    const answer = async () => {
      const stream = session.request({ ':path': '/healthz' });
      stream.on('error', () => {});
      stream.resume();
      return Promise.race([
        once(stream, 'response').then(() => 'answered'),
        new Promise((resolve) => stream.once('close', () => resolve(stream.rstCode))),
      ]).catch(() => stream.rstCode);
    };
    let code: unknown;
    await until('no stream is taken', async () => {
      code = await answer();
      return code !== 'answered';
    });
    assert.equal(code, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  });
});
