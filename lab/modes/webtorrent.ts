import { fileURLToPath } from 'node:url';
// @ts-expect-error the package has no types
import createTorrent from 'create-torrent';
import type { Host } from '../net/types.ts';
import type { Asset } from '../origin/assets.ts';
import { elements, html } from './html.ts';
import { PLAYER } from './player.ts';
import { program } from './program.ts';
import type { Mode, PageContext } from './types.ts';

const TRACKER = fileURLToPath(new URL('./bittorrent-tracker.ts', import.meta.url));

/** The torrent file; its piece length is create-torrent's choice. */
function torrentOf(asset: Asset, tracker: string, webSeed: string): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  createTorrent(
    Buffer.from(asset.body),
    {
      name: asset.path.slice(asset.path.lastIndexOf('/') + 1),
      announceList: [[tracker]],
      urlList: [webSeed],
      createdBy: 'lab',
      creationDate: 0,
    },
    (error: Error | null, torrent: Uint8Array) => (error ? reject(error) : resolve(torrent)),
  );
  return promise;
}

/**
 * What a site owner would write with the npm package: its browser bundle, the torrent in the page
 * (no round trip for it), the origin as web seed, the picture shown from a blob: URL.
 */
async function page(context: PageContext, strategy: string): Promise<string> {
  const [asset] = context.assets;
  if (!asset || context.assets.length > 1)
    throw new Error('webtorrent pages show one picture, or one film');
  const torrent = await torrentOf(asset, context.tracker, `${context.assetBase}${asset.path}`);
  const plays = asset.kind === 'film' && !context.seeds;
  const blob = 'await torrent.files[0].blob()';
  let show = `document.querySelector('[data-lab]').src = URL.createObjectURL(${blob});`;
  if (asset.kind === 'film') show = plays ? '' : `lab.take('${asset.path}', ${blob});`;
  const client = { tracker: { rtcConfig: { iceServers: context.iceServers } } };
  const head = `<script type="module">
import WebTorrent from '/lib/webtorrent.min.js';
const text = atob('${Buffer.from(torrent).toString('base64')}');
const client = new WebTorrent(${JSON.stringify(client)});
const state = window.torrentState = { announced: false, done: false, peers: 0, origin: 0, store: 0 };
const torrent = client.add(Uint8Array.from(text, (c) => c.charCodeAt(0)), { strategy: '${strategy}' });
torrent.on('wire', (wire) => wire.on('download', (bytes) => {
  state[wire.type === 'webSeed' ? 'origin' : 'peers'] += bytes;
}));
torrent.on('trackerAnnounce', () => { state.announced = true; });
${plays ? `torrent.on('ready', () => lab.play('${asset.path}', torrent.files[0]).catch(() => lab.fail('${asset.path}')));` : ''}
torrent.on('done', async () => {
  ${show}
  state.done = true;
});
</script>`;
  const body = asset.kind === 'film' ? '' : elements(context.assets, () => '');
  return html(context, { head: plays ? PLAYER + head : head, body });
}

const startTracker = (host: Host, port: number) =>
  program(host, port, process.execPath, [TRACKER, String(port)], 'bittorrent-tracker');

function mode(name: string, strategy: string): Mode {
  return {
    name,
    sites: ['photo', 'film'],
    tracker: startTracker,
    page: (context) => page(context, strategy),
    seeding: 'torrentState.done && torrentState.announced',
    bytes: '(({ peers, origin, store }) => ({ peers, origin, store }))(torrentState)',
  };
}

/** Pieces in order, WebTorrent's default. */
export const webtorrent = mode('webtorrent', 'sequential');
/** Its strongest setting in a flash crowd (DESIGN section 9). */
export const webtorrentRarest = mode('webtorrent-rarest', 'rarest');
