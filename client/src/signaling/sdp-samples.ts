/** Session descriptions as browsers and libraries write them, for tests. */

const crlf = (text: string) => `${text.trim().split('\n').join('\r\n')}\r\n`;

/** Chromium 156, offer, with mDNS names (the default). Captured. */
export const CHROMIUM_OFFER = crlf(`
v=0
o=- 4513240887419429339 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=extmap-allow-mixed
a=msid-semantic: WMS
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=candidate:1775013743 1 udp 2113937151 ce3eebf5-d14a-4779-b3aa-e35d3aba62d2.local 51381 typ host generation 0 network-cost 999
a=candidate:2729070223 1 udp 2113942271 9b258598-8ba2-4255-8157-911951dd3ac5.local 60280 typ host generation 0 network-cost 999
a=ice-ufrag:RAqn
a=ice-pwd:K/0AbsA0OSEo8w5pG4iXg9vt
a=ice-options:trickle
a=fingerprint:sha-256 AD:44:56:C7:CC:F0:D7:52:FB:E0:5B:54:9A:9D:DF:B0:05:1B:F9:D6:40:54:B0:CF:04:48:63:00:0C:2F:36:79
a=setup:actpass
a=mid:0
a=sctp-port:5000
a=max-message-size:262144
`);

/** Chromium 156, answer, without mDNS names. Captured. */
export const CHROMIUM_ANSWER = crlf(`
v=0
o=- 4738334637916367004 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=extmap-allow-mixed
a=msid-semantic: WMS
m=application 44031 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 192.0.2.2
a=candidate:467182147 1 udp 2113937151 192.0.2.2 44031 typ host generation 0 network-cost 999
a=candidate:3502138275 1 udp 2113942271 fd00::2 33114 typ host generation 0 network-cost 999
a=ice-ufrag:g8qz
a=ice-pwd:3NF2XinSUwfhw+puB5kpBCKh
a=ice-options:trickle
a=fingerprint:sha-256 DE:51:06:72:FD:79:05:D0:C7:6C:1C:A4:CC:7B:8C:C1:E6:AA:3D:CF:42:2E:CE:6B:2A:FF:75:4C:2D:D0:CA:52
a=setup:active
a=mid:0
a=sctp-port:5000
a=max-message-size:262144
`);

/** node-datachannel 0.33, offer. Captured. */
export const NODE_DATACHANNEL_OFFER = crlf(`
v=0
o=rtc 4237360329 0 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=msid-semantic:WMS *
a=ice-options:ice2,trickle
a=fingerprint:sha-256 46:63:FC:DC:03:55:D4:EA:11:7D:27:BF:67:0F:E1:38:5F:4D:C6:A5:DB:B0:73:BA:98:55:9A:62:05:0C:2B:A3
m=application 39006 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 192.0.2.2
a=mid:0
a=sendrecv
a=sctp-port:5000
a=max-message-size:262144
a=setup:actpass
a=ice-ufrag:Skf5
a=ice-pwd:aTvsE6jI4bPQzOK9jB0SlY
a=candidate:2 1 UDP 2116026111 fd00::2 39006 typ host
a=candidate:1 1 UDP 2114977791 192.0.2.2 39006 typ host
a=end-of-candidates
`);

/**
 * In the form of Firefox: session-level fingerprint and ICE options, 1 GiB messages, TCP and
 * reflexive candidates. Written by hand after its output.
 */
export const FIREFOX_OFFER = crlf(`
v=0
o=mozilla...THIS_IS_SDPARTA-99.0 6353214573541371186 0 IN IP4 0.0.0.0
s=-
t=0 0
a=sendrecv
a=fingerprint:sha-256 01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF
a=group:BUNDLE 0
a=ice-options:trickle
a=msid-semantic:WMS *
m=application 50521 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 203.0.113.9
a=candidate:0 1 UDP 2122252543 b7e5fdd0-4a3c-44f4-9fd5-3a0d7f6a2a11.local 50521 typ host
a=candidate:1 1 TCP 2105524479 b7e5fdd0-4a3c-44f4-9fd5-3a0d7f6a2a11.local 9 typ host tcptype active
a=candidate:2 1 UDP 1686052863 203.0.113.9 50521 typ srflx raddr 0.0.0.0 rport 0
a=candidate:3 1 UDP 92217087 198.51.100.4 61000 typ relay raddr 198.51.100.4 rport 61000
a=sendrecv
a=end-of-candidates
a=ice-pwd:0f1e2d3c4b5a69788796a5b4c3d2e1f0
a=ice-ufrag:9a8b7c6d
a=mid:0
a=setup:actpass
a=sctp-port:5000
a=max-message-size:1073741823
`);
