import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { Browser } from '../browsers/chromium.ts';
import type { Driver, Firefox } from '../browsers/firefox.ts';

/** Longest any page here may take, in ms; generous, the machine is shared. */
export const PATIENCE_MS = 45_000;

/** What is needed of a browser to look at its page. */
type Page = { readonly driver: Pick<Driver, 'executeScript' | 'executeAsyncScript'> };

/** Waits until `script` (a function body) returns something true, and returns it. */
export async function until<T>(
  driver: Pick<Driver, 'executeScript'>,
  script: string,
  what: string,
): Promise<T> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await pause(50)) {
    const result = await driver.executeScript<T>(script).catch(() => undefined);
    if (result) return result;
  }
  throw new Error(`waited for: ${what}`);
}

/** What a person would notice of the page of `assetBody`, as data: pixels, styles, font, order. */
export interface Looks {
  readonly photo: string;
  readonly logo: string;
  readonly title: string;
  readonly order: readonly string[];
  readonly colour: string;
  readonly background: string;
  readonly backgroundPixels: string;
  readonly font: boolean;
}

const LOOKS = `
  const done = arguments[0];
  const digest = async (image) => {
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    let hash = 2166136261;
    for (const byte of data) hash = Math.imul(hash ^ byte, 16777619) >>> 0;
    return canvas.width + 'x' + canvas.height + ':' + hash;
  };
  (async () => {
    const style = getComputedStyle(document.body);
    const url = /url\\("(.*)"\\)/.exec(style.backgroundImage)[1];
    const background = new Image();
    background.src = url;
    await document.fonts.load('20px Zf');
    return {
      photo: await digest(document.getElementById('photo')),
      logo: await digest(document.getElementById('logo')),
      title: document.title,
      order: window.order,
      colour: getComputedStyle(document.getElementById('title')).color,
      background: style.backgroundColor,
      backgroundPixels: await digest(background),
      font: [...document.fonts].some((face) => face.family === 'Zf' && face.status === 'loaded'),
    };
  })().then(done, (error) => done(String(error)));`;

/** Waits until the page of `assetBody` is all there, and says how it looks. */
export async function looks({ driver }: Page): Promise<Looks> {
  await until(
    driver,
    `const shown = (id) => document.getElementById(id).complete && document.getElementById(id).naturalWidth > 0;
     return shown('photo') && shown('logo') && window.order?.length === 2
       && getComputedStyle(document.getElementById('title')).color === 'rgb(1, 2, 3)'`,
    'every asset shown',
  );
  const result = await driver.executeAsyncScript<Looks | string>(LOOKS);
  assert.ok(typeof result === 'object', String(result));
  return result;
}

/** Waits until the page serves `assets` contents to others and the tracker knows. */
export async function seeding({ driver }: Page, assets: number): Promise<void> {
  await until(
    driver,
    `const { assets, tracker } = zauberflote.stats(); return tracker === 'open' && assets >= ${assets}`,
    `${assets} assets announced`,
  );
}

/** The totals of `zauberflote.stats().bytes`. */
export function bytes({
  driver,
}: Page): Promise<Record<'peers' | 'origin' | 'store' | 'uploaded', number>> {
  return driver.executeScript('return zauberflote.stats().bytes');
}

/** What the page's console shows a person, warnings and errors only. */
export async function complaints(browser: Pick<Browser | Firefox, 'console'>): Promise<string[]> {
  const entries = await browser.console();
  return entries.filter(({ level }) => level.name !== 'INFO').map(({ message }) => message);
}
