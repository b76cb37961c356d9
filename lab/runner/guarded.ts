import type { Host, Net } from '../net/types.ts';

/**
 * A network on which nothing is started any more once a signal has fired: what starts while the
 * network is being removed could escape.
 */
export function guarded(net: Net, signal: AbortSignal): Net {
  const guard = (host: Host): Host => ({
    name: host.name,
    address: host.address,
    spawn(...args) {
      signal.throwIfAborted();
      return host.spawn(...args);
    },
    expose: (port) => host.expose(port),
    counters: () => host.counters(),
  });
  return {
    shaper: net.shaper,
    why: net.why,
    driverAddress: net.driverAddress,
    async host(...args) {
      signal.throwIfAborted();
      return guard(await net.host(...args));
    },
    measure: (when) => net.measure(when),
    close: () => net.close(),
  };
}
