import assert from 'node:assert/strict';
import { decodeSessionResponse } from '@zauberflote/proto';
import { type Browser, launch } from '../browsers/chromium.ts';
import { addAssets, assetBody, Site } from './site.ts';
import { TrackerProcess } from './tracker-process.ts';
import { looks, seeding, until } from './visit.ts';

const ASSETS = 7;

/** Remembers in their order what trackers said, as bytes, and that connections to others were made, as 0. */
const WATCH = `
  window.log = [];
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...all) { super(...all); log.push(0); }
  };
  window.WebSocket = class extends WebSocket {
    constructor(...all) {
      super(...all);
      this.addEventListener('message', ({ data }) => log.push([...new Uint8Array(data)]));
    }
  };`;

describe('A visitor in Chromium', () => {
  let site: Site;
  let tracker: TrackerProcess;
  const browsers: Browser[] = [];

  before(async () => {
    tracker = await TrackerProcess.start();
    site = await new Site().start();
    addAssets(site);
    site.page('/', tracker.url, assetBody(site));
  });

  after(async () => {
    await Promise.all(browsers.map((browser) => browser.quit()));
    site?.close();
    await tracker?.kill();
  });

  /** Comes to the page, has all of it and serves it. */
  const visit = async (): Promise<Browser> => {
    const browser = await launch({ beforePage: WATCH });
    browsers.push(browser);
    await browser.driver.get(site.url('/'));
    await looks(browser);
    await seeding(browser, ASSETS);
    return browser;
  };

  /** What happened, in its order. */
  const happened = async ({ driver }: Browser): Promise<string[]> => {
    const log = await driver.executeScript<(0 | number[])[]>('return log');
    return log.map((entry) => {
      if (entry === 0) return 'connection';
      const { case: kind, value } = decodeSessionResponse(Uint8Array.from(entry)).body;
      if (kind !== 'peers') return String(kind);
      return value.swarms.some(({ holders }) => holders.length > 0) ? 'named' : 'nobody';
    });
  };

  it('makes no RTCPeerConnection before another is named to it, or comes to it', async () => {
    const first = await visit();
    const alone = await happened(first);
    assert.ok(alone.includes('nobody'), alone.join());
    assert.ok(!alone.includes('connection'), alone.join());
    const second = await visit();
    await until(first.driver, 'return log.includes(0)', 'a connection to the second');
    for (const [visitor, cause] of [
      [first, 'signal'],
      [second, 'named'],
    ] as const) {
      const events = await happened(visitor);
      const at = events.indexOf('connection');
      assert.ok(events.slice(0, at).includes(cause), events.join());
    }
  });
});
