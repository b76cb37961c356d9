import { setTimeout as sleep } from 'node:timers/promises';
import type { Tab } from '../browsers/tab.ts';
import { html } from './html.ts';
import type { Mode, PageContext } from './types.ts';

/** As large as every browser takes (RFC 8831, section 6.6, and what Chromium and Firefox announce). */
const MESSAGE_BYTES = 65_536;
/** Refilled from `LOW` up to `HIGH` bytes in the browser's queue: it never runs dry. */
const LOW_BYTES = 1_048_576;
const HIGH_BYTES = 4_194_304;
/** Between two looks for a page that is still being loaded, in ms. */
const LOOK_MS = 10;

/**
 * What a browser can do at best between two visitors: one connection, one channel, no protocol. The
 * holder sends the file; nothing is asked for, nothing verified. The channel is negotiated, as
 * those of the client are: of one that comes by `datachannel`, Chromium 156 loses for good what its
 * receiver sends while it opens (9 of 1,040 connections; of 900 negotiated ones none).
 */
async function page(context: PageContext): Promise<string> {
  const [asset] = context.assets;
  const path = JSON.stringify(asset?.path);
  const common = `
const gathered = (pc) => new Promise((resolve) => {
  const look = () => pc.iceGatheringState === 'complete' && resolve(pc.localDescription.sdp);
  pc.onicegatheringstatechange = look;
  look();
});
const connection = () => {
  window.pc = new RTCPeerConnection(${JSON.stringify({ iceServers: context.iceServers })});
  return [pc, pc.createDataChannel('bare', { negotiated: true, id: 0 })];
};
window.received = 0;`;
  const holder = `
const response = await fetch(${JSON.stringify(context.assetBase + asset?.path)});
const bytes = new Uint8Array(await response.arrayBuffer());
lab.take(${path}, new Blob([bytes]));
window.answer = async (sdp) => {
  const [pc, channel] = connection();
  let at = 0;
  channel.bufferedAmountLowThreshold = ${LOW_BYTES};
  channel.onopen = channel.onbufferedamountlow = () => {
    for (; at < bytes.length && channel.bufferedAmount < ${HIGH_BYTES}; at += ${MESSAGE_BYTES})
      channel.send(bytes.subarray(at, at + ${MESSAGE_BYTES}));
  };
  await pc.setRemoteDescription({ type: 'offer', sdp });
  await pc.setLocalDescription();
  return gathered(pc);
};`;
  const newcomer = `
const parts = [];
window.offer = async () => {
  const [pc, channel] = connection();
  channel.binaryType = 'arraybuffer';
  channel.onmessage = ({ data }) => {
    parts.push(data);
    received += data.byteLength;
    if (received === ${asset?.body.length}) lab.take(${path}, new Blob(parts));
  };
  await pc.setLocalDescription();
  return gathered(pc);
};
window.accept = (sdp) => window.pc.setRemoteDescription({ type: 'answer', sdp });`;
  const body = `<script type="module">${common}${context.seeds ? holder : newcomer}\n</script>`;
  return html(context, { head: '', body });
}

/** The driver takes the place of every tracker: offer and answer go through its own channel. */
async function introduce(
  seeders: readonly Tab[],
  leechers: readonly Tab[],
  deadline: number,
): Promise<void> {
  await Promise.all(
    leechers.map(async (leecher, index) => {
      const seeder = seeders[index % seeders.length];
      if (!seeder) throw new Error('bare-channel needs a seeder: give --seeders');
      let offer: string | null = null;
      for (; offer === null && Date.now() < deadline; await sleep(LOOK_MS))
        // Asked before the navigation, or in its middle, it is not there.
        offer = await leecher.evaluate<string | null>('window.offer?.() ?? null').catch(() => null);
      const answer = await seeder.evaluate<string>(`answer(${JSON.stringify(offer)})`);
      await leecher.evaluate(`accept(${JSON.stringify(answer)})`);
    }),
  );
}

export const bareChannel: Mode = {
  name: 'bare-channel',
  sites: ['bulk'],
  page,
  introduce,
  seeding: 'window.answer !== undefined',
  bytes: '({ peers: received, origin: 0, store: 0 })',
};
