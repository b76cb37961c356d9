import { BlockList, isIP, isIPv4 } from 'node:net';

/** Whether a text is an address or a network such as `10.0.0.0/8`. */
export function isNetwork(text: string): boolean {
  const [address = '', length, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return (
    length === undefined ||
    (/^\d{1,3}$/.test(length) && Number(length) <= (family === 4 ? 32 : 128))
  );
}

/** A set of networks, each as {@link isNetwork} accepts it. */
export function networks(texts: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of texts) {
    const [address = '', length] = text.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    if (length === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(length), family);
  }
  return list;
}

/**
 * Whose request it is: where the connection comes from, or if that is a trusted proxy, the last
 * address in X-Forwarded-For that is not one. Anything before that may be made up.
 * @returns undefined if no address but those of trusted proxies is known
 */
export function clientAddress(
  remote: string,
  forwardedFor: string | undefined,
  trusted: BlockList,
): string | undefined {
  const hops = forwardedFor?.split(',').map((hop) => hop.trim()) ?? [];
  for (let hop: string | undefined = remote; hop !== undefined; hop = hops.pop()) {
    const address = withoutMapping(hop === remote ? hop : withoutPort(hop));
    const family = isIP(address);
    if (family === 0) return undefined;
    if (!trusted.check(address, family === 4 ? 'ipv4' : 'ipv6')) return address;
  }
  return undefined;
}

/** What counts as one address: an IPv6 customer has at least a /64 to choose from. */
export function addressGroup(address: string): string {
  if (isIPv4(address)) return address;
  const [head = '', tail] = address.split('%', 1)[0]!.split('::');
  const before = head.split(':').filter((part) => part !== '');
  const after = tail === undefined ? [] : tail.split(':').filter((part) => part !== '');
  const dotted = after.at(-1)?.includes('.') ? 1 : 0;
  const zeros = Array<string>(Math.max(0, 8 - before.length - after.length - dotted)).fill('0');
  const parts = [...before, ...zeros, ...after].slice(0, 4);
  return `${parts.map((part) => Number.parseInt(part, 16).toString(16)).join(':')}::/64`;
}

/** Some proxies name the port as well: `192.0.2.1:5555`, `[2001:db8::1]:5555`. */
function withoutPort(hop: string): string {
  const [, v6, v4] = /^(?:\[([^\]]*)\]|([\d.]+))(?::\d+)?$/.exec(hop) ?? [];
  return v6 ?? v4 ?? hop;
}

/** IPv4 as a socket for both families shows it. */
function withoutMapping(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}
