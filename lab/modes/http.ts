import { elements, html } from './html.ts';
import type { Mode } from './types.ts';

/** The page as it was before anybody thought of peers. */
export const http: Mode = {
  name: 'http',
  sites: ['photo', 'page'],
  async page(context) {
    const body = elements(context.assets, ({ path, kind }) => {
      const attribute = kind === 'stylesheet' ? 'href' : 'src';
      return `${attribute}="${context.assetBase}${path}"`;
    });
    return html(context, { head: '', body });
  },
  seeding: null,
  // It does not count; the origin's counters do.
  bytes: 'null',
};

/** The same with everything from the unlimited server: what so many browsers take at the least. */
export const httpUnlimited: Mode = { ...http, name: 'http-unlimited', unlimited: true };
