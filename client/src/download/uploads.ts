import type { ContentId, Request } from '@zauberflote/proto';
import { contentKey, HashAlgorithm, RefuseReason } from '@zauberflote/proto';
import { SAY_BYTES } from '../connection/arrivals.ts';
import type { Connections } from '../connection/types.ts';
import type { Platform } from '../platform.ts';
import type { PeerId } from '../tracker/types.ts';
import { Alarm } from './alarm.ts';
import type { UploadPolicy } from './manners.ts';
import { mayUpload, RateLimit } from './manners.ts';
import { SentRanges } from './sent-ranges.ts';
import type { Asker, Job } from './upload-queue.ts';
import { MAX_COMING, SLOW_MS, UploadQueue } from './upload-queue.ts';

/** Requests one peer may have open here: a page of 60 assets, each with the windows of several downloads. */
export const MAX_OPEN_REQUESTS = 512;

/**
 * Bytes in one fragment as long as the uplink is not known to be fast. A message is sent without a
 * break: on 250 KB/s the messages of the control channel wait 65 ms for this one, and for one of
 * 64 KiB four times that.
 */
export const FRAGMENT_BYTES = 16 * 1024;

/**
 * The same on a fast uplink: each fragment costs both sides a task, but a longer one, with what may wait
 * before it (`SOCKET_BYTES`), would be more than a socket holds.
 */
export const FAST_FRAGMENT_BYTES = 32 * 1024;

/**
 * Bytes in the first fragment on a connection: what SCTP may send before it has heard that anything came,
 * some 4,400 bytes (RFC 9260, section 7.2.1, with packets of 1,200). The rest of a larger message comes a
 * round trip later, and until then its receiver has nothing.
 */
export const FIRST_FRAGMENT_BYTES = 4 * 1024;

/**
 * Bytes in the first fragment of a request that would go in one: its receiver promises the chunk to others,
 * who ask for it while the rest comes. Too few for a word of their own that they came.
 */
export const EARLY_BYTES = SAY_BYTES - 96;

/**
 * A request waits at most so long, in ms, for bytes that should soon be here: whoever sends them may take its
 * time, or be gone, and others have them by then.
 */
export const COMING_MS = 500;

/** From here on an uplink is fast: the longer fragment takes 16 ms. */
export const FAST_BYTES_PER_MS = 2_048;

/**
 * From here on who asks alone gets no such early fragment: it is not likely to have anybody to promise it to, a chunk of
 * 16 KiB takes 32 ms at most, and both ends have half as many messages to do with.
 */
export const ALONE_BYTES_PER_MS = 512;

/**
 * Peers that take less in one message are not served: RFC 8841 has 65,536 bytes for the default,
 * and tiny messages cost more than they carry.
 */
export const MIN_FRAGMENT_BYTES = 1024;

/** What can be served of a content. */
export interface Servable {
  /** Bytes of the whole content, once known. */
  readonly size: number | undefined;
  /**
   * The bytes of a range. If some of them are not at hand: `coming` if they should soon be here, which
   * {@link Uploads.ready} is told, `busy` if others should be asked meanwhile, else undefined.
   */
  read(
    offset: number,
    length: number,
  ): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>> | 'coming' | 'busy' | undefined;
}

export interface UploadOptions {
  /** @default 'auto' */
  readonly upload?: UploadPolicy | undefined;
  /** Most bytes of content per second, to all peers together. @default 0: no limit */
  readonly maxUploadBytesPerSecond?: number | undefined;
  /** {@link Uploads.serving} has changed: the visitor went to or from mobile data. */
  readonly onServing?: (serving: boolean) => void;
}

/** Serves contents to peers: checks what they ask for, and sends it when the queue says so. */
export class Uploads {
  readonly #connections: Connections;
  readonly #find: (key: string) => Servable | undefined;
  readonly #platform: Platform;
  readonly #policy: UploadPolicy;
  readonly #queue: UploadQueue;
  readonly #sent = new SentRanges();
  readonly #limit: RateLimit;
  readonly #stopListening: () => void;
  /** For the limit, and for connections that have become slow: else `writable` comes when there is room. */
  readonly #alarm: Alarm;
  /** {@link serving} as it was last looked at. */
  #wasServing: boolean;
  /** Bytes of content handed to the network since the page was opened. */
  bytes = 0;

  /** @param find by the key of a content id; undefined if nothing of it is here */
  constructor(
    connections: Connections,
    find: (key: string) => Servable | undefined,
    platform: Platform,
    { upload = 'auto', maxUploadBytesPerSecond = 0, onServing }: UploadOptions = {},
  ) {
    this.#connections = connections;
    this.#find = find;
    this.#platform = platform;
    this.#policy = upload;
    this.#queue = new UploadQueue(connections);
    this.#limit = new RateLimit(platform, maxUploadBytesPerSecond);
    this.#alarm = new Alarm(platform, () => this.#expire());
    const network = platform.networkInformation;
    this.#wasServing = this.serving;
    const listen = () => {
      if (this.serving === this.#wasServing) return;
      this.#wasServing = !this.#wasServing;
      onServing?.(this.#wasServing);
      this.ready();
    };
    network?.addEventListener?.('change', listen);
    this.#stopListening = () => network?.removeEventListener?.('change', listen);
  }

  /** Whether peers are served at all. If not, nothing should be announced. */
  get serving(): boolean {
    return mayUpload(this.#policy, this.#platform.networkInformation);
  }

  /** @returns false if the request breaks the protocol: its id is open already. */
  request(peer: PeerId, request: Request): boolean {
    const { requestId, content, offset, length } = request;
    const asker = this.#queue.asker(peer);
    const { jobs, coming } = asker;
    if (jobs.has(requestId) || coming.has(requestId)) return false;
    const key = contentKey(content!); // The codec checked that it is there.
    const servable = this.#find(key);
    const refuse = (reason: RefuseReason) => this.#refuse(peer, requestId, reason);
    if (!this.serving || this.#connections.maxFragmentBytes(peer) < MIN_FRAGMENT_BYTES)
      refuse(RefuseReason.NOT_SERVING);
    else if (jobs.size >= MAX_OPEN_REQUESTS) refuse(RefuseReason.BUSY);
    else if (!servable) refuse(RefuseReason.NOT_HELD);
    else if (Number(offset) + length > (servable.size ?? Number.POSITIVE_INFINITY))
      refuse(RefuseReason.OUT_OF_RANGE);
    else {
      // Of what is verified as a whole nobody could pass on what it gets.
      const isPassedOn = content!.algorithm === HashAlgorithm.MANIFEST_SHA256;
      if (isPassedOn && this.#queue.isCrowded(asker, { key, request }, this.#platform.now()))
        refuse(RefuseReason.BUSY);
      else {
        const range = this.#sent.of(key, request);
        const waits = { data: undefined, waitsSince: undefined, sent: 0, passed: 0 };
        jobs.set(requestId, { request, key, range, ...waits });
        this.#pump();
      }
    }
    return true;
  }

  cancel(peer: PeerId, requestId: number): void {
    const { jobs, coming } = this.#queue.asker(peer);
    jobs.delete(requestId);
    coming.delete(requestId);
  }

  /** More of a content is here, or will not come: what waited for it has its turn again. */
  ready(): void {
    this.#queue.ready();
    this.#pump();
  }

  /** Some connection has sent some of what waited: there may be room for more, on any of them. */
  writable(): void {
    this.#pump();
  }

  /** A peer has got so many bytes of what it was sent. */
  received(peer: PeerId, bytes: number): void {
    this.#queue.received(peer, bytes, this.#platform.now());
    this.#pump();
  }

  closed(peer: PeerId): void {
    this.#queue.forget(peer);
    this.#pump();
  }

  /** Serves nobody any more. */
  close(): void {
    this.#stopListening();
    this.#alarm.clear();
    this.#queue.clear();
  }

  /** Refuses what has waited for too long for bytes to come here. */
  #expire(): void {
    for (const [peer, id] of this.#queue.overdue(this.#platform.now() - COMING_MS))
      this.#refuse(peer, id, RefuseReason.BUSY);
    this.#pump();
  }

  /** Sends as much as may wait to be sent. */
  #pump(): void {
    for (;;) {
      const next = this.#limit.waitMs > 0 ? undefined : this.#queue.next(this.#platform.now());
      if (!next) break;
      this.#advance(...next);
    }
    if (!this.#queue.hasJobs) return this.#alarm.clear();
    const { waitMs } = this.#limit;
    this.#alarm.set(this.#platform.now() + (waitMs > 0 ? Math.min(waitMs, SLOW_MS) : SLOW_MS));
  }

  /** Takes a request a step further: reads its bytes, or sends some of them. */
  #advance(asker: Asker, job: Job): void {
    const { peer, jobs, coming } = asker;
    const { data } = job;
    const { requestId, offset, length } = job.request;
    const end = (reason: RefuseReason) => {
      jobs.delete(requestId);
      this.#refuse(peer, requestId, reason);
    };
    if (!this.#wasServing) end(RefuseReason.NOT_SERVING);
    else if (data instanceof Uint8Array) this.#send(asker, job, data);
    else {
      const read = this.#find(job.key)?.read(Number(offset), length);
      if (read === 'busy' || (read === 'coming' && coming.size >= MAX_COMING))
        return end(RefuseReason.BUSY);
      if (read === 'coming') {
        job.waitsSince ??= this.#platform.now();
        coming.set(requestId, job);
        jobs.delete(requestId);
        return;
      }
      const take = (read?: Uint8Array<ArrayBuffer>) => {
        // The content may have turned out to be shorter than it was said to be.
        job.data = read?.length === length ? read : undefined;
        if (!job.data && jobs.get(requestId) === job) end(RefuseReason.NOT_HELD);
      };
      this.#queue.begin(asker, job);
      if (!(read instanceof Promise)) return take(read);
      job.data = 'reading';
      asker.reading += length;
      void read
        .then(take, () => take())
        .then(() => {
          asker.reading -= length;
          this.#pump();
        });
    }
  }

  #send(asker: Asker, job: Job, whole: Uint8Array<ArrayBuffer>): void {
    const { peer, jobs } = asker;
    const { requestId, length } = job.request;
    const isFast = this.#queue.rate >= FAST_BYTES_PER_MS;
    const usual = isFast ? FAST_FRAGMENT_BYTES : FRAGMENT_BYTES;
    // Of what is verified as a whole its receiver promises nothing.
    const { algorithm } = job.request.content as ContentId;
    const isPromised = algorithm === HashAlgorithm.MANIFEST_SHA256;
    const isSlow =
      this.#queue.rate < (this.#queue.isShared ? FAST_BYTES_PER_MS : ALONE_BYTES_PER_MS);
    const isEarly = isPromised && job.sent === 0 && length <= usual && isSlow;
    const most = asker.isNew ? FIRST_FRAGMENT_BYTES : isEarly ? EARLY_BYTES : usual;
    const step = Math.min(most, this.#connections.maxFragmentBytes(peer));
    const data = whole.subarray(job.sent, job.sent + step);
    const value = { requestId, offset: job.sent, data };
    if (!this.#connections.send(peer, { case: 'fragment', value })) return jobs.clear();
    asker.isNew = false;
    if (job.sent === 0) job.range.copies++;
    job.sent += data.length;
    if (job.sent >= length) jobs.delete(requestId);
    this.#queue.gave(asker, data.length, this.#platform.now());
    this.#limit.take(data.length);
    this.bytes += data.length;
  }

  #refuse(peer: PeerId, requestId: number, reason: RefuseReason): void {
    this.#connections.send(peer, { case: 'refuse', value: { requestId, reason } });
  }
}
