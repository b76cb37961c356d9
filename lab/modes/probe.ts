import { CONTENT_BYTES } from './marks.ts';

/** What the probe in a page found. */
export interface Probed {
  /** From navigation start to the load event of the last asset, in ms; of a film, how long it was waited for. */
  readonly loadMs: number;
  /** URL that each asset's element shows, by path; empty for a file that no element shows. */
  readonly shown: Readonly<Record<string, string>>;
  /** Elements that ended in an error event, by path. */
  readonly failed: readonly string[];
}

/**
 * The first script of every page, whatever the mode: listens to the load and error events of the
 * elements with `data-lab`. `lab.done` resolves to a {@link Probed} when each had one. An element
 * that loads after an error counts as loaded. `lab.bytes(path)` gives in base64 what was shown.
 * @param expected how many elements there will be
 */
export function probe(expected: number): string {
  return `<script>
window.lab = (() => {
  const { promise, resolve } = Promise.withResolvers();
  const shown = {}, kept = {}, failed = new Set();
  let loadMs = 0;
  const end = () => {
    if (Object.keys(shown).length + failed.size >= ${expected})
      resolve({ loadMs, shown, failed: [...failed] });
  };
  const hear = ({ type, target }) => {
    const path = target.dataset?.lab;
    if (!path) return;
    if (type === 'load') {
      loadMs = performance.now();
      const url = shown[path] = target.currentSrc || target.src || target.href;
      // It may be revoked the next moment; this holds on to what it means now.
      if (url.startsWith('blob:')) kept[path] = fetch(url);
      failed.delete(path);
    } else failed.add(path);
    end();
  };
  document.addEventListener('load', hear, true);
  document.addEventListener('error', hear, true);
  const base64 = (bytes) => {
    let text = '';
    for (let at = 0; at < bytes.length; at += 8192)
      text += String.fromCharCode(...bytes.subarray(at, at + 8192));
    return btoa(text);
  };
  const bytes = async (path) => {
    const response = await (kept[path] ?? fetch(shown[path], { cache: 'force-cache' }));
    return base64(new Uint8Array(await response.arrayBuffer()));
  };
  // Files that no element shows.
  const files = {};
  const take = (path, blob, ms = performance.now()) => {
    loadMs = ms;
    files[path] = blob;
    shown[path] = '';
    end();
  };
  const fail = (path) => { failed.add(path); end(); };
  const size = (path) => files[path].size;
  const slice = async (path, from, to) =>
    base64(new Uint8Array(await files[path].slice(from, to).arrayBuffer()));
  return { done: promise, bytes, take, fail, size, slice };
})();
</script>`;
}

/** Makes a visitor lie to its peers, whatever protocol it speaks. Small messages are control. */
export const LIAR = `<script>
{
  const { send } = RTCDataChannel.prototype;
  RTCDataChannel.prototype.send = function (data) {
    if (data.byteLength >= ${CONTENT_BYTES}) {
      const bytes = ArrayBuffer.isView(data)
        ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
      data = bytes.slice();
      data[data.length - 1] ^= 1;
      window.lied = true;
    }
    return send.call(this, data);
  };
}
</script>`;
