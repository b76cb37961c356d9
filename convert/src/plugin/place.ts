import type { SiteFlags } from '../convert-settings.ts';
import { SiteUrls } from '../html/urls.ts';

/**
 * Where a site will be, as far as Vite's `base` says so: `/`, `/shop/`, another host's address, or `./` (also an empty
 * one), with which it can be put anywhere.
 * @throws {Error} if more has to be said
 */
export function placeOf(
  base: string,
  { baseUrl, script, worker }: SiteFlags,
): SiteUrls | undefined {
  if (baseUrl !== undefined) return undefined;
  if (base === '' || base.startsWith('./')) return SiteUrls.below(undefined);
  if (base.startsWith('/') && !base.startsWith('//')) return SiteUrls.below(base);
  // Files come from one host and pages from another: nobody knows which, where these are.
  if (worker || script === undefined)
    throw new Error(
      `Vite's base is on another host, ${base}: say with --script where pages find zauberflote.js${worker ? ', and leave out --worker, which has to be on their own host' : ''}; or with --base-url where they will be`,
    );
  return new SiteUrls(new URL(base, 'https://site.invalid/').href);
}
