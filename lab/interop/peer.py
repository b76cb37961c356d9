#!/usr/bin/env python3
"""A peer of Zauberflöte, written from docs/protocol.md and proto/ alone, to prove that they suffice.

It leeches one content from other peers, or seeds one, with aiortc; it never asks an origin. Run it
with what protoc makes of proto/zauberflote/v1 in PYTHONPATH.
"""

import argparse
import asyncio
import base64
import hashlib
import os
import random
import signal
import sys

import websockets
from link import Link, Store, now
from messages import (MANIFEST, MAX_RESPONSE, Failure, Malformed, decode_response, need, read_id,
                      read_manifest, write_id)
from zauberflote.v1 import content_pb2, peer_pb2, signaling_pb2, tracker_pb2

# What the documents leave to a peer.
MAX_LINKS, MAX_INCOMING, MAX_SOURCES, MAX_HOLDERS, MAX_UNVERIFIED = 24, 16, 8, 256, 268_435_456
ATTEMPT_S, DEPOSITED_S, IDLE_S, WANT_S, NEWS_S = 15, 3, 30, 5, 0.025


class Client:
    """One peer: its session with the tracker, its links, and the download if there is one."""

    def __init__(self, tracker, store, first_peers=1, verbose=False, announced=None):
        self.tracker, self.store, self.first_peers, self.verbose = tracker, store, first_peers, verbose
        self.announced = announced  # what to print when the tracker has the announcement
        self.own_id, self.outbox, self.attempt = 0, None, random.getrandbits(28)
        self.links, self.tasks, self.uploaded = {}, set(), 0
        # By peer id: (complete, size) as the tracker says, (failures, when to try again), when a flood is over.
        self.holders, self.failures, self.barred, self.banned = {}, {}, {}, set()
        # Chunks that nobody was asked for, how often each was asked for, chunks to tell of, bytes by giver.
        self.wanted, self.tries, self.news, self.gave, self.alone = [], {}, set(), {}, False
        self.next_want, self.retry_after, self.stopping = 0.0, 0.0, False
        self.finished = asyncio.get_running_loop().create_future()
        if not store.complete and store.size is not None:
            self.want_all()

    def log(self, *words):
        if self.verbose:
            print(*words, file=sys.stderr, flush=True)

    def spawn(self, coroutine):
        """Runs it beside the rest; what it raises ends the program."""
        def done(task):
            self.tasks.discard(task)
            if not task.cancelled() and task.exception():
                self.finish(task.exception())
        task = asyncio.ensure_future(coroutine)
        self.tasks.add(task)
        task.add_done_callback(done)
        return task

    def finish(self, error=None):
        if not self.finished.done():
            self.finished.set_exception(error) if error else self.finished.set_result(None)

    async def close(self):
        self.stopping = True
        for link in list(self.links.values()):
            link.close()
        self.session.cancel()
        self.ticking.cancel()
        await asyncio.wait(self.tasks, timeout=3)

    def start(self):
        self.session = self.spawn(self.keep_session())
        self.ticking = self.spawn(self.tick())

    # The tracker

    def send(self, **body):
        """Lost without a session: all that matters is said anew in the next one."""
        if self.outbox:
            self.outbox.put_nowait(tracker_pb2.SessionRequest(**body).SerializeToString())

    def have(self):
        return tracker_pb2.Have(holdings=[tracker_pb2.Holding(
            content=self.store.content, size=self.store.size or 0, partial=not self.store.complete)])

    def want(self):
        """Tells a seeder that its Have was heard, since the tracker answers in order."""
        self.next_want = now() + WANT_S
        few = {"max_peers": 1} if self.store.complete else {"max_offers": 2}
        return tracker_pb2.Want(contents=[self.store.content], **few)

    async def keep_session(self):
        pause, began = 2.0, None
        while True:
            self.retry_after = 0.0
            try:
                frames = [tracker_pb2.SessionRequest(have=self.have()),
                          tracker_pb2.SessionRequest(want=self.want())]
                if not self.store.complete:  # in the order of the document
                    frames.reverse()
                first = ["first." + base64.urlsafe_b64encode(frame.SerializeToString()).decode().rstrip("=")
                         for frame in frames]
                async with websockets.connect(
                        self.tracker, subprotocols=["zauberflote.v1", *first],
                        compression=None, max_size=MAX_RESPONSE, open_timeout=20) as socket:
                    began, self.own_id, self.outbox = now(), 0, asyncio.Queue()
                    sending = self.spawn(self.empty(self.outbox, socket))
                    try:
                        async for frame in socket:
                            self.take(decode_response(frame))
                    finally:
                        sending.cancel()
            except websockets.exceptions.InvalidStatusCode as error:
                if error.status_code not in (429, 503):
                    raise Failure(f"the tracker refuses this client: HTTP {error.status_code}") from error
                self.retry_after = float(error.headers.get("Retry-After", "0"))
            except Malformed as error:
                self.log("malformed, from the tracker:", error)
            except (OSError, asyncio.TimeoutError, websockets.exceptions.WebSocketException) as error:
                if began is None:
                    raise Failure(f"no tracker at {self.tracker}: {error}") from error
            self.outbox = None
            for link in [link for link in self.links.values() if not link.open]:
                link.close()
            if began and now() - began > 30:
                pause = 2.0
            await asyncio.sleep(min(3600, self.retry_after) + random.uniform(0, pause))
            pause = min(60.0, 2 * pause)

    async def empty(self, outbox, socket):
        try:
            while True:
                await socket.send(await outbox.get())
        except websockets.exceptions.ConnectionClosed:
            pass  # whoever reads notices too

    def take(self, message):
        kind = message.WhichOneof("body") if message else None
        if not kind:
            return
        body = getattr(message, kind)
        need(kind in ("welcome", "error") if not self.own_id else kind != "welcome", "Welcome is not the first")
        if kind == "welcome":
            self.own_id = body.peer_id
        elif kind == "error":
            if body.code in (1, 2, 3):
                raise Failure(f"the tracker ends the session: {body.message}")
            self.retry_after = body.retry_after_ms / 1000
        elif kind == "peers":
            if self.announced:
                print(self.announced, flush=True)
                self.announced = None
            for swarm in body.swarms:
                if swarm.content == self.store.content and not self.store.complete:
                    self.take_holders(swarm.holders)
        elif kind == "signal":
            self.take_signal(body)
        elif kind == "undeliverable":
            if body.reason == tracker_pb2.UNDELIVERABLE_REASON_GONE:
                self.holders.pop(body.peer_id, None)
            link = self.links.get(body.peer_id)
            if link and link.attempt == body.attempt and not link.open:
                self.failed(link)

    def take_holders(self, holders):
        for holder in holders:
            if len(self.holders) < MAX_HOLDERS or holder.peer_id in self.holders:
                self.holders[holder.peer_id] = (not holder.partial, holder.size)
            if not holder.HasField("offer"):
                continue
            if self.may_connect(holder.peer_id):
                link = self.link(holder.peer_id, holder.offer.attempt, deposited=True)
                self.spawn(link.describe_remote(holder.offer.description, "offer"))
            else:  # makes room for an offer to others
                self.decline(holder.peer_id, holder.offer.attempt)
        self.connect()

    # Connections

    def link(self, peer, attempt, **how):
        self.links[peer] = Link(self, peer, attempt, **how)
        return self.links[peer]

    def decline(self, peer, attempt, reason=signaling_pb2.DECLINE_REASON_BUSY):
        self.send(signal=signaling_pb2.Signal(peer_id=peer, attempt=attempt,
                                              decline=signaling_pb2.Decline(reason=reason)))

    def may_connect(self, peer):
        failures, again = self.failures.get(peer, (0, 0))
        return (peer not in self.links and peer not in self.banned and len(self.links) < MAX_SOURCES
                and failures < 3 and again < now())

    def connect(self):
        """Sends offers to holders, complete ones first."""
        if self.outbox and self.own_id and not self.store.complete and not self.stopping:
            for peer in sorted(self.holders, key=lambda peer: not self.holders[peer][0]):
                if self.may_connect(peer):
                    self.attempt = self.attempt % 0xFFFFFFFF + 1
                    self.spawn(self.link(peer, self.attempt, ours=True).make_offer())

    def failed(self, link):
        """Ends an attempt. Whose deposited offer led to nothing is sent another at once."""
        link.close()
        if link.ours:
            count = self.failures.get(link.peer, (0, 0))[0] + 1
            self.failures[link.peer] = (count, now() + 2**count)

    def take_signal(self, body):
        step, peer, link = body.WhichOneof("body"), body.peer_id, self.links.get(body.peer_id)
        if peer in self.banned:
            return
        if step == "offer":
            if link and link.ours and not link.answered and peer < self.own_id:
                return  # glare: the own offer stands
            if link:
                link.close()
            incoming = sum(not link.ours for link in self.links.values())
            if self.stopping:
                self.decline(peer, body.attempt, signaling_pb2.DECLINE_REASON_NOT_SERVING)
            elif len(self.links) >= MAX_LINKS or incoming >= MAX_INCOMING or self.barred.get(peer, 0) > now():
                self.decline(peer, body.attempt)
            else:
                self.spawn(self.link(peer, body.attempt).describe_remote(body.offer, "offer"))
        elif link and link.attempt == body.attempt:
            if step == "answer" and link.ours and not link.answered:
                link.answered = True
                self.spawn(link.describe_remote(body.answer, "answer"))
            elif step == "candidates":
                link.add_candidates(body.candidates.candidates)
            elif step == "decline" and not link.open:
                self.failed(link)

    async def tick(self):
        while True:
            await asyncio.sleep(0.1)
            for link in list(self.links.values()):
                age = now() - link.began
                lost = link.deposited and age > DEPOSITED_S and link.pc.iceConnectionState != "completed"
                if not link.open and (age > ATTEMPT_S or lost):
                    self.decline(link.peer, link.attempt, signaling_pb2.DECLINE_REASON_UNSPECIFIED)
                    self.failed(link)
                elif link.open and now() - link.active > IDLE_S and not link.requests and not link.tasks:
                    link.close()
                else:
                    link.expire()
                    link.room.set()
            if self.own_id and not self.store.complete and now() > self.next_want:
                self.send(want=self.want())
            self.connect()
            self.ask()

    # The download

    def want_all(self):
        self.wanted, self.tries, self.gave = list(range(self.store.chunks)), {}, {}
        random.shuffle(self.wanted)

    def begin(self, links):
        """Takes the size that a complete holder claims: without a manifest there is nothing better."""
        sizes = [size for complete, size in map(Link.whole, links) if complete and 0 < size <= MAX_UNVERIFIED]
        if sizes:
            self.store.lay_out(random.choice(sizes))
            self.want_all()
            self.send(have=self.have())
            for link in list(self.links.values()):
                link.say_holdings()

    def ask(self):
        """Asks each link for as much as it should have open, in turns."""
        if self.store.complete or self.stopping:
            return
        links = [link for link in list(self.links.values())
                 if link.open and not link.closed and not link.useless and link.pause < now()]
        if len(links) < self.first_peers:
            return
        self.first_peers = 0
        if self.store.size is None:
            self.begin(links)
        if self.store.size is None:
            return
        if self.alone:  # a liar was among several: all from one, so that it can be told
            links = [link for link in links
                     if link.peer in self.gave or not self.gave and link.is_complete()][:1]
            if not links and self.gave:
                self.store.size = None  # it has gone: the next one from the beginning
                return
        asked = True
        while asked:
            asked = False
            for link in links:
                bytes_open = sum(len(task.data) for task in link.tasks.values())
                if link.closed or len(link.tasks) >= (link.window if bytes_open < 4_194_304 else 2):
                    continue
                chunk = self.pick(link, links)
                if chunk is not None and link.send_budget.take(1):
                    self.wanted.remove(chunk)
                    link.ask_for(chunk)
                    self.gave.setdefault(link.peer, 0)
                    asked = True

    def pick(self, link, links):
        """The rarest of 64 chunks that it has and that are in no way yet, by chance among equals."""
        found = []
        for chunk in self.wanted:
            if link.has(chunk) and link.busy.get(chunk, 0) < now():
                found.append(chunk)
                if len(found) == 64:
                    break
        return min(found, key=lambda chunk: sum(other.has(chunk) for other in links), default=None)

    def came(self, link, task):
        if not self.store.put(task.chunk, task.data):
            self.wanted.append(task.chunk)
            return link.ban("gave a wrong chunk")
        self.gave[link.peer] += len(task.data)
        right = self.store.finish()
        if self.store.manifest:
            if right is False:
                return self.finish(Failure("the manifest contradicts itself: its chunks are not its file"))
            if not self.news:
                asyncio.get_running_loop().call_later(NEWS_S, self.tell)
            self.news.add(task.chunk)
        elif right is False:
            self.blame()
        if right:
            self.send(have=self.have())
            for each in list(self.links.values()):
                if not self.store.manifest and each.interested:
                    each.say_holdings()
            self.finish()
        else:
            self.ask()

    def blame(self):
        givers = [peer for peer, count in self.gave.items() if count]
        self.log("a file with another hash, from", givers)
        if len(givers) == 1:
            self.banned.add(givers[0])
            if givers[0] in self.links:
                self.links[givers[0]].ban("gave a wrong file")
        self.alone, self.store.size = True, None

    def tell(self):
        """Got for those who lack something."""
        chunks, self.news = sorted(self.news), set()
        for start in range(0, len(chunks), 256):
            got = peer_pb2.Got(content=self.store.content, chunks=chunks[start:start + 256])
            for link in list(self.links.values()):
                if link.interested:
                    link.send(got=got)


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from error


def store_of(text, manifest_path):
    """The empty store of an id, with its manifest if it needs one."""
    content = read_id(text)
    if content.algorithm != MANIFEST:
        return Store(content)
    if not manifest_path:
        raise Failure("a zf1- id needs --manifest: peers do not send it")
    data = read(manifest_path)
    if hashlib.sha256(data).digest() != content.digest:
        raise Failure(f"{manifest_path} is not the manifest of {text}")
    try:
        return Store(content, read_manifest(data))
    except Malformed as error:
        raise Failure(f"{manifest_path} is malformed: {error}") from error


async def leech(options):
    store = store_of(options.id, options.manifest)
    client = Client(options.tracker, store, options.peers, options.verbose)
    client.start()
    try:
        if not store.complete:
            await asyncio.wait_for(client.finished, options.timeout)
        with open(options.out + ".part", "wb") as file:
            file.write(store.data)
        os.replace(options.out + ".part", options.out)
        givers = (f"{peer:016x}={count}" for peer, count in client.gave.items() if count)
        print("done", store.size, *givers, flush=True)
        await asyncio.sleep(options.seconds)
    except asyncio.TimeoutError as error:
        raise Failure(
            f"not all of {options.id} came within {options.timeout:g} s: {len(client.holders)} holders named, "
            f"{sum(link.open for link in client.links.values())} connected, "
            f"{len(store.came)} of {store.chunks} chunks") from error
    finally:
        await client.close()


async def seed(options):
    data, manifest = read(options.file), options.manifest and read(options.manifest)
    text = options.id or write_id(content_pb2.ContentId(
        algorithm=MANIFEST if manifest else content_pb2.HASH_ALGORITHM_SHA256,
        digest=hashlib.sha256(manifest or data).digest()))
    store = store_of(text, options.manifest)
    if store.size not in (None, len(data)):
        raise Failure(f"{options.file} has another size than {text}")
    store.lay_out(len(data))
    store.data, store.came = bytearray(data), set(range(store.chunks))
    if not store.finish():
        raise Failure(f"{options.file} is not {text}")
    client = Client(options.tracker, store, verbose=options.verbose,
                    announced="seeding " + write_id(store.content))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, client.finish)
    client.start()
    try:
        await asyncio.wait([client.finished], timeout=options.seconds)
        if client.finished.done():
            client.finished.result()
        print("uploaded", client.uploaded, flush=True)
    finally:
        await client.close()


def main():
    parser = argparse.ArgumentParser(description="A peer of Zauberflöte that loads or seeds one file.")
    commands = parser.add_subparsers(required=True)
    for run, text in ((leech, "load a content from peers"), (seed, "serve a file to peers")):
        command = commands.add_parser(run.__name__, help=text)
        command.set_defaults(run=run)
        command.add_argument("--tracker", required=True, help="ws://… or wss://…")
        command.add_argument("--id", required=run is leech, help="zf1-…, sha256-…, or the like")
        command.add_argument("--manifest", help="file with the encoded manifest of a zf1- id")
        command.add_argument("--verbose", action="store_true", help="tell of connections on stderr")
        if run is leech:
            command.add_argument("--out", required=True, help="where the file goes")
            command.add_argument("--timeout", type=float, default=60, help="seconds for all of it (60)")
            command.add_argument("--peers", type=int, default=1, help="ask only when so many are connected (1)")
            command.add_argument("--for", type=float, default=0, dest="seconds", help="serve so long then (0)")
        else:
            command.add_argument("--file", required=True)
            command.add_argument("--for", type=float, dest="seconds", help="end after so many seconds")
    options = parser.parse_args()
    try:
        asyncio.run(options.run(options))
    except (Failure, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
