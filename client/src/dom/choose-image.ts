import { fromBase64 } from '@zauberflote/proto';
import { isResponsive, ownPart, type Part, sourcesOf } from './elements.ts';
import { parseCandidates } from './srcset.ts';

/** A picture of one pixel, for candidates of which only the choice matters. */
const PIXEL = 'R0lGODlhAQABAAAAACwAAAAAAQABAAA=';

/**
 * Lets the browser choose among the candidates of an `<img>` and its `<picture>`: it is shown a
 * copy of them in which every URL is a one-pixel picture with the candidate's number as fragment.
 * So `media`, `type`, `sizes`, the screen's density, zoom and the visitor's data saving decide
 * exactly as they would without us, and only the chosen one is downloaded.
 * @returns undefined if the choice falls on a candidate that is not marked, so already there
 * @throws {ZfError} `bad-fallback`
 */
export async function chooseImage(img: Element): Promise<Part | undefined> {
  if (!isResponsive(img)) return ownPart(img);
  const document = img.ownerDocument;
  // One of its own: Chromium takes a larger candidate that it has in its cache.
  const pixel = URL.createObjectURL(new Blob([fromBase64(PIXEL)!], { type: 'image/gif' }));
  const picture = document.createElement('picture');
  try {
    const parts: Part[] = [];
    const numbered = (part: Part) => `${pixel}#${parts.push(part) - 1}`;
    // Only lazy pictures of the page have it, which the copy is not.
    // Its layout's width: a carousel may show it scaled.
    const { width, loading } = img as HTMLImageElement;
    const auto = width && loading === 'lazy' ? `${width}px` : 'auto';
    for (const element of [...sourcesOf(img), img]) {
      const copy = document.createElement(element.localName);
      for (const name of ['media', 'type', 'sizes']) {
        const value = element.getAttribute(name);
        if (value !== null) copy.setAttribute(name, value.replace(/^\s*auto(?=\s*(,|$))/i, auto));
      }
      const marked = element.getAttribute('data-zf-srcset');
      if (marked !== null) {
        const candidates = parseCandidates(marked).map(({ descriptor, ...rest }) => {
          const part = { element: img, target: element, attribute: 'srcset', descriptor, ...rest };
          return `${numbered(part)} ${descriptor}`;
        });
        copy.setAttribute('srcset', candidates.join(', '));
      } else if (element.hasAttribute('srcset')) copy.setAttribute('srcset', `${pixel}#unmarked`);
      if (element === img) {
        if (img.hasAttribute('data-zf-hash')) copy.setAttribute('src', numbered(ownPart(img)));
        else if (img.hasAttribute('src')) copy.setAttribute('src', `${pixel}#unmarked`);
        // Without any candidate there might be no event.
        else if (!copy.hasAttribute('srcset')) copy.setAttribute('srcset', `${pixel}#none`);
      }
      picture.append(copy);
    }
    const probe = picture.querySelector('img')!;
    await new Promise((resolve) => {
      probe.addEventListener('load', resolve);
      probe.addEventListener('error', resolve);
    });
    return parts[Number(/#(\d+)$/.exec(probe.currentSrc)?.[1] ?? -1)];
  } finally {
    // When the screen changes, what is not collected yet would choose again.
    for (const copy of picture.children)
      for (const name of ['src', 'srcset']) copy.removeAttribute(name);
    // Chromium keeps an image for ever that follows the screen, unless it leaves what is no <picture>.
    const copies = document.createDocumentFragment();
    copies.append(...picture.children);
    copies.replaceChildren();
    URL.revokeObjectURL(pixel);
  }
}
