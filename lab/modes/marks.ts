/**
 * Steps of the way to a peer's first byte, in their order. Each is the first of its kind, in ms
 * after navigation; what never came is not there.
 */
export const MARKS = [
  /** The page has arrived. */
  'page',
  /** The client's script, from `/lib/`, has arrived. */
  'script',
  /** A WebSocket is asked for: the script runs. */
  'socket',
  'socketOpen',
  /** A message of the tracker. */
  'tracker',
  /** An RTCPeerConnection is made: a peer is named, or an offer is to be deposited. */
  'connection',
  /** A description of this visitor is set. */
  'local',
  /** A description of a peer is set. */
  'remote',
  /** A peer's data channel is open. */
  'channel',
  /** A message of a peer that is more than control. */
  'firstByte',
] as const;

export type Mark = (typeof MARKS)[number];
export type Marks = Readonly<Partial<Record<Mark, number>>>;

/** Smaller messages of a peer are control: the same line is drawn for liars. */
export const CONTENT_BYTES = 1024;

/**
 * Notes {@link MARKS} from outside, whatever the client: `lab.marks()`. It listens to each kind of
 * event until it has come once, so a load is not made slower by it.
 */
export const MARKER = `<script>
{
  const marks = {};
  const mark = (name) => { marks[name] ??= performance.now(); };
  const around = (prototype, method, name) => {
    const original = prototype[method];
    prototype[method] = async function (...args) {
      const result = await original.apply(this, args);
      mark(name);
      return result;
    };
  };
  window.WebSocket = new Proxy(WebSocket, {
    construct(target, args, self) {
      mark('socket');
      const socket = Reflect.construct(target, args, self);
      socket.addEventListener('open', () => mark('socketOpen'), { once: true });
      socket.addEventListener('message', () => mark('tracker'), { once: true });
      return socket;
    },
  });
  const listen = (channel) => {
    channel.addEventListener('open', () => mark('channel'), { once: true });
    const hear = ({ data }) => {
      if ((data.byteLength ?? data.size ?? 0) < ${CONTENT_BYTES}) return;
      mark('firstByte');
      channel.removeEventListener('message', hear);
    };
    if (!marks.firstByte) channel.addEventListener('message', hear);
    return channel;
  };
  if (window.RTCPeerConnection) {
    const { prototype } = RTCPeerConnection;
    around(prototype, 'setLocalDescription', 'local');
    around(prototype, 'setRemoteDescription', 'remote');
    const { createDataChannel } = prototype;
    prototype.createDataChannel = function (...args) {
      return listen(createDataChannel.apply(this, args));
    };
    window.RTCPeerConnection = new Proxy(RTCPeerConnection, {
      construct(target, args, self) {
        mark('connection');
        const connection = Reflect.construct(target, args, self);
        connection.addEventListener('datachannel', ({ channel }) => listen(channel));
        return connection;
      },
    });
  }
  lab.marks = () => {
    const [page] = performance.getEntriesByType('navigation');
    const script = performance.getEntriesByType('resource').find(({ name }) => name.includes('/lib/'));
    return { page: page?.responseEnd, script: script?.responseEnd, ...marks };
  };
}
</script>`;
