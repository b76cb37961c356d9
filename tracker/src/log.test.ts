import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { ErrorCode } from '@zauberflote/proto';
import { WebSocket } from 'ws';
import { Client } from '../test-support/client.ts';
import { want } from '../test-support/messages.ts';
import { startTracker } from '../test-support/tracker.ts';
import { Counters, countIn, Tally } from './counters.ts';
import type { LogLevel } from './log.ts';
import { logOf } from './log.ts';
import type { RunningTracker } from './server.ts';

const VISITOR = '203.0.113.7';

describe('log', () => {
  let tracker: RunningTracker;
  let lines: string[];

  /** A visitor that comes, misbehaves and is sent away, and one whose site is not allowed. */
  async function happenings(logLevel: LogLevel): Promise<void> {
    lines = [];
    tracker = await startTracker({
      port: 0,
      host: '127.0.0.1',
      heartbeatMs: 64,
      allowOrigin: ['good.example'],
      logLevel,
      logTo: { write: (line) => lines.push(line) },
    });
    const headers = { 'X-Forwarded-For': VISITOR };
    const refused = new WebSocket(tracker.url, 'zauberflote.v1', {
      headers,
      origin: 'https://bad.example',
    });
    await new Promise<void>((resolve) => {
      refused.on('unexpected-response', (request) => {
        request.destroy();
        resolve();
      });
      refused.on('error', () => {});
    });
    const client = await Client.open(tracker.url, { headers, origin: 'https://good.example' });
    const error = await client.ask(want([]));
    assert.ok(error.case === 'error' && error.value.code === ErrorCode.MALFORMED);
    // The sum of what was refused comes with the next heartbeat.
    if (logLevel === 'info')
      while (!lines.some((line) => line.includes('turned away')))
        await new Promise((resolve) => setTimeout(resolve, 5));
    await tracker.close();
  }

  it('says at info what an operator acts on, as JSON, and nothing of any visitor', async () => {
    await happenings('info');
    const told = lines.map((line) => JSON.parse(line));
    for (const { time, level } of told) {
      assert.match(time, /^\d{4}-\d\d-\d\dT/);
      assert.equal(level, 'info');
    }
    const sums = told.filter(({ msg }) => msg.includes('turned away'));
    const refused = sums.reduce((sum, line) => sum + (line.refused['403'] ?? 0), 0);
    assert.equal(refused, 1);
    assert.deepEqual(
      told.map(({ msg }) => msg).filter((msg) => !msg.includes('turned away')),
      ['stopping', 'stopped'],
    );
    assert.ok(!lines.join('').includes(VISITOR), lines.join(''));
  });

  it('says at debug who came from where, and why a session ended', async () => {
    await happenings('debug');
    const told = lines.map((line) => JSON.parse(line));
    const refused = told.find(({ msg }) => msg.startsWith('refused: '));
    assert.equal(refused.address, VISITOR);
    assert.equal(refused.origin, 'https://bad.example');
    assert.deepEqual([refused.status, refused.limit], [403, 'allow-origin']);
    assert.equal(told.find(({ msg }) => msg === 'let in').address, VISITOR);
    const ended = told.find(({ msg }) => msg.startsWith('session ended: '));
    assert.equal(ended.code, 'MALFORMED');
  });

  it('says nothing when it is silent', async () => {
    await happenings('silent');
    assert.deepEqual(lines, []);
  });
});

describe('a log', () => {
  it('has name, message and place of an error, and no other property, such as a URL', () => {
    const lines: string[] = [];
    const error = Object.assign(new TypeError('Invalid URL'), { input: '/?token=abc' });
    logOf('error', { write: (line) => lines.push(line) }).error({ err: error }, 'a fault');
    const { err, msg } = JSON.parse(lines.join(''));
    assert.deepEqual([err.type, err.message, msg], ['TypeError', 'Invalid URL', 'a fault']);
    assert.match(err.stack, /log\.test\.ts/);
    assert.ok(!lines.join('').includes('token'));
  });

  it('that cannot be written ends nothing', async () => {
    const log = new URL('log.ts', import.meta.url).href;
    const script = `
      const { logOf } = await import('${log}');
      const log = logOf('info');
      for (let i = 0; i < 10; i++) log.info('lost');
      console.log('lives');`;
    const full = openSync('/dev/full', 'w');
    const args = ['--input-type=module', '--eval', script];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', full] });
    closeSync(full);
    const [out, [code]] = await Promise.all([child.stdout!.toArray(), once(child, 'exit')]);
    assert.deepEqual([out.join(''), code], ['lives\n', 0]);
  });
});

describe('the sum of those turned away', () => {
  it('is of what came since it was last asked for', () => {
    const counters = new Counters();
    const tally = new Tally(counters);
    assert.equal(tally.since(), undefined);
    countIn(counters.refused, 429);
    countIn(counters.refused, 429);
    countIn(counters.ended, ErrorCode.TIMEOUT);
    assert.deepEqual(tally.since(), { refused: { 429: 2 }, ended: { TIMEOUT: 1 } });
    assert.equal(tally.since(), undefined);
    countIn(counters.refused, 429);
    assert.deepEqual(tally.since(), { refused: { 429: 1 }, ended: {} });
  });
});
