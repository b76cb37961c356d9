import { fileURLToPath } from 'node:url';
import { makeManifest } from '@zauberflote/convert';
import { guardSnippet } from '../../client/guard/guard.ts';
import type { Host } from '../net/types.ts';
import type { Asset } from '../origin/assets.ts';
import { contentId } from '../origin/assets.ts';
import { elements, html } from './html.ts';
import { program } from './program.ts';
import type { Mode, PageContext } from './types.ts';

const TRACKER = fileURLToPath(new URL('../../tracker/bin/zauberflote-tracker.ts', import.meta.url));

/** From this size on, in bytes, a file is worth verifying by chunks: below, it would be one or two. */
const MANIFEST_FROM_BYTES = 65_536;

/** The page as the guide tells a site owner to write it: large files with their manifests in it. */
async function page(context: PageContext): Promise<string> {
  const ids = new Map<Asset, string>();
  let manifests = '';
  for (const asset of context.assets) {
    ids.set(asset, contentId(asset));
    if (asset.body.length < MANIFEST_FROM_BYTES) continue;
    const { id, manifest } = await makeManifest([asset.body], asset.body.length);
    ids.set(asset, id);
    manifests += `<script type="application/zauberflote-manifest">${Buffer.from(manifest).toString('base64')}</script>\n`;
  }
  const attributes = (asset: Asset) =>
    `data-zf-fallback="${context.assetBase}${asset.path}" data-zf-hash="${ids.get(asset)}"`;
  const { iceServers, tracker } = context;
  const [file] = context.assets;
  if (file?.kind === 'file') {
    const from = { fallback: context.assetBase + file.path };
    const body = `${manifests}<script type="module">
import { Zauberflote } from '/lib/zauberflote.mjs';
window.zauberflote = new Zauberflote(${JSON.stringify({ tracker, iceServers })});
zauberflote.inject(document);
zauberflote.download('${ids.get(file)}', ${JSON.stringify(from)}).then(
  (blob) => lab.take('${file.path}', blob), () => lab.fail('${file.path}'));
</script>`;
    return html(context, { head: '', body });
  }
  const body = manifests + elements(context.assets, attributes);
  const head =
    iceServers.length === 0
      ? guardSnippet('/lib/zauberflote.js', tracker)
      : // Relays need credentials, which only the JavaScript interface takes.
        `<script type="module">
import { Zauberflote } from '/lib/zauberflote.mjs';
window.zauberflote = new Zauberflote(${JSON.stringify({ tracker, iceServers })});
zauberflote.inject(document);
</script>`;
  return html(context, { head, body });
}

const startTracker = (host: Host, port: number) =>
  program(host, port, process.execPath, [TRACKER, '--port', String(port)], 'the tracker');

export const zauberflote: Mode = {
  name: 'zauberflote',
  sites: ['photo', 'page', 'bulk'],
  tracker: startTracker,
  page,
  seeding: `(({ tracker, assets, downloads }) => tracker === 'open' && downloads === 0
    && assets >= Math.max(1, document.querySelectorAll('[data-lab]').length))(zauberflote.stats())`,
  bytes: '(({ peers, origin, store }) => ({ peers, origin, store }))(zauberflote.stats().bytes)',
};

/** The same where nothing goes wrong: what trouble is measured by. */
export const undisturbed: Mode = {
  ...zauberflote,
  name: 'zauberflote-undisturbed',
  undisturbed: true,
};

/** Negative control: the same client, which finds no WebRTC and so no peer. */
export const controlNoPeers: Mode = {
  ...zauberflote,
  name: 'control-no-peers',
  seeding: 'zauberflote.stats().assets > 0',
  page: async (context) =>
    (await page(context)).replace(
      '<head>',
      '<head><script>delete window.RTCPeerConnection</script>',
    ),
};
