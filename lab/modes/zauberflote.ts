import { fileURLToPath } from 'node:url';
import { guardSnippet } from '../../client/guard/guard.ts';
import type { Host } from '../net/types.ts';
import { contentId } from '../origin/assets.ts';
import { elements, html } from './html.ts';
import { program } from './program.ts';
import type { Mode, PageContext } from './types.ts';

const TRACKER = fileURLToPath(new URL('../../tracker/bin/zauberflote-tracker.ts', import.meta.url));

/** The page as the guide tells a site owner to write it. */
async function page(context: PageContext): Promise<string> {
  const body = elements(
    context.assets,
    (asset) =>
      `data-zf-fallback="${context.assetBase}${asset.path}" data-zf-hash="${contentId(asset)}"`,
  );
  const { iceServers, tracker } = context;
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
  mostAssets: Number.POSITIVE_INFINITY,
  tracker: startTracker,
  page,
  seeding: `(({ tracker, assets, downloads }) => tracker === 'open' && downloads === 0
    && assets >= document.querySelectorAll('[data-lab]').length)(zauberflote.stats())`,
  bytes: '(({ peers, origin, store }) => ({ peers, origin, store }))(zauberflote.stats().bytes)',
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
