/**
 * Entry of zauberflote.js, the script element of the documented snippet:
 * `<script src="/zauberflote.js" data-tracker="wss://tracker.example/" async></script>`.
 *
 * `data-tracker` may list several, and `data-ice-servers` STUN servers, parted by spaces;
 * `data-upload`, `data-worker`, `data-max-upload-bytes-per-second` and `data-max-stored-bytes` are the options of these names. The instance is
 * `window.zauberflote`; its class, `window.Zauberflote`.
 */
import type { MediaLibrary } from './dom/media-library.ts';
import type { StylesheetLibrary } from './dom/stylesheet-library.ts';
import type { UploadPolicy } from './download/manners.ts';
import type { HashLibrary } from './integrity/digest.ts';
import type { EarlySocket } from './tracker/early-socket.ts';
import { ZauberfloteCore, type ZauberfloteOptions } from './zauberflote.ts';

declare global {
  interface Window {
    zauberflote?: ZauberfloteCore;
    Zauberflote?: typeof ZauberfloteCore;
    zfSocket?: EarlySocket;
  }
}

// The element is known only while the script runs; a module or a copied text has none.
const script =
  (document.currentScript as HTMLScriptElement | null) ??
  document.querySelector<HTMLScriptElement>('script[data-tracker]');

const load = (name: string) =>
  import(new URL(`zauberflote-${name}.mjs`, script?.src || document.baseURI).href);

class Zauberflote extends ZauberfloteCore {
  constructor(options: ZauberfloteOptions = {}) {
    super(options, {
      early: window.zfSocket,
      loadHashes: (): Promise<HashLibrary> => load('hash'),
      loadCss: (): Promise<StylesheetLibrary> => load('css'),
      loadMedia: (): Promise<MediaLibrary> => load('media'),
      page: window,
    });
    delete window.zfSocket;
  }
}

// An element with this id is a property of the window, too.
let client = window.zauberflote;
if (!client?.inject) {
  const data = script?.dataset;
  const urls = data?.iceServers?.match(/\S+/g) ?? [];
  window.Zauberflote = Zauberflote;
  client = new Zauberflote({
    tracker: data?.tracker,
    iceServers: urls[0] ? [{ urls }] : undefined,
    upload: data?.upload as UploadPolicy | undefined,
    worker: data?.worker,
    maxUploadBytesPerSecond: Number(data?.maxUploadBytesPerSecond ?? 0),
    maxStoredBytes: Number(data?.maxStoredBytes ?? 0),
  });
}
client.inject(document);
// Not before that has gone well: the guard leaves the page to a client that is there.
window.zauberflote = client;
