import { readFile, writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { type Browser, launch } from '../browsers/chromium.ts';

/** Device pixels for one of the drawing: sharp on paper and on dense screens. */
const SCALE = 2;

/**
 * Renders SVG files to PNG files of the same name, light, in a headless browser.
 * @throws {Error} if there is no browser, or it cannot draw one of them
 */
export async function renderPngs(svgs: readonly string[]): Promise<void> {
  const browser = await launch();
  try {
    for (const svg of svgs) await render(browser, svg);
  } finally {
    await browser.quit();
  }
}

async function render({ driver }: Browser, svg: string): Promise<void> {
  const size = /<svg[^>]* width="(\d+)" height="(\d+)"/.exec(await readFile(svg, 'utf8'));
  if (!size) throw new Error(`${svg} does not say how large it is`);
  const [width, height] = [Number(size[1]), Number(size[2])];
  await driver.sendDevToolsCommand('Emulation.setDeviceMetricsOverride', {
    width,
    height,
    deviceScaleFactor: SCALE,
    mobile: false,
  });
  await driver.get(pathToFileURL(svg).href);
  const shot = (await driver.sendAndGetDevToolsCommand('Page.captureScreenshot', {
    format: 'png',
    clip: { x: 0, y: 0, width, height, scale: 1 },
  })) as unknown as { readonly data: string };
  await writeFile(svg.replace(/\.svg$/, '.png'), Buffer.from(shot.data, 'base64'));
}
