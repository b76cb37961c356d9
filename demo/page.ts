import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { guardSnippet } from '../client/guard/guard.ts';
import type { Asset } from './assets.ts';

/** `{{name}}`, in a comment where HTML, CSS or JavaScript would not parse otherwise. */
const PLACEHOLDER = /(?:<!--|\/\*|\/\/)?\{\{([^{}]+)\}\}(?:-->|\*\/)?/g;
const SITE = join(import.meta.dirname, 'site');
/** Where the client script is served, next to its lazily loaded hash library. */
const CLIENT_SCRIPT = '/zauberflote.js';

/**
 * Reads the page's sources once and fills in what the assets say.
 *
 * The panel is part of the page itself, not an asset: it must work while the origin is stopped.
 *
 * @returns the HTML for a tracker address, which depends on how the visitor reached the page
 */
export async function loadPage(assets: readonly Asset[]): Promise<(trackerUrl: string) => string> {
  const [template, style, script] = await Promise.all(
    ['index.html', 'panel.css', 'panel.js'].map((name) => readFile(join(SITE, name), 'utf8')),
  );
  const hashes = new Map(assets.map(({ path, hash }) => [path, hash]));
  const total = assets.reduce((sum, { body }) => sum + body.length, 0);
  const fixed: Record<string, string> = {
    'panel.css': style!,
    'panel.js': script!,
    rows: assets.map(row).join('\n'),
    total: kilobytes(total),
  };
  return (trackerUrl) =>
    template!.replace(PLACEHOLDER, (_, name: string) => {
      const value =
        name === 'loader'
          ? guardSnippet(CLIENT_SCRIPT, trackerUrl)
          : (fixed[name] ?? hashes.get(name));
      if (value === undefined) throw new Error(`index.html asks for {{${name}}}, which is unknown`);
      return value;
    });
}

function row({ path, name, body }: Asset): string {
  return `<tr data-asset="${escapeHtml(path)}" data-size="${body.length}">
  <th scope="row">${escapeHtml(name)} <small>${escapeHtml(path.slice(path.lastIndexOf('/') + 1))}</small></th>
  <td class="zf-size">${kilobytes(body.length)}</td>
  <td class="zf-from"><span class="zf-bar"><i class="peers"></i><i class="store"></i><i class="origin"></i></span><span class="zf-note">not asked for yet</span></td>
</tr>`;
}

/** As in the panel script: 1 KB is 1024 bytes, the paper's unit. */
function kilobytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(bytes < 10 * 1024 ? 1 : 0)} KB`;
}

function escapeHtml(value: string): string {
  return value.replace(/[&<>"]/g, (sign) => `&#${sign.codePointAt(0)};`);
}
