import type { Asset } from '../origin/assets.ts';
import { MARKER } from './marks.ts';
import { LIAR, probe } from './probe.ts';
import type { PageContext } from './types.ts';

/** Attributes that give an element an asset. */
export type Attributes = (asset: Asset) => string;

/** The page around a mode: probe first, then what loads the mode's client, then the elements. */
export function html(
  { assets, liar }: PageContext,
  { head, body }: { readonly head: string; readonly body: string },
): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Zauberflöte lab</title>
<link rel="icon" href="data:,">
${probe(assets.length)}
${MARKER}
${liar ? LIAR : ''}
${head}
</head>
<body>
${body}
</body>
</html>
`;
}

/** One element for each asset. */
export function elements(assets: readonly Asset[], attributes: Attributes): string {
  return assets
    .map((asset) => {
      const rest = `data-lab="${asset.path}" ${attributes(asset)}`;
      if (asset.kind === 'script') return `<script ${rest}></script>`;
      if (asset.kind === 'stylesheet') return `<link rel="stylesheet" ${rest}>`;
      return `<img alt="" ${rest}>`;
    })
    .join('\n');
}
