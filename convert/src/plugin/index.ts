export type { ZauberfloteOptions } from './options.ts';
export { zauberflote, zauberflote as default } from './plugin.ts';
export type { ZauberflotePlugin } from './types.ts';
