import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  contentKey,
  decodeSessionRequest,
  encodeSessionResponse,
  MAX_SESSION_MESSAGE_BYTES,
  SUBPROTOCOL,
} from '@zauberflote/proto';
import type { WebSocket } from 'ws';
import { WebSocketServer } from 'ws';

/** `SessionRequest.signal` and `SessionResponse.signal`, field 4, delimited: what is relayed. */
const SIGNAL_TAG = 0x22;
/** Of a Signal, as our client writes it: the tag of `peer_id`, then 8 bytes. */
const PEER_ID_BYTES = 8;

/** A connection. Its id is as it is on the wire. */
interface Member {
  readonly id: Buffer;
  readonly socket: WebSocket;
}

/**
 * The least that a tracker on `ws` can do: it names holders by chance and puts the sender's id into
 * frames that it passes on. Nothing is checked, limited, counted or forgotten; what is left is what
 * the sockets cost.
 * @returns its port
 */
export async function startBareRelay(host: string): Promise<number> {
  const server = new WebSocketServer({
    ...{ port: 0, host, perMessageDeflate: false, maxPayload: MAX_SESSION_MESSAGE_BYTES },
    handleProtocols: () => SUBPROTOCOL,
  });
  await once(server, 'listening');
  const members = new Map<string, Member>();
  const swarms = new Map<string, Member[]>();
  server.on('connection', (socket) => {
    const id = Buffer.alloc(PEER_ID_BYTES);
    id.writeUInt32LE(members.size + 1, 0);
    // As long on the wire as a random one.
    id.writeUInt32LE(0x9e37_79b9, 4);
    const own = { id, socket };
    members.set(id.toString('latin1'), own);
    const peerId = id.readBigUInt64LE();
    socket.send(encodeSessionResponse({ case: 'welcome', value: { peerId } }));
    socket.on('message', (data) => {
      const frame = data as Buffer;
      if (frame[0] === SIGNAL_TAG) relay(frame, id);
      else name(frame, own);
    });
  });
  return (server.address() as AddressInfo).port;

  function relay(frame: Buffer, sender: Buffer): void {
    let at = 1;
    while (frame[at]! > 127) at++;
    at += 2;
    const recipient = members.get(frame.toString('latin1', at, at + PEER_ID_BYTES));
    sender.copy(frame, at);
    recipient?.socket.send(frame);
  }

  function name(frame: Buffer, own: Member): void {
    const { body } = decodeSessionRequest(frame);
    if (body.case !== 'want') return;
    const content = body.value.contents[0]!;
    const key = contentKey(content);
    const swarm = swarms.get(key) ?? [];
    swarms.set(key, swarm);
    const holders = new Set<bigint>();
    const count = Math.min(body.value.maxPeers || 8, swarm.length - 1);
    while (holders.size < count) {
      const other = swarm[Math.floor(Math.random() * swarm.length)]!;
      if (other !== own) holders.add(other.id.readBigUInt64LE());
    }
    if (!swarm.includes(own)) swarm.push(own);
    const named = [...holders].map((peerId) => ({ peerId, size: 786_432n }));
    const value = { swarms: [{ content, holders: named, totalHolders: swarm.length }] };
    own.socket.send(encodeSessionResponse({ case: 'peers', value }));
  }
}
