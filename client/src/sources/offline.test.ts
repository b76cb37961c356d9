import assert from 'node:assert/strict';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { BACK_MS, browserPlatform } from '../platform.ts';
import { HTTP_STALL_MS, type HttpError } from './http.ts';
import { get } from './test-origin.ts';

/** As far as a window has a part in it. */
describe('A fetch that fails while there is no network', () => {
  let window: EventTarget;
  const say = (type: 'offline' | 'online') => window.dispatchEvent(new Event(type));

  before(() => {
    window = new EventTarget();
    globalThis.addEventListener = window.addEventListener.bind(window);
  });

  after(() => Reflect.deleteProperty(globalThis, 'addEventListener'));

  /** Fetches fail at once; the time a body may stay away ends when the test says so. */
  const fetching = (signal = new AbortController().signal) => {
    const browser = browserPlatform();
    let stall: (() => void) | undefined;
    const platform = {
      ...browser,
      get offline() {
        return browser.offline;
      },
      fetch: () => Promise.reject(new TypeError('Failed to fetch')),
      setTimer(ms: number, run: () => void) {
        assert.equal(ms, HTTP_STALL_MS);
        stall = run;
        return () => {
          stall = undefined;
        };
      },
    };
    const begin = () => {
      const state = { isOver: false };
      const failed = get('/f', { signal }, platform).then(({ error }) => {
        state.isOver = true;
        return error as HttpError;
      });
      return { state, failed };
    };
    return { begin, stall: () => stall?.() };
  };

  it('fails when the network is back, which is told once, and at once from then on', async () => {
    const { begin } = fetching();
    for (let time = 0; time < 2; time++) {
      for (let i = 0; i < 2; i++) say('offline');
      const { state, failed } = begin();
      for (let i = 0; i < 10; i++) await turn();
      assert.equal(state.isOver, false);
      say('online');
      assert.equal((await failed).kind, 'unreachable');
      assert.equal((await begin().failed).kind, 'unreachable');
    }
  });

  it('is made again when the network is back, and nobody hears that it failed', async () => {
    const answers = [
      () => Promise.reject(new TypeError('Failed to fetch')),
      () => new Response('it'),
    ];
    const platform = {
      ...browserPlatform(),
      fetch: async () => answers.shift()!(),
      offline: undefined as Promise<void> | undefined,
    };
    platform.offline = turn().then(() => {
      platform.offline = undefined;
    });
    const { error, data } = await get('/f', {}, platform);
    assert.deepEqual([error, data.toString()], [undefined, 'it']);
  });

  it('does not fail before the network has been back for a while', async () => {
    const { begin } = fetching();
    const { state, failed } = begin();
    await failed;
    say('offline');
    say('online');
    const again = begin();
    await pause(BACK_MS / 2);
    say('offline');
    await pause(BACK_MS);
    assert.deepEqual([state.isOver, again.state.isOver], [true, false]);
    say('online');
    assert.equal((await again.failed).kind, 'unreachable');
  });

  it('waits longer than for a body that stays away: what failed would stay broken when the network is back', async () => {
    const { begin, stall } = fetching();
    say('offline');
    const { state, failed } = begin();
    for (let i = 0; i < 10; i++) await turn();
    stall();
    for (let i = 0; i < 10; i++) await turn();
    assert.equal(state.isOver, false);
    say('online');
    assert.equal((await failed).kind, 'unreachable');
  });

  it('does not wait at all once it was given up: what hangs then fails by that', async () => {
    const abort = new AbortController();
    const hangs = (_: unknown, { signal }: RequestInit = {}) =>
      new Promise<Response>((_, reject) =>
        signal?.addEventListener('abort', () => reject(signal.reason)),
      );
    let stall = () => {};
    const platform = {
      ...browserPlatform(),
      fetch: hangs,
      setTimer: (_: number, run: () => void) => {
        stall = run;
        return () => {};
      },
      offline: new Promise<void>(() => {}),
    };
    const stalled = get('/f', {}, platform);
    stall();
    assert.equal(((await stalled).error as HttpError).kind, 'stalled');
    const unwanted = get('/f', { signal: abort.signal }, platform);
    abort.abort(new Error('not wanted'));
    assert.equal(((await unwanted).error as Error).message, 'not wanted');
  });

  it('ends when nobody wants it any more', async () => {
    const abort = new AbortController();
    const { begin } = fetching(abort.signal);
    say('offline');
    const { failed } = begin();
    await turn();
    abort.abort(new Error('not wanted'));
    assert.equal((await failed).message, 'not wanted');
    say('online');
  });
});
