/** A router with a symmetric network address translation, as a ruleset of nftables. */

/**
 * Rules for a router whose public device is `eth0` and whose private one is `lan`.
 * `fully-random` gives every destination another port (RFC 4787: address and port-dependent
 * mapping), so that what a STUN server sees is of no use to a peer.
 * @param driver whoever has this address reaches the host at the router's address
 * @param inner address of the host
 */
export function natRules(driver: string, inner: string): string {
  return `table ip zauberfloete {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    iifname "eth0" ip saddr ${driver} dnat to ${inner}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "eth0" masquerade fully-random
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    iifname "lan" accept
    ct state established,related accept
    ct status dnat accept
  }
  chain input {
    type filter hook input priority filter; policy drop;
    iifname "lan" accept
    ct state established,related accept
    ip protocol icmp accept
  }
}
`;
}
