const HOST = /^(?:\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[1-9]\d{0,4})?$/i;

/** An Origin does not name them. */
const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };

/** Whether a text is a host such as `example.com`, `example.com:8443` or `*.example.com`. */
export function isOriginPattern(text: string): boolean {
  return HOST.test(text) && Number(text.split(':')[1] ?? 0) <= 65_535;
}

/**
 * Whether pages of an origin may use the tracker. Programs that are no browsers send no Origin, or
 * any that they like, so there is no use in refusing those without one.
 * @param allowed patterns that {@link isOriginPattern} accepts; none: every origin may. One without
 *   a port stands for every port; `*.example.com` for what is below it, but not for itself.
 */
export function isOriginAllowed(origin: string | undefined, allowed: readonly string[]): boolean {
  if (allowed.length === 0 || origin === undefined) return true;
  if (!URL.canParse(origin)) return false;
  const { hostname, protocol, port } = new URL(origin);
  const host = `${hostname}:${port || DEFAULT_PORTS[protocol]}`;
  return allowed.some((pattern) => {
    const wanted = pattern.toLowerCase();
    const found = wanted.includes(':') ? host : hostname;
    return wanted.startsWith('*.') ? found.endsWith(wanted.slice(1)) : found === wanted;
  });
}
