import { type Asset, SOURCES, size, textOf } from './assets.ts';
import { type Seen, trackerText, troubles } from './surroundings.ts';

/** In a shadow tree, so that page and panel do not change each other; not by `<style>`, which a policy may forbid. */
const STYLES = `
:host { all: initial; position: fixed; z-index: 2147483647; inset-block-end: 8px; inset-inline-end: 8px; color-scheme: light dark; }
@media print { :host { display: none; } }
section { box-sizing: border-box; width: min(24rem, calc(100vw - 16px)); max-height: min(28rem, calc(100vh - 16px)); overflow: auto;
  padding: 8px 12px; border: 1px solid color-mix(in srgb, CanvasText 25%, Canvas); border-radius: 8px; background: Canvas;
  color: CanvasText; font: 13px/1.45 system-ui, sans-serif; box-shadow: 0 2px 12px rgb(0 0 0 / 25%); }
header { display: flex; align-items: center; gap: 8px; }
h2 { flex: 1; margin: 0; font-size: 14px; }
button { font: inherit; color: inherit; background: none; border: 1px solid color-mix(in srgb, CanvasText 25%, Canvas); border-radius: 4px;
  min-width: 28px; min-height: 28px; cursor: pointer; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 2px 12px; margin: 8px 0; }
dt { opacity: 0.75; }
dd { margin: 0; overflow-wrap: anywhere; }
ul { margin: 8px 0 0; padding: 0; list-style: none; }
li { padding: 4px 0; border-top: 1px solid color-mix(in srgb, CanvasText 15%, Canvas); overflow-wrap: anywhere; }
.trouble, .failed .text { color: light-dark(#a8232c, #ff8a86); }
.trouble { margin: 6px 0; }
.name { font-weight: 600; }
.bar { display: flex; height: 4px; margin-top: 3px; border-radius: 2px; overflow: hidden; background: color-mix(in srgb, CanvasText 12%, Canvas); }
.peers { background: light-dark(#0f7c6b, #45c4a8); }
.store { background: light-dark(#8795a8, #7c8ca3); }
.origin { background: light-dark(#c2611f, #e8944f); }
[hidden] { display: none; }
`;

type Bytes = Readonly<Record<(typeof SOURCES)[number], number>>;

/** What a person sees. */
export class Panel {
  readonly #host = document.createElement('div');
  readonly #share = part('h2', '', 'Zauberflöte');
  readonly #body = part('div');
  readonly #facts = part('dl');
  readonly #troubles = part('div');
  readonly #list = part('ul');

  /** @param onClose the visitor has enough of it */
  constructor(onClose: () => void) {
    this.#host.dataset.zfDebug = '';
    const root = this.#host.attachShadow({ mode: 'open' });
    const styles = new CSSStyleSheet();
    styles.replaceSync(STYLES);
    root.adoptedStyleSheets = [styles];
    const fold = button('–', 'Show less', () => {
      const isFolded = !this.#body.hidden;
      this.#body.hidden = isFolded;
      fold.textContent = isFolded ? '+' : '–';
      fold.title = isFolded ? 'Show more' : 'Show less';
      fold.setAttribute('aria-expanded', String(!isFolded));
    });
    const section = part('section');
    section.setAttribute('aria-label', 'Zauberflöte');
    const header = part('header');
    header.append(this.#share, fold, button('×', 'Close', onClose));
    this.#body.append(this.#troubles, this.#facts, this.#list);
    section.append(header, this.#body);
    root.append(section);
  }

  attach(): void {
    document.body.append(this.#host);
  }

  remove(): void {
    this.#host.remove();
  }

  show(assets: readonly Asset[], seen: Seen): void {
    const bytes = total(assets.map((asset) => asset.bytes));
    const all = bytes.peers + bytes.store + bytes.origin;
    const share = all > 0 ? `: ${Math.floor((100 * bytes.peers) / all)} % from visitors` : '';
    say(this.#share, `Zauberflöte${share}`);
    const { stats } = seen;
    const facts: [string, string][] = [['Tracker', trackerText(seen)]];
    if (stats)
      facts.push(
        ['Visitors', `${stats.connections} connected`],
        [
          'Got',
          `${size(stats.bytes.peers)} from visitors, ${size(stats.bytes.origin)} from the server`,
        ],
        ['Given', `${size(stats.bytes.uploaded)}; ${stats.assets} can be given`],
      );
    fill(this.#facts, facts.length * 2, (i) => part(i % 2 === 0 ? 'dt' : 'dd'));
    for (const [i, line] of facts.flat().entries()) say(this.#facts.children[i]!, line);
    const wrong = troubles(seen);
    fill(this.#troubles, wrong.length, () => part('p', 'trouble'));
    for (const [i, line] of wrong.entries()) say(this.#troubles.children[i]!, line);
    fill(this.#list, assets.length, line);
    for (const [i, asset] of assets.entries()) showAsset(this.#list.children[i]!, asset);
  }
}

/** Of an asset. */
function line(): HTMLElement {
  const item = part('li');
  const bar = part('div', 'bar');
  bar.append(...SOURCES.map((source) => part('span', source)));
  item.append(part('div', 'name'), part('div', 'text'), bar);
  return item;
}

function showAsset(item: Element, asset: Asset): void {
  const [name, text, bar] = item.children as unknown as [Element, Element, Element];
  item.className = asset.state;
  say(name, asset.name);
  say(text, textOf(asset));
  const { bytes, total: whole = 0 } = asset;
  const all = Math.max(1, whole, bytes.peers + bytes.store + bytes.origin);
  for (const [i, source] of SOURCES.entries())
    (bar.children[i] as HTMLElement).style.width = `${(100 * bytes[source]) / all}%`;
}

function total(parts: readonly Bytes[]): Record<(typeof SOURCES)[number], number> {
  const sum = { peers: 0, store: 0, origin: 0 };
  for (const bytes of parts) for (const source of SOURCES) sum[source] += bytes[source];
  return sum;
}

function part(tag: string, className = '', text = ''): HTMLElement {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

function button(text: string, title: string, onClick: () => void): HTMLElement {
  const element = part('button', '', text);
  element.title = title;
  element.addEventListener('click', onClick);
  return element;
}

/** Only what is another text: else what a person has selected would be lost. */
function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** So many children, those that are there kept. */
function fill(parent: Element, count: number, make: (i: number) => Element): void {
  while (parent.children.length > count) parent.lastElementChild?.remove();
  while (parent.children.length < count) parent.append(make(parent.children.length));
}
