/**
 * The injection layer (paper, section 3.5): finds marked elements and gives them their assets.
 *
 * ```html
 * <img    data-zf-fallback="/woods.jpg" data-zf-hash="sha256-…">
 * <link   data-zf-fallback="/site.css"  data-zf-hash="sha256-…">        rel=stylesheet is implied
 * <link   data-zf-fallback="/f.woff2"   data-zf-hash="sha256-…" rel="zf-preload">
 * <script data-zf-fallback="/app.js"    data-zf-hash="sha256-…"></script>
 * <img    data-zf-srcset="/a.jpg sha256-… 640w, /b.jpg sha256-… 1280w" sizes="100vw">
 * <picture><source data-zf-srcset="/a.avif sha256-…" type="image/avif"> <img data-zf-…></picture>
 * <video  data-zf-poster="/p.jpg sha256-…"> <source data-zf-fallback="/v.webm" data-zf-hash="…"></video>
 * ```
 *
 * - `data-zf-hash` and `data-zf-fallback` belong together. They end up in `src`; of a link and of
 *   SVG elements in `href`, of an object in `data`.
 * - `data-zf-srcset` and `data-zf-poster` hold entries `URL HASH [DESCRIPTOR]`, parted by commas.
 *   Only the candidate the browser would choose is downloaded; when the screen changes it chooses again.
 * - A `zf-preload` link makes its asset available to the `url()` and `@import` of marked stylesheets;
 *   so does `preload`, but without an href browsers complain about it on the console.
 * - `loading=lazy` waits until the element is near, `preload=none` until somebody wants to play.
 * - Scripts run in document order among each other. `DOMContentLoaded` does not wait for them, nor
 *   do unmarked scripts. In a module `import` needs absolute URLs (a blob: URL is no base).
 * - Frames (`iframe`, HTML in `embed` and `object`) get the fallback URL itself, as in plain HTML,
 *   unverified and without `zf:` events: a page needs its own address, see `isFrame`. So do links (`a`).
 * - `<script type="application/zauberflote-manifest">BASE64</script>` holds a manifest, for the hash
 *   `zf1-…` that it has. It is known to what comes after it.
 * - Every failure gives the `error` event, `zf:error` and one message on the console.
 *
 * A Content Security Policy has to allow `blob:` for what is marked; where it does not, elements get
 * their fallback, unverified, with a warning. What the guard has filled stays as it is.
 */
import type { Downloads, Progress } from '../download/types.ts';
import { ZfError } from '../errors.ts';
import { type Asset, Assets, OutsideUrls } from './assets.ts';
import { chooseImage } from './choose-image.ts';
import {
  checked,
  describe,
  isElement,
  isFilledByGuard,
  isMedia,
  isResponsive,
  isScript,
  isShadowRoot,
  MARKED,
  mayPlay,
  ownerOf,
  ownersUnder,
  ownPart,
  type Part,
  posterPart,
  priorityOf,
  type Slot,
  sourcesOf,
  WATCHED,
  wishOf,
} from './elements.ts';
import { announce, NO_PROGRESS, reportFailure } from './events.ts';
import { InlineManifests } from './inline-manifests.ts';
import type { MediaServer } from './media-library.ts';
import { Nearness, playWanted, postponement } from './postpone.ts';
import { type Place, parsed, ScriptOrder, scriptKind, untilTurn } from './scripts.ts';
import {
  isFrame,
  isStylesheet,
  show,
  showAgain,
  showForPrint,
  unshow,
  urlFor,
  whenKept,
} from './show.ts';
import { onDemand, type StylesheetLibrary } from './stylesheet-library.ts';
import { isSame, Use } from './use.ts';

const OBSERVED = { subtree: true, childList: true, attributeFilter: WATCHED };

export class Injector {
  readonly #document: Document;
  readonly #assets: Assets;
  readonly #manifests: InlineManifests;
  readonly #uses: Record<Slot, Map<Element, Use>> = { main: new Map(), poster: new Map() };
  /** Of pictures that are shown and scripts that were loaded, both for good: moving them needs no second time. */
  readonly #finished = new WeakMap<Element, Use>();
  readonly #outside = new OutsideUrls();
  readonly #nearness = new Nearness();
  readonly #loadCss: () => Promise<StylesheetLibrary | undefined>;
  readonly #media: MediaServer | undefined;
  readonly #scripts: ScriptOrder;
  readonly #observer: MutationObserver;
  readonly #closing = new AbortController();
  /** Queries of sources that are followed. */
  readonly #followed = new Set<string>();
  #frame = 0;

  constructor(
    downloads: Downloads,
    loadCss: () => Promise<StylesheetLibrary>,
    media?: MediaServer,
    document: Document = globalThis.document,
  ) {
    this.#loadCss = onDemand(loadCss);
    this.#media = media;
    this.#document = document;
    this.#assets = new Assets(downloads);
    this.#manifests = new InlineManifests(downloads);
    const whenParsed = parsed(document);
    void whenParsed.then(() => this.#manifests.collect(document));
    this.#scripts = new ScriptOrder(whenParsed);
    this.#observer = new MutationObserver((records) => this.#changed(records));
  }

  /**
   * Gives every marked element at and under `root` its asset. A shadow tree is observed from now on
   * as well (an observer of the document does not see into it); when its host was taken out and
   * comes back, it has to be given again.
   * @returns resolves when each has it or has failed; postponed ones (`loading=lazy`) are not waited for
   */
  async inject(root: ParentNode): Promise<void> {
    const tree = root.getRootNode();
    if (isShadowRoot(tree)) this.#observer.observe(tree, OBSERVED);
    this.#manifests.collect(root);
    const settled: Promise<void>[] = [];
    for (const owner of ownersUnder(root)) {
      this.#update(owner);
      for (const uses of Object.values(this.#uses)) {
        const use = uses.get(owner);
        if (use && use.state !== 'waiting') settled.push(use.settled);
      }
    }
    await Promise.all(settled);
  }

  /** From now on, does the same for elements that are added, removed or changed. */
  observe(): void {
    this.#observer.observe(this.#document, OBSERVED);
    const { signal } = this.#closing;
    this.#document.defaultView?.addEventListener('resize', this.#resized, { signal });
    this.#document.defaultView?.addEventListener('beforeprint', this.#printed, { signal });
  }

  /** Ends all downloads and revokes all object URLs. What is shown stays. */
  close(): void {
    this.#observer.disconnect();
    this.#closing.abort();
    for (const uses of Object.values(this.#uses)) {
      for (const use of uses.values()) use.end();
      uses.clear();
    }
    this.#outside.release();
  }

  #changed(records: MutationRecord[]): void {
    const touched = new Set<Element>();
    const resized = new Set<Element>();
    const touch = (owner: Element | null) => owner && touched.add(owner);
    for (const { type, target, attributeName, addedNodes, removedNodes } of records) {
      const changed = type === 'attributes' ? ownerOf(target as Element) : null;
      touch(changed);
      if (changed && /^(?:sizes|media)$/.test(attributeName!)) resized.add(changed);
      for (const node of addedNodes) this.#manifests.collect(node);
      for (const node of [...removedNodes, ...addedNodes]) {
        for (const owner of ownersUnder(node)) touch(owner);
        // A <source> that was taken out does not know any more whose it was, and one that was
        // parsed before its <img> did not know it yet.
        if (!/^(?:SOURCE|IMG)$/.test(node.nodeName) || !isElement(target)) continue;
        touch(isMedia(target) ? target : target.querySelector(':scope > img'));
      }
    }
    // Not only what is marked and was seen to go: marks are taken off, shadow trees go with hosts.
    if (records.some(({ removedNodes }) => removedNodes.length > 0))
      for (const uses of Object.values(this.#uses))
        for (const owner of uses.keys()) if (!owner.isConnected) touch(owner);
    for (const owner of touched) {
      if (owner.isConnected) this.#update(owner);
      else this.#remove(owner);
    }
    for (const owner of resized) void this.#chooseAgain(this.#uses.main.get(owner));
  }

  /** Starts what an element newly wants. */
  #update(owner: Element): void {
    if (isFilledByGuard(owner)) return;
    for (const slot of ['main', 'poster'] as const) {
      const wish = wishOf(owner, slot);
      let old = this.#uses[slot].get(owner);
      const before = !old && slot === 'main' && this.#finished.get(owner);
      if (before) old = this.#isBack(before);
      const same = old && isSame(old, wish);
      if (wish === undefined) {
        if (!old) continue;
        this.#uses[slot].delete(owner);
        old.end();
        this.#unshow(old);
      } else if (!same || (old?.state === 'waiting' && !postponement(owner)))
        this.#start(owner, slot, wish, old);
      else if (old && /shown|failed/.test(old.state)) showAgain(old);
    }
  }

  /** Of an element that was out for a while. */
  #isBack(before: Use): Use {
    const use = new Use(before.owner, before.slot, before.wish, before);
    const release = this.#outside.take(use.owner);
    use.hold(() => this.#letGo(use, release));
    use.settle('shown');
    this.#uses.main.set(use.owner, use);
    return use;
  }

  #remove(owner: Element): void {
    for (const uses of Object.values(this.#uses)) {
      const use = uses.get(owner);
      if (!use) continue;
      uses.delete(owner);
      if (!this.#isFinished(use)) this.#unshow(use);
      use.end();
    }
  }

  /** Whether what a use shows is there for good. */
  #isFinished({ owner, wish, shown }: Use): boolean {
    const finished = this.#finished.get(owner);
    return finished?.wish === wish && finished.shown === shown;
  }

  #unshow(use: Use, stops = false): void {
    unshow(use, stops);
    use.shown = undefined;
    this.#finished.delete(use.owner);
  }

  /** Of an object URL. A picture that is only taken out for a while stays as it is. */
  #letGo(use: Use, release: () => void): void {
    const isTakenOut = use.owner.localName === 'img' && !use.owner.isConnected;
    if (isTakenOut && this.#isFinished(use)) this.#outside.keep(use.owner, release);
    else release();
  }

  #start(owner: Element, slot: Slot, wish: string, old: Use | undefined): void {
    const place = isScript(owner) ? this.#place(owner) : undefined;
    if (place === 'never') return;
    const use = new Use(owner, slot, wish, old);
    this.#uses[slot].set(owner, use);
    if (place) use.signal.addEventListener('abort', place.done);
    use.settled = this.#run(use, place).finally(() => place?.done());
  }

  /** Scripts take their places in the order they are seen in. */
  #place(script: HTMLScriptElement): Place | 'never' {
    const has = (name: string) => script.hasAttribute(name);
    const kind = scriptKind({
      type: script.getAttribute('type'),
      async: has('async'),
      defer: has('defer'),
      nomodule: has('nomodule'),
    });
    return kind === 'never' ? kind : this.#scripts.place(kind);
  }

  async #run(use: Use, place: Place | undefined): Promise<void> {
    const { owner, slot, signal } = use;
    if (slot === 'poster') return this.#supply(use, () => posterPart(owner));
    const reason = postponement(owner);
    if (reason) {
      use.state = 'waiting';
      use.started();
      await (reason === 'near'
        ? this.#nearness.near(owner, signal)
        : playWanted(owner as HTMLMediaElement, signal));
      if (signal.aborted) return;
      use.state = 'loading';
    }
    if (isMedia(owner) && !owner.hasAttribute('data-zf-hash')) await this.#supplyFirst(use);
    else if (owner.localName === 'img') await this.#supply(use, () => this.#choose(owner));
    else await this.#supply(use, () => ownPart(owner), place);
    if (reason === 'play' && !signal.aborted) (owner as HTMLMediaElement).play().catch(() => {});
  }

  /** Gives a media element the first of its sources, after `tried`, that it may be able to play. */
  async #supplyFirst(use: Use, tried?: Element): Promise<void> {
    const media = use.owner as HTMLMediaElement;
    for (;;) {
      // Not a list made once: sources may be added meanwhile.
      const sources = sourcesOf(media);
      const source = sources
        .slice(tried ? sources.indexOf(tried) + 1 : 0)
        .find((s) => mayPlay(media, s));
      if (!source) return use.settle('failed');
      if (!source.matches(MARKED)) return use.settle('shown');
      await this.#supply(use, () => ownPart(source));
      if (use.signal.aborted) return;
      if (use.state === 'shown') {
        const next = () => void this.#supplyFirst(use, source);
        source.addEventListener('error', next, { once: true, signal: use.signal });
        // A source that gets its src later is only looked at when its element starts over, which stops it.
        const isPlaying = !media.paused;
        media.load();
        if (isPlaying) media.play().catch(() => {});
        return;
      }
      tried = source;
    }
  }

  /**
   * Downloads one asset and shows it, or reports why not. Never rejects.
   * @param choose says which; nothing if what is chosen is there already
   */
  async #supply(
    use: Use,
    choose: () => Part | Promise<Part | undefined>,
    place?: Place,
  ): Promise<void> {
    let part = { ...ownPart(use.owner), attribute: use.slot === 'poster' ? 'poster' : '' };
    let progress = NO_PROGRESS;
    try {
      let chosen = await choose();
      if (!chosen && use.shown && !use.signal.aborted) {
        // What was shown so far may have been taken for what the page shows itself.
        this.#unshow(use);
        chosen = await choose();
      }
      if (!chosen) return use.settle('shown');
      part = chosen;
      const { hash, url } = checked(part, this.#document.baseURI);
      if (isFrame(part.target, url)) {
        // Chromium drops a src that is set from within the load event of a frame's first, empty page.
        await new Promise((resolve) => setTimeout(resolve));
        return use.signal.aborted ? undefined : show(use, part, url);
      }
      const isStreamed = isMedia(use.owner) && use.slot === 'main' && hash.startsWith('zf1-');
      if (isStreamed && (await this.#stream(use, part, hash, url))) return;
      const loadingCss = isStylesheet(part.element) ? this.#loadCss() : undefined;
      const { asset, blob } = await this.#download(use, hash, url, (latest) => {
        progress = latest;
        if (!use.signal.aborted) announce('zf:progress', part, latest);
      });
      const held = part.attribute
        ? await urlFor(use, part, this.#assets, asset, blob, url, loadingCss)
        : undefined;
      if (held) use.hold(() => this.#letGo(use, held.release));
      await untilTurn(place, use.signal);
      if (use.signal.aborted) return;
      if (held) {
        whenKept(use, () => this.#finished.set(use.owner, use));
        show(use, part, held.url);
      } else use.settle('shown');
      progress = { ...(asset.progress ?? progress), loaded: blob.size, total: blob.size };
      announce('zf:load', part, progress);
      if (!held) part.element.dispatchEvent(new Event('load'));
    } catch (error) {
      await untilTurn(place, use.signal);
      this.#fail(use, part, progress, error);
    }
  }

  /** Lets a film or sound play while it comes. @returns false if it has to be here as a whole first */
  async #stream(use: Use, part: Part, hash: string, url: string): Promise<boolean> {
    let latest = NO_PROGRESS;
    const end = await this.#media?.serve(url, hash, {
      onProgress: (progress) => {
        if (use.signal.aborted || isComplete(latest)) return;
        latest = progress;
        announce('zf:progress', part, progress);
        if (isComplete(progress)) announce('zf:load', part, progress);
      },
      onError: (error) => this.#fail(use, part, latest, error),
    });
    if (!end) return use.signal.aborted;
    use.hold(end);
    if (use.signal.aborted) return true;
    use.started();
    show(use, part, url);
    return true;
  }

  /** The asset; if another element's fallback does not give it, from this element's own. */
  async #download(
    use: Use,
    hash: string,
    url: string,
    onProgress: (progress: Progress) => void,
  ): Promise<{ asset: Asset; blob: Blob }> {
    const priority = priorityOf(use.owner);
    for (;;) {
      const { asset, release } = this.#assets.share(hash, url, onProgress, priority);
      use.hold(release);
      use.started();
      if (asset.progress) onProgress(asset.progress);
      try {
        return { asset, blob: await asset.blob };
      } catch (error) {
        release();
        if (asset.fallback === url || use.signal.aborted) throw error;
      }
    }
  }

  #fail(use: Use, part: Part, progress: Progress, reason: unknown): void {
    if (use.signal.aborted) return;
    const error =
      reason instanceof ZfError
        ? reason
        : new ZfError('no-source', String(reason), { cause: reason });
    // To a page without an origin (a sandboxed frame), its own server is another host, and may not allow CORS.
    const isRefused = error.code === 'no-source' && globalThis.origin === 'null';
    if ((error.code === 'no-hash-library' || isRefused) && part.attribute && part.fallback) {
      console.warn(
        `Zauberflöte: ${describe(part.element)} is loaded from its origin, unverified: ${error.message}`,
      );
      return show(use, part, part.fallback);
    }
    use.settle('failed');
    if (use.isNew) this.#unshow(use, true);
    // The instance was closed: nobody's failure.
    if (error.code !== 'aborted') reportFailure(part, progress, error);
  }

  /** Another width may mean another picture; a smaller one than is shown is not worth a download. */
  readonly #resized = () => {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => {
      for (const use of this.#uses.main.values()) void this.#chooseAgain(use);
    });
  };

  readonly #printed = () => {
    for (const use of this.#uses.main.values()) void showForPrint(use);
  };

  #choose(image: Element): Promise<Part | undefined> {
    // What they ask may change without a resize, as when the screen goes dark.
    for (const { media } of sourcesOf(image) as HTMLSourceElement[]) {
      if (!media || this.#followed.has(media)) continue;
      this.#followed.add(media);
      matchMedia(media).addEventListener('change', this.#resized, { signal: this.#closing.signal });
    }
    return chooseImage(image);
  }

  async #chooseAgain(use: Use | undefined): Promise<void> {
    if (use?.state !== 'shown' || !isResponsive(use.owner)) return;
    const part = await this.#choose(use.owner).catch(() => undefined);
    const shown = use.shown?.part;
    if (!part || part.hash === shown?.hash || this.#uses.main.get(use.owner) !== use) return;
    const size = ({ descriptor }: Part) => Number.parseFloat(descriptor) || 1;
    if (shown?.target === part.target && shown.attribute === part.attribute)
      if (size(part) <= size(shown)) return;
    this.#start(use.owner, use.slot, use.wish, use);
  }
}

function isComplete({ loaded, total }: Progress): boolean {
  return loaded === total;
}
