import { fileURLToPath } from 'node:url';
import { makeManifest } from '@zauberflote/convert';
import { guardSnippet } from '../../client/guard/guard.ts';
import { find } from '../../scripts/debian-packages.ts';
import { freePort } from '../../scripts/free-port.ts';
import type { Host } from '../net/types.ts';
import { Unsupported } from '../net/unsupported.ts';
import type { Asset } from '../origin/assets.ts';
import { contentId } from '../origin/assets.ts';
import { elements, html } from './html.ts';
import { PLAYER } from './player.ts';
import { program } from './program.ts';
import type { Mode, PageContext, Service } from './types.ts';

const TRACKER = fileURLToPath(new URL('../../tracker/bin/zauberflote-tracker.ts', import.meta.url));
const BALANCER = fileURLToPath(new URL('balancer.ts', import.meta.url));

const REDIS = { debianPackage: 'redis-server', programs: ['redis-server'] };

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
  if (file?.kind === 'file' || file?.kind === 'film') {
    const from = { fallback: context.assetBase + file.path };
    const what = `'${ids.get(file)}', ${JSON.stringify(from)}`;
    const plays = file.kind === 'film' && !context.seeds;
    const body = `${manifests}<script type="module">
import { Zauberflote } from '/lib/zauberflote.mjs';
window.zauberflote = new Zauberflote(${JSON.stringify({ tracker, iceServers })});
zauberflote.inject(document);
${plays ? `lab.play('${file.path}', zauberflote.stream(${what}))` : `zauberflote.download(${what}).then((blob) => lab.take('${file.path}', blob))`}
  .catch(() => lab.fail('${file.path}'));
</script>`;
    return html(context, { head: plays ? PLAYER : '', body });
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

const startTracker = (host: Host, port: number, ...args: readonly string[]) =>
  program(host, port, process.execPath, [TRACKER, '--port', String(port), ...args], 'the tracker');

/** Two that a Redis joins, behind a load balancer that leads each visitor to the other one. */
async function startTwoTrackers(host: Host, port: number): Promise<Service> {
  if (!find(REDIS, process.env))
    throw new Unsupported('redis-server is missing: apt-get install redis-server');
  const started: Service[] = [];
  const start = async (service: Promise<Service>) => started.push(await service);
  const stop = async () => {
    await Promise.all(started.map((service) => service.stop()));
  };
  try {
    const redis = await freePort();
    const flags = ['--bind', host.address, '--port', `${redis}`, '--save', '', '--protected-mode'];
    await start(program(host, redis, 'redis-server', [...flags, 'no'], 'Redis'));
    const ports = [await freePort(), await freePort()];
    const url = `redis://${host.address}:${redis}`;
    for (const each of ports)
      await start(startTracker(host, each, '--redis', url, '--log-level', 'warn'));
    const args = [BALANCER, port, host.address, ...ports].map(String);
    await start(program(host, port, process.execPath, args, 'the load balancer'));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    get running() {
      return started.every(({ running }) => running);
    },
    stop,
  };
}

export const zauberflote: Mode = {
  name: 'zauberflote',
  sites: ['photo', 'page', 'bulk', 'film'],
  tracker: startTracker,
  page,
  seeding: `(({ tracker, assets, downloads }) => tracker === 'open' && downloads === 0
    && assets >= Math.max(1, document.querySelectorAll('[data-lab]').length))(zauberflote.stats())`,
  bytes: '(({ peers, origin, store }) => ({ peers, origin, store }))(zauberflote.stats().bytes)',
};

/** The same by two trackers: the crowd of one meets that of the other. */
export const twoTrackers: Mode = {
  ...zauberflote,
  name: 'zauberflote-two-trackers',
  tracker: startTwoTrackers,
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
