import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { browserPlatform, type Platform } from '../platform.ts';
import { HTTP_STALL_MS, HttpError, type RangeOptions } from './http.ts';
import { FIRST_GAP_MS, FORGET_MS, MAX_ASKED, MAX_GAP_MS, MAX_RETRY_AFTER_MS } from './pace.ts';
import { type Got, get } from './test-origin.ts';

const ORIGIN = 'https://origin.example';
const OTHER = 'https://other.example';

describe('Requests to an origin that is overrun', () => {
  let now: number;
  let timers: Map<object, { at: number; run: () => void }>;
  /** What was asked, and when. */
  let asked: { url: string; at: number }[];
  let answer: (url: string) => Response;
  let platform: Platform;

  const times = (path: string) => asked.filter(({ url }) => url.endsWith(path)).map(({ at }) => at);
  const ok = () => new Response('picture');
  const refusal = (status = 503, retryAfter?: number) =>
    new Response('no', {
      status,
      ...(retryAfter !== undefined && { headers: { 'retry-after': `${retryAfter}` } }),
    });

  beforeEach(() => {
    now = 1_000;
    timers = new Map();
    asked = [];
    answer = ok;
    platform = {
      ...browserPlatform(),
      now: () => now,
      setTimer(ms, run) {
        const key = {};
        timers.set(key, { at: now + ms, run });
        return () => timers.delete(key);
      },
      fetch: async (input) => {
        asked.push({ url: String(input), at: now });
        return answer(String(input));
      },
    };
  });

  /** Lets time go on in jumps, until nobody waits for it, or up to then. */
  const pass = async (until = Number.POSITIVE_INFINITY) => {
    for (;;) {
      for (let i = 0; i < 5; i++) await turn();
      const [key, next] = [...timers].sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
      if (!key || !next || next.at > until) break;
      timers.delete(key);
      now = next.at;
      next.run();
    }
    if (Number.isFinite(until)) now = until;
  };

  const ask = (path: string, options: Partial<RangeOptions> = {}) =>
    get(path.startsWith('/') ? ORIGIN + path : path, { length: 7, ...options }, platform);
  const askMany = (count: number, prefix = '/') =>
    Array.from({ length: count }, (_, i) => ask(`${prefix}${i}`));
  const statusOf = ({ error }: Got) => (error instanceof HttpError ? error.status : error);
  const isShown = ({ error, data }: Got) => error === undefined && String(data) === 'picture';

  /** As nginx's `limit_req rate=… burst=… nodelay` does it. */
  const limit = (perSecond: number, burst: number, status = 503) => {
    let [excess, last] = [-1, now];
    return () => {
      const next = Math.max(0, excess - ((now - last) * perSecond) / 1_000 + 1);
      if (next > burst) return refusal(status);
      [excess, last] = [next, now];
      return ok();
    };
  };

  it('go at once, all of them, while it refuses nothing', async () => {
    const all = askMany(50);
    assert.equal(asked.length, 50);
    for (const got of await Promise.all(all)) assert.ok(isShown(got));
    assert.equal(timers.size, 0);
  });

  for (const status of [429, 502, 503, 504])
    for (const [perSecond, burst] of [
      [5, 10],
      [50, 20],
      [1, 0],
    ] as const)
      it(`all succeed where it answers ${status} beyond ${perSecond} a second and ${burst} at once`, async () => {
        answer = limit(perSecond, burst, status);
        const all = askMany(50);
        await pass();
        const got = await Promise.all(all);
        assert.equal(got.filter(isShown).length, 50);
        // Little slower than it allows.
        const least = ((50 - 1 - burst) / perSecond) * 1_000;
        assert.ok(now - 1_000 < 2 * least + 10_000, `took ${now - 1_000} ms of ${least}`);
      });

  it('are few after the first that it refused', async () => {
    answer = limit(5, 10);
    const all = askMany(50);
    await pass();
    await Promise.all(all);
    assert.ok(asked.length - 50 - (50 - 11) < 15, `${asked.length} requests`);
  });

  it('wait as long as it says to any of them', async () => {
    answer = (url) => (url.endsWith('/0') && now < 5_000 ? refusal(503, 30) : ok());
    const first = ask('/0');
    await pass(1_001);
    const others = askMany(3, '/other-');
    await pass();
    for (const got of await Promise.all([first, ...others])) assert.ok(isShown(got));
    assert.deepEqual(
      asked.map(({ at }) => at >= 31_000),
      [false, true, true, true, true],
    );
  });

  it('have not stalled while they wait', async () => {
    answer = () => (now < 50_000 ? refusal(503, 60) : ok());
    const all = askMany(3);
    await pass();
    for (const got of await Promise.all(all)) assert.ok(isShown(got));
    assert.ok(now - 1_000 > HTTP_STALL_MS);
  });

  it('go one after the other, with a gap between', async () => {
    let isFirst = true;
    answer = () => {
      const refused = isFirst;
      isFirst = false;
      return refused ? refusal(429, 1) : ok();
    };
    const first = ask('/first');
    await pass(1_001);
    const others = askMany(3);
    await pass();
    await Promise.all([first, ...others]);
    const at = asked.map((one) => one.at);
    assert.ok(at.slice(1).every((one, i) => one - (at[i] as number) > FIRST_GAP_MS / 4));
    // And faster with each answer.
    assert.ok((at[4] as number) - (at[3] as number) < (at[2] as number) - (at[1] as number));
  });

  it('go at once where one file alone is refused', async () => {
    answer = (url) => (url.endsWith('/bad') ? refusal(502) : ok());
    const bad = ask('/bad');
    await pass(1_001);
    const all = askMany(50);
    assert.equal(asked.length, 51);
    for (const got of await Promise.all(all)) assert.ok(isShown(got));
    await pass();
    assert.equal(statusOf(await bad), 502);
  });

  it('leave other origins alone', async () => {
    answer = (url) => (url.startsWith(ORIGIN) ? refusal(503, 50) : ok());
    void ask('/0');
    await pass(1_001);
    const got = ask(`${OTHER}/1`);
    assert.deepEqual(times('/1'), [1_001]);
    assert.ok(isShown(await got));
  });

  it('fail all alike where it refuses always, each by its own name', async () => {
    answer = () => refusal();
    const all = askMany(50);
    await pass();
    for (const [i, got] of (await Promise.all(all)).entries()) {
      assert.equal(statusOf(got), 503);
      assert.equal((got.error as Error).message, `${ORIGIN}/${i} answered 503`);
    }
    assert.ok(now < 11_000, `after ${now - 1_000} ms`);
    assert.ok(asked.length < 60, `${asked.length} requests`);
    // What is asked next hears it with the next refusal.
    const before = now;
    const next = askMany(50, '/next-');
    await pass();
    for (const got of await Promise.all(next)) assert.equal(statusOf(got), 503);
    assert.ok(now <= before + MAX_GAP_MS, `after ${now - before} ms`);
  });

  for (const ms of [1_500, 3_000])
    it(`succeed where it refuses some, and takes ${ms} ms to say so`, async () => {
      answer = limit(1, 0);
      const { fetch } = platform;
      Object.assign(platform, {
        fetch: async (...args: Parameters<typeof fetch>) => {
          const response = await fetch(...args);
          await new Promise<void>((resolve) => platform.setTimer(ms, resolve));
          return response;
        },
      });
      const all = askMany(60);
      await pass();
      assert.equal((await Promise.all(all)).filter(isShown).length, 60);
    });

  it('do not fail alike because two were refused when the gaps were long', async () => {
    let count = 0;
    answer = () => (count++ % 4 === 0 ? ok() : refusal());
    const all = askMany(12);
    await pass();
    // The last of all may come just before each answer.
    assert.ok((await Promise.all(all)).filter(isShown).length >= 11);
  });

  it('fail at once where it sends them away for long', async () => {
    answer = () => refusal(503, MAX_RETRY_AFTER_MS / 1_000 + 1);
    for (const path of ['/0', '/1']) {
      const got = ask(path);
      await pass();
      assert.equal(statusOf(await got), 503);
    }
    assert.equal(asked.length, 2);
    assert.ok(now < 1_000 + 2 * MAX_GAP_MS);
  });

  it('are made first where something of a file is here already, and last for what is no use by itself', async () => {
    let refuses = true;
    answer = () => (refuses ? refusal(429, 1) : ok());
    const first = ask('/first');
    await pass(1_001);
    refuses = false;
    const others = [
      ask('/whole', { length: undefined }),
      ask('/start'),
      ask('/rest', { offset: 7 }),
    ];
    await pass();
    await Promise.all([first, ...others]);
    const order = ['/first', '/rest', '/start', '/first', '/whole'];
    assert.deepEqual(
      asked.map(({ url }) => url),
      order.map((path) => ORIGIN + path),
    );
  });

  it('let others pass when they are refused', async () => {
    answer = (url) => (url.endsWith('/bad') ? refusal(502) : ok());
    const bad = ask('/bad', { offset: 7 });
    await pass(1_001);
    const others = askMany(20);
    await pass();
    assert.equal(statusOf(await bad), 502);
    for (const got of await Promise.all(others)) assert.ok(isShown(got));
  });

  it('end in time where one of them is refused always and others never', async () => {
    answer = (url) => (url.endsWith('/bad') ? refusal(502) : ok());
    const bad = ask('/bad');
    let isOver = false;
    void bad.then(() => {
      isOver = true;
    });
    for (let i = 0; i < 1_000 && !isOver; i++) {
      await pass(now + 500);
      void ask(`/good-${i}`);
    }
    assert.equal(statusOf(await bad), 502);
    assert.ok(times('/bad').length <= MAX_ASKED);
  });

  it('take no turn once they are aborted', async () => {
    let refuses = true;
    answer = () => (refuses ? refusal(429, 1) : ok());
    const first = ask('/first');
    await pass(1_001);
    refuses = false;
    const controller = new AbortController();
    const aborted = Array.from({ length: 20 }, (_, i) =>
      ask(`/gone-${i}`, { signal: controller.signal }),
    );
    const last = ask('/last');
    controller.abort(new Error('gone'));
    await pass();
    for (const { error } of await Promise.all(aborted))
      assert.equal((error as Error).message, 'gone');
    for (const got of [await first, await last]) assert.ok(isShown(got));
    assert.equal(asked.length, 3);
    assert.ok(now < 2_000 + 3 * FIRST_GAP_MS);
  });

  it('do not wait at all when they were aborted before', async () => {
    answer = () => refusal(429, 20);
    void ask('/first');
    await pass(1_001);
    const reason = new Error('gone');
    const gone = ask('/gone', { signal: AbortSignal.abort(reason) });
    await pass(1_002);
    assert.equal((await gone).error, reason);
    answer = ok;
    await pass();
    assert.deepEqual(times('/gone'), []);
  });

  it('go at once again when nobody had to wait for some time', async () => {
    let refuses = true;
    answer = () => (refuses ? refusal(429, 1) : ok());
    const first = ask('/first');
    await pass(1_001);
    refuses = false;
    await pass();
    await first;
    await pass(now + FIRST_GAP_MS + FORGET_MS + 1);
    asked = [];
    const all = askMany(50);
    assert.equal(asked.length, 50);
    await Promise.all(all);
  });
});
