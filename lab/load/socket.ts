import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Most bytes of one frame from a tracker: beyond it something is wrong. */
const MAX_FRAME_BYTES = 1_048_576;

export interface SocketOptions {
  readonly port: number;
  /** Where the tracker listens. */
  readonly host: string;
  /** Address on this machine to connect from. */
  readonly localAddress: string;
  /** WebSocket subprotocol to offer, if any. */
  readonly subprotocol: string | undefined;
  /** Four bytes, not all 0: a server may skip unmasking by 0, which no browser asks for. */
  readonly mask: Uint8Array;
}

/**
 * The client's side of a WebSocket with as little as it takes, so that the generator costs less
 * than what it measures, and its bytes on the wire can be counted. Takes unfragmented frames only,
 * as both trackers send them.
 */
export class LoadSocket {
  /** Hears of every whole message. */
  onMessage: (payload: Buffer) => void = () => {};
  /** Hears of the end, once. */
  onEnd: (why: Error) => void = () => {};
  readonly #socket: Socket;
  readonly #mask: Uint8Array;
  #rest: Buffer = Buffer.alloc(0);
  readonly #pongs: (() => void)[] = [];
  #ended: Error | undefined;

  private constructor(socket: Socket, mask: Uint8Array) {
    this.#socket = socket;
    this.#mask = mask;
    socket.on('data', (data: Buffer) => this.#take(data));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('the tracker closed the connection')));
  }

  /** Connects and shakes hands. `start` is called before any message can arrive. */
  static async open(options: SocketOptions, start: (socket: LoadSocket) => void): Promise<void> {
    const { port, host, localAddress, subprotocol, mask } = options;
    const socket = connect({ port, host, localAddress, noDelay: true });
    await once(socket, 'connect');
    const lines = [
      'GET / HTTP/1.1',
      `Host: ${host}:${port}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ...(subprotocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${subprotocol}`]),
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    const head = await readHead(socket);
    if (!head.text.startsWith('HTTP/1.1 101 ')) {
      socket.destroy();
      throw new Error(`the tracker refused a connection: ${head.text.split('\r\n', 1)[0]}`);
    }
    const opened = new LoadSocket(socket, mask);
    start(opened);
    if (head.rest.length > 0) opened.#take(head.rest);
  }

  /** Bytes sent and received since it was opened, as TCP carries them: handshake and framing
   * included, headers of TCP and IP not. */
  get bytes(): number {
    return this.#socket.bytesRead + this.#socket.bytesWritten;
  }

  /** Why it ended, if it has. */
  get ended(): Error | undefined {
    return this.#ended;
  }

  /**
   * Sends a message: text from a string, else binary.
   * @throws if it has ended
   */
  send(message: string | Uint8Array): void {
    if (this.#ended) throw this.#ended;
    if (typeof message === 'string') this.#frame(OPCODE.text, Buffer.from(message));
    else this.#frame(OPCODE.binary, message);
  }

  /** Settles when everything sent before has been handled by the tracker. */
  flushed(): Promise<void> {
    return new Promise((resolve) => {
      this.#pongs.push(resolve);
      this.#frame(OPCODE.ping, new Uint8Array(0));
    });
  }

  destroy(): void {
    this.onEnd = () => {};
    this.#socket.destroy();
  }

  #end(why: Error): void {
    if (this.#ended) return;
    this.#ended = why;
    this.#socket.destroy();
    this.onEnd(why);
  }

  #frame(opcode: number, payload: Uint8Array): void {
    const { length } = payload;
    const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
    const start = 6 + extended;
    const frame = Buffer.allocUnsafe(start + length);
    frame[0] = 0x80 | opcode;
    frame[1] = 0x80 | (extended === 0 ? length : extended === 2 ? 126 : 127);
    if (extended === 2) frame.writeUInt16BE(length, 2);
    if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
    frame.set(this.#mask, start - 4);
    for (let i = 0; i < length; i++)
      frame[start + i] = (payload[i] as number) ^ (this.#mask[i & 3] as number);
    this.#socket.write(frame);
  }

  #take(data: Buffer): void {
    let buffer = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    for (let size = frameSize(buffer); size !== undefined; size = frameSize(buffer)) {
      if (size.total > MAX_FRAME_BYTES)
        return this.#end(new Error(`the tracker sent a frame of ${size.total} bytes`));
      if (buffer.length < size.total) break;
      const first = buffer[0] as number;
      const payload = buffer.subarray(size.header, size.total);
      buffer = buffer.subarray(size.total);
      if ((first & 0x80) === 0) return this.#end(new Error('the tracker fragmented a message'));
      this.#handle(first & 0x0f, payload);
    }
    this.#rest = buffer;
  }

  /** A message that does not make sense ends the connection. */
  #deliver(payload: Buffer): void {
    try {
      this.onMessage(payload);
    } catch (error) {
      this.#end(error as Error);
    }
  }

  #handle(opcode: number, payload: Buffer): void {
    if (opcode === OPCODE.text || opcode === OPCODE.binary) this.#deliver(payload);
    else if (opcode === OPCODE.ping) this.#frame(OPCODE.pong, payload);
    else if (opcode === OPCODE.pong) this.#pongs.shift()?.();
    else if (opcode === OPCODE.close) {
      const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      this.#end(new Error(`the tracker closed with ${code}: ${payload.subarray(2)}`));
    } else this.#end(new Error(`the tracker sent a frame with opcode ${opcode}`));
  }
}

/** Sizes of the frame at the start, once they are known. */
function frameSize(buffer: Buffer): { header: number; total: number } | undefined {
  if (buffer.length < 2) return undefined;
  const short = (buffer[1] as number) & 0x7f;
  if (short < 126) return { header: 2, total: 2 + short };
  const header = short === 126 ? 4 : 10;
  if (buffer.length < header) return undefined;
  const length = short === 126 ? buffer.readUInt16BE(2) : Number(buffer.readBigUInt64BE(2));
  return { header, total: header + length };
}

/** Reads up to the empty line that ends the response's header. */
async function readHead(socket: Socket): Promise<{ text: string; rest: Buffer }> {
  let data = Buffer.alloc(0);
  const { promise: closed, reject } = Promise.withResolvers<never>();
  const onClose = () => reject(new Error('the tracker closed the connection without a word'));
  socket.once('close', onClose);
  try {
    for (;;) {
      const [more] = (await Promise.race([once(socket, 'data'), closed])) as [Buffer];
      socket.pause();
      data = Buffer.concat([data, more]);
      const end = data.indexOf('\r\n\r\n');
      socket.resume();
      if (end >= 0) return { text: data.toString('latin1', 0, end), rest: data.subarray(end + 4) };
    }
  } finally {
    socket.off('close', onClose);
  }
}
