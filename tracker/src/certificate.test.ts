import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { encodeSessionRequest, SUBPROTOCOL } from '@zauberflote/proto';
import { TrackerService } from '@zauberflote/proto/full';
import { WebSocket } from 'ws';
import { content, have, want } from '../test-support/messages.ts';
import { startTracker } from '../test-support/tracker.ts';
import { CertificateError } from './certificate.ts';
import * as limits from './limits.ts';
import type { RunningTracker, TrackerOptions } from './server.ts';

describe('tracker with a certificate', () => {
  let folder: string;
  let tracker: RunningTracker;
  let printed: string[];
  const path = (name: string) => join(folder, name);

  /** A key and a certificate of it for localhost, both made by openssl. */
  const make = (name: string) =>
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
        ...['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost', '-days', '2'],
        ...['-keyout', path(`${name}.key`), '-out', path(`${name}.pem`)],
      ],
      { stdio: 'pipe' },
    );

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'zf-tls-'));
    make('first');
    make('second');
  });
  after(() => rmSync(folder, { recursive: true }));

  const start = async (options: TrackerOptions = {}) => {
    const files = { tlsCertFile: path('cert.pem'), tlsKeyFile: path('cert.key') };
    tracker = await startTracker({ port: 0, host: '127.0.0.1', ...files, ...options });
  };
  const use = (cert: string, key = cert) => {
    copyFileSync(path(`${cert}.pem`), path('cert.pem'));
    copyFileSync(path(`${key}.key`), path('cert.key'));
  };
  const trust = (name = 'first') => ({
    ca: readFileSync(path(`${name}.pem`)),
    servername: 'localhost',
  });

  beforeEach(async () => {
    printed = [];
    use('first');
    await start({
      keyFilePollMs: 20,
      adminPort: 0,
      logLevel: 'info',
      logTo: { write: (line) => void printed.push(JSON.parse(line).msg) },
    });
  });
  afterEach(async () => {
    await tracker.close();
  });

  /** Whose certificate it shows. */
  async function shown(): Promise<string | undefined> {
    const socket = connectTls({ port: tracker.port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { CN } = socket.getPeerCertificate().subject;
    socket.destroy();
    return CN as string;
  }

  async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
    while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  it('lets peers meet that come by WebSocket and by gRPC, on one port', async () => {
    assert.match(tracker.url, /^wss:\/\//);
    const socket = new WebSocket(tracker.url, SUBPROTOCOL, trust());
    await once(socket, 'open');
    socket.send(encodeSessionRequest(have([1], 10n)));
    await until(() => tracker.stats().holdings === 1);
    const baseUrl = `https://localhost:${tracker.port}`;
    const rpc = createClient(
      TrackerService,
      createGrpcTransport({ baseUrl, nodeOptions: trust() }),
    );
    const swarm = await rpc.getSwarm({ content: content(1) });
    assert.equal(swarm.complete, 1);
    socket.send(encodeSessionRequest(want([1])));
    await once(socket, 'message');
    socket.close();
    await once(socket, 'close');
  });

  it('answers HTTP/1.1, and nothing in cleartext', async () => {
    const asked = request({ port: tracker.port, host: '127.0.0.1', path: '/healthz', ...trust() });
    asked.end();
    const [response] = await once(asked, 'response');
    assert.equal(response.statusCode, 200);
    response.resume();
    await assert.rejects(fetch(`http://127.0.0.1:${tracker.port}/healthz`));
  });

  it('takes a renewed one while it runs; sessions that are there go on', async () => {
    const socket = new WebSocket(tracker.url, SUBPROTOCOL, trust());
    await once(socket, 'open');
    assert.equal(await shown(), 'first');
    use('second');
    await until(async () => (await shown()) === 'second');
    assert.deepEqual(printed.at(-1), 'the certificate was read again');
    socket.send(encodeSessionRequest(want([1])));
    await once(socket, 'message');
    socket.terminate();
  });

  it('keeps the earlier one when the new one cannot be used, and says why', async () => {
    for (const [spoil, says] of [
      [() => use('first', 'second'), /key is not the one of the certificate/],
      [() => writeFileSync(path('cert.pem'), 'no PEM'), /have to be PEM/],
      // OpenSSL takes no key for a key, and shakes no hand.
      [() => writeFileSync(path('cert.pem'), ''), /one is empty/],
      [() => [use('first'), writeFileSync(path('cert.key'), '\n')], /one is empty/],
      [() => rmSync(path('cert.key')), /cert\.key cannot be read: ENOENT/],
    ] as const) {
      const before = printed.length;
      spoil();
      await until(() => printed.slice(before).some((line) => says.test(line)));
      assert.equal(await shown(), 'first');
    }
    use('second');
    await until(async () => (await shown()) === 'second');
  });

  it('counts as a file not taken while the new one cannot be used, and no more once one can', async () => {
    const notTaken = async () => {
      const metrics = await fetch(`http://127.0.0.1:${tracker.adminPort}/metrics`);
      return /^zauberflote_files_not_taken (\d+)$/m.exec(await metrics.text())?.[1];
    };
    assert.equal(await notTaken(), '0');
    use('first', 'second');
    await until(() => printed.some((line) => /key is not the one/.test(line)));
    assert.equal(await notTaken(), '1');
    use('second');
    await until(() => printed.includes('the certificate was read again'));
    assert.equal(await notTaken(), '0');
  });

  it('does not start with one that cannot be used', async () => {
    use('first', 'second');
    await assert.rejects(
      startTracker({
        port: 0,
        host: '127.0.0.1',
        tlsCertFile: path('cert.pem'),
        tlsKeyFile: path('cert.key'),
      }),
      (problem) => problem instanceof CertificateError && /not the one/.test(problem.message),
    );
  });

  it('ends a connection that never says what it wants, in the handshake or after it', async () => {
    await tracker.close();
    await start({ headersTimeoutMs: 200 });
    const tcp = connectTcp(tracker.port, '127.0.0.1');
    tcp.on('error', () => {});
    const tls = connectTls({ port: tracker.port, host: '127.0.0.1', ...trust() });
    // Where the machine is too busy for a handshake in time, the end comes as an error.
    tls.on('error', () => {});
    const closed = new Promise((resolve) => tls.once('close', resolve));
    tls.resume();
    await Promise.all([once(tcp, 'close'), closed]);
  });

  it('stops although a client is in the handshake, long before that times out', async () => {
    await tracker.close();
    await start({ headersTimeoutMs: limits.REQUEST_TIMEOUT_MS });
    const tcp = connectTcp(tracker.port, '127.0.0.1');
    tcp.on('error', () => {});
    await once(tcp, 'connect');
    const closed = once(tcp, 'close');
    await tracker.close();
    await closed;
  });
});
