import { elements, html } from './html.ts';
import { PLAYER } from './player.ts';
import type { Mode } from './types.ts';

/** The page as it was before anybody thought of peers. */
export const http: Mode = {
  name: 'http',
  sites: ['photo', 'page', 'film'],
  async page(context) {
    const [film] = context.assets;
    if (film?.kind === 'film') {
      const body = `<script type="module">
const { body } = await fetch('${context.assetBase}${film.path}');
await lab.play('${film.path}', body);
</script>`;
      return html(context, { head: PLAYER, body });
    }
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
