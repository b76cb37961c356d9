import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Browser, launch } from '../lab/browsers/chromium.ts';
import { until } from '../lab/e2e/visit.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));
const NOTES = `[...document.querySelectorAll('tr[data-asset]')].map((row) =>
  row.dataset.asset + ': ' + row.querySelector('.zf-note').textContent)`;

describe('The demo in real browsers', () => {
  let demo: ChildProcess;
  let url: string;
  const browsers: Browser[] = [];

  const open = async (): Promise<Browser> => {
    const browser = await launch();
    browsers.push(browser);
    await browser.driver.get(url);
    return browser;
  };

  /** Waits until every asset of the page, but the one that waits for a click, has come. */
  const loaded = (browser: Browser) =>
    until(
      browser.driver,
      `const { assets, downloads } = zauberflote.stats();
       return downloads === 0 && assets >= document.querySelectorAll('tr[data-asset]').length - 1`,
      'the page',
    );

  before(async () => {
    demo = spawn(process.execPath, [MAIN, '--port', '0', '--tracker-port', '0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    for await (const part of demo.stdout as NodeJS.ReadableStream) {
      said += part;
      url = /http:\/\/localhost:\d+\//.exec(said)?.[0] ?? '';
      if (url) break;
    }
    assert.ok(url, `no address in: ${said}`);
  });

  after(async () => {
    await Promise.all(browsers.splice(0).map((browser) => browser.quit()));
    demo.kill('SIGTERM');
    if (demo.exitCode === null) await once(demo, 'exit');
  });

  it('loads from the first window in the second one when the origin was stopped by its button', async () => {
    const first = await open();
    await loaded(first);
    await first.driver.executeScript("document.getElementById('zf-toggle').click()");
    await first.driver.wait(
      async () => (await (await fetch(`${url}demo/origin`)).json()).up === false,
      20_000,
    );
    const { bytesServed } = await (await fetch(`${url}demo/origin`)).json();
    const second = await open();
    await loaded(second);
    const bytes = await second.driver.executeScript<Record<string, number>>(
      'return zauberflote.stats().bytes',
    );
    assert.equal(bytes.origin, 0);
    assert.ok((bytes.peers ?? 0) > 786_432);
    assert.equal((await (await fetch(`${url}demo/origin`)).json()).bytesServed, bytesServed);
    const notes = await second.driver.executeScript<string[]>(`return ${NOTES}`);
    assert.equal(
      notes.filter((note) => /visitor/.test(note)).length,
      notes.length - 1,
      notes.join('\n'),
    );
  });
});
