import { elements, html } from './html.ts';
import type { Mode } from './types.ts';

/**
 * Negative control: a client that shows wrong bytes and says that all is well. The flipped bit is in
 * a comment of the JPEG, so that nobody could see it.
 */
export const controlWrongBytes: Mode = {
  name: 'control-wrong-bytes',
  sites: ['photo'],
  async page(context) {
    const [asset] = context.assets;
    const body = `${elements(context.assets, () => '')}
<script type="module">
const response = await fetch('${context.assetBase}${asset?.path}');
const bytes = new Uint8Array(await response.arrayBuffer());
bytes[100] ^= 1;
document.querySelector('[data-lab]').src = URL.createObjectURL(new Blob([bytes], { type: 'image/jpeg' }));
</script>`;
    return html(context, { head: '', body });
  },
  seeding: null,
  bytes: 'null',
};
