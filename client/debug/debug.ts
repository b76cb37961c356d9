/**
 * zauberflote-debug.js: a panel in the page, for its owner, that shows where the bytes of marked elements come from and what keeps
 * visitors from helping. In front of zauberflote.js it sees all; later, what comes later. It uses what pages can use.
 */
import type { AssetEventDetail } from '../src/dom/events.ts';
import type { Stats } from '../src/download/download-manager.ts';
import { Assets, type State } from './assets.ts';
import { Panel } from './panel.ts';

/** Between two looks at what no event tells, in ms: a person can follow it, and it costs nothing. */
const LOOK_MS = 500;

const MARKED = '[data-zf-hash], [data-zf-srcset], [data-zf-poster]';
const EVENTS = ['zf:progress', 'zf:load', 'zf:error'];

function open(): void {
  const assets = new Assets();
  const panel = new Panel(close);
  const listen = (event: Event) => {
    assets.heard(event.type, (event as CustomEvent<AssetEventDetail>).detail);
    show();
  };
  let frame = 0;
  const show = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      look();
    });
  };
  const look = () => {
    const elements = document.querySelectorAll<HTMLElement>(MARKED);
    for (const element of elements)
      if (element.dataset.zfHash !== undefined) {
        const { zfHash: hash, zfFallback: fallback = null } = element.dataset;
        assets.seen({ hash, fallback }, stateOf(element, fallback));
      }
    panel.show(assets.all, {
      stats: statsOf(),
      isLoaded: document.readyState === 'complete',
      isSecure: isSecureContext,
      hasWebRtc: 'RTCPeerConnection' in window,
      hasWebSocket: 'WebSocket' in window,
      marks: elements.length,
    });
  };
  const timer = setInterval(show, LOOK_MS);
  for (const type of EVENTS) document.addEventListener(type, listen);

  function close(): void {
    clearInterval(timer);
    cancelAnimationFrame(frame);
    for (const type of EVENTS) document.removeEventListener(type, listen);
    panel.remove();
  }

  // Not in front of the page's own elements, of which there may be none yet.
  if (document.body) panel.attach();
  else document.addEventListener('DOMContentLoaded', () => panel.attach(), { once: true });
  show();
}

/** An element with this id is a property of the window, too. */
function statsOf(): Stats | undefined {
  const { zauberflote } = window as { zauberflote?: { stats?(): Stats } };
  return zauberflote?.stats?.();
}

/** As far as it can be seen at an element of which no event came. */
function stateOf(element: HTMLElement, fallback: string | null): State {
  const at = element.getAttribute(element.localName === 'link' ? 'href' : 'src');
  if (!at) return 'waiting';
  if (at.startsWith('blob:')) return 'before';
  return at === fallback ? 'plain' : 'waiting';
}

if (!document.querySelector('[data-zf-debug]')) open();
