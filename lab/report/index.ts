import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ResultRow, Summary } from '../results.ts';
import { cellsCsv, datFiles } from './data.ts';
import { type Figure, figuresOf } from './figures.ts';
import { pageOf, WIDE } from './page.ts';
import { renderPngs } from './png.ts';
import { FIGURE_STYLE } from './theme.ts';

/** A figure as a file of its own: with its style and a ground to stand on. */
export function standalone(figure: Figure): string {
  const { text } = figure.draw('figure', WIDE);
  const inside = `<style>${FIGURE_STYLE.text}</style><rect class="ground" width="100%" height="100%"/>`;
  // Title and description stay the first children, where readers look for them.
  const after = text.indexOf('</desc>') + '</desc>'.length;
  return `${text.slice(0, after)}${inside}${text.slice(after)}\n`;
}

/**
 * Writes `report.html` (one file, readable offline), `cells.csv`, the means of each rate of the origin
 * as `figures/*.dat`, and each figure as `figures/*.svg` and, where a browser can be started,
 * `figures/*.png`. Without one it says so on stderr.
 *
 * @param dir is made if it is not there
 * @param signal aborted: no browser is started
 */
export async function writeReport(
  dir: string,
  summary: Summary,
  rows: readonly ResultRow[],
  signal?: AbortSignal,
): Promise<void> {
  const figures = figuresOf(summary, rows);
  const folder = join(dir, 'figures');
  await mkdir(folder, { recursive: true });
  await writeFile(join(dir, 'report.html'), pageOf(summary, figures));
  await writeFile(join(dir, 'cells.csv'), cellsCsv(summary));
  for (const { name, text } of datFiles(summary)) await writeFile(join(folder, name), text);
  const svgs: string[] = [];
  for (const figure of figures) {
    const path = join(folder, `${figure.name}.svg`);
    await writeFile(path, standalone(figure));
    svgs.push(path);
  }
  if (svgs.length === 0 || signal?.aborted) return;
  // The figures are there as SVG; a report must not fail for want of a second form of them.
  await renderPngs(svgs).catch((error: Error) =>
    console.warn(`figures only as SVG, not as PNG: ${error.message}`),
  );
}
