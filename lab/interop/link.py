"""A content as far as it is here, and a connection to one peer: descriptions, messages, bytes."""

import asyncio
import hashlib
import time

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from messages import (ALGORITHMS, MAX_CHUNKS, MAX_REQUEST, Malformed, candidates_of,
                      decode_peer_message, describe, max_message_size, need, rebuild, usable)
from zauberflote.v1 import peer_pb2, signaling_pb2

# What the documents leave to a peer.
FRAGMENT, WINDOW, MAX_OPEN_REQUESTS, CHUNK_S, FLOOD_S = 16_384, 65_536, 512, 3, 16.384
REFUSE = {name: getattr(peer_pb2, f"REFUSE_REASON_{name}")
          for name in ("NOT_HELD", "OUT_OF_RANGE", "BUSY", "NOT_SERVING")}
now = time.monotonic


class Store:
    """The one content of this process: what has come of it, and what of that is known to be right."""

    def __init__(self, content, manifest=None):
        self.content, self.manifest = content, manifest
        self.size, self.chunk_size, self.data, self.came, self.complete = None, 0, bytearray(), set(), False
        if manifest:
            self.lay_out(manifest.size)
        elif hashlib.new(ALGORITHMS[content.algorithm][1]).digest() == content.digest:
            self.lay_out(0)
        self.finish()

    def lay_out(self, size):
        """Chunks are the manifest's; whole files have some only to be asked for in parts."""
        self.size = size
        self.chunk_size = (self.manifest.chunk_size if self.manifest else 0 if size == 0 else
                           16_384 if size <= 2**20 else 32_768 if size <= 2**22 else 65_536)
        self.data, self.came = bytearray(size), set()

    @property
    def chunks(self):
        return -(-self.size // self.chunk_size) if self.size else 0

    def length(self, chunk):
        return min(self.chunk_size, self.size - chunk * self.chunk_size)

    def put(self, chunk, data):
        """Keeps a chunk. False if it is not what the manifest says."""
        if self.manifest:
            expected = self.manifest.chunk_sha256[32 * chunk:32 * chunk + 32]
            if hashlib.sha256(data).digest() != expected:
                return False
        start = chunk * self.chunk_size
        self.data[start:start + len(data)] = data
        self.came.add(chunk)
        return True

    def finish(self):
        """True if all is there and right; False if all is there and wrong; else None."""
        if self.size is None or len(self.came) < self.chunks:
            return None
        name, digest = ("sha256", self.manifest.sha256) if self.manifest else (
            ALGORITHMS[self.content.algorithm][1], self.content.digest)
        self.complete = hashlib.new(name, self.data).digest() == digest
        return self.complete

    def serves(self, chunk):
        """Of a whole file nothing is known to be right before all of it is."""
        return self.complete or bool(self.manifest) and chunk in self.came

    def holdings(self):
        bits = bytearray(-(-self.chunks // 8))
        for chunk in () if self.complete or not self.manifest else self.came:
            bits[chunk // 8] |= 128 >> chunk % 8
        return peer_pb2.Holdings(content=self.content, size=self.size or 0, chunk_size=self.chunk_size,
                                 complete=self.complete, bitfield=b"" if self.complete else bytes(bits))


class Budget:
    """Messages that bring little: 8,192 at once, and 500 a second for ever."""

    def __init__(self):
        self.left, self.at = 8192.0, now()

    def take(self, cost):
        self.left, self.at = min(8192.0, self.left + 500 * (now() - self.at)), now()
        if self.left >= cost:
            self.left -= cost
            return True
        return False


class Task:
    """A chunk that one peer was asked for, in requests of at most 1 MiB."""

    def __init__(self, chunk, length, seconds):
        self.chunk, self.data, self.filled, self.left = chunk, bytearray(length), bytearray(length), length
        self.asked, self.deadline = now(), now() + seconds
        self.requests = {}  # those that are not answered in full: their ids, with start and length


class Link:
    """A connection to one peer, from its first signal to its end."""

    def __init__(self, client, peer, attempt, ours=False, deposited=False):
        self.client, self.peer, self.attempt, self.ours = client, peer, attempt, ours
        self.deposited, self.answered, self.open, self.closed = deposited, False, False, False
        self.began = self.active = now()
        self.described, self.candidates = asyncio.Event(), 0
        self.receive_budget, self.send_budget, self.max_fragment = Budget(), Budget(), 0
        # What it has, and what was asked of it.
        self.holdings, self.bits = None, bytearray(MAX_CHUNKS // 8)
        self.said_holdings, self.interested = False, False
        self.tasks, self.next_request, self.window = {}, 1, 2
        self.useless, self.silent, self.refusals, self.pause, self.busy = False, 0, 0, 0.0, {}
        # What it asked for, and what it said to have got of that.
        self.requests, self.room, self.first_sent = {}, asyncio.Event(), None
        self.sent = self.received = self.unsaid = 0
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.pc._sctpLegacySdp = False  # today's form, as the document says
        form = {"negotiated": True, "protocol": "zauberflote.v1"}
        self.control = self.pc.createDataChannel("control", id=0, **form)
        self.data = self.pc.createDataChannel("data", id=1, ordered=False, **form)
        self.data.bufferedAmountLowThreshold = FRAGMENT
        self.data.on("bufferedamountlow", self.room.set)
        for channel in (self.control, self.data):
            channel.on("open", self.opened)
            channel.on("close", self.close)
            channel.on("message", self.take)
        # aiortc tells of a failed connection here, and of one that the other side closed there.
        dtls = self.pc.sctp.transport
        self.pc.on("connectionstatechange", lambda: self.pc.connectionState == "failed" and self.close())
        dtls.on("statechange", lambda: dtls.state == "closed" and self.close())

    # Setting up. A newer attempt may take this one's place during any await.

    def signal(self, **step):
        if not self.closed:
            self.client.send(signal=signaling_pb2.Signal(peer_id=self.peer, attempt=self.attempt, **step))

    async def make_offer(self):
        await self.pc.setLocalDescription(await self.pc.createOffer())
        self.signal(offer=describe(self.pc.localDescription.sdp))

    async def describe_remote(self, description, kind):
        try:
            await self.pc.setRemoteDescription(RTCSessionDescription(rebuild(description, kind), kind))
            if kind == "offer":
                if description.setup == signaling_pb2.DTLS_SETUP_ACTIVE:
                    self.pc.sctp.transport._set_role("server")
                await self.pc.setLocalDescription(await self.pc.createAnswer())
                self.signal(answer=describe(self.pc.localDescription.sdp))
        except Exception as error:  # aiortc has no common base of what it raises
            self.client.log("bad description", self.peer, repr(error))
            self.signal(decline=signaling_pb2.Decline(reason=signaling_pb2.DECLINE_REASON_BAD_DESCRIPTION))
            return self.client.failed(self)
        self.max_fragment = min(FRAGMENT, max_message_size(description) - 32)
        self.described.set()
        self.add_candidates(candidates_of(description))

    def add_candidates(self, candidates):
        for candidate in candidates[:64 - self.candidates]:
            self.candidates += 1
            self.client.spawn(self.add_candidate(candidate))

    async def add_candidate(self, candidate):
        await self.described.wait()  # aiortc loses those that come before
        candidate = usable(candidate, self.pc.sctp.mid)
        if candidate and not self.open and not self.closed:
            await self.pc.addIceCandidate(candidate)

    def opened(self):
        if not self.open:
            self.open, self.active = True, now()
            self.client.log("open", self.peer)
            self.client.failures.pop(self.peer, None)
            if not self.client.store.complete:
                self.say_holdings()
            self.client.spawn(self.serve())
            self.client.ask()

    def close(self):
        if self.closed:
            return
        self.closed = True
        self.client.log("closed", self.peer)
        self.described.set()
        self.room.set()
        if self.client.links.get(self.peer) is self:
            del self.client.links[self.peer]
        for task in list(self.tasks.values()):
            self.give_up(task)
        self.client.spawn(self.pc.close())

    def ban(self, why):
        self.client.log("banned", self.peer, why)
        self.client.banned.add(self.peer)
        self.close()

    # Messages

    def send(self, **body):
        if self.open and not self.closed:
            if self.control.bufferedAmount > MAX_REQUEST:  # it reads nothing any more
                return self.close()
            self.control.send(peer_pb2.PeerMessage(**body).SerializeToString())

    def take(self, frame):
        if self.closed:
            return
        self.opened()  # a message may come before the event
        try:
            message = decode_peer_message(frame)
            kind = message.WhichOneof("body") if message else "unknown"
            body = message and getattr(message, kind)
            if not self.receive_budget.take(self.cost(kind, body)):
                self.client.log("too many small messages from", self.peer)
                self.client.barred[self.peer] = now() + FLOOD_S
                return self.close()
            self.active = now()
            handler = getattr(self, "on_" + kind, None)  # Coming is not used
            ours = not hasattr(body, "content") or body.content == self.client.store.content
            if handler and (ours or kind == "request"):
                handler(body)
        except Malformed as error:
            self.ban(error)

    def cost(self, kind, body):
        if kind == "fragment":
            return max(0.0, 1 - len(body.data) / 4096)
        if kind == "received":
            return 0 if 4096 <= body.bytes <= self.sent - self.received else 1
        return {"holdings": 4, "refuse": 0}.get(kind, 1)

    def say_holdings(self):
        self.said_holdings = True
        self.send(holdings=self.client.store.holdings())

    def on_holdings(self, body):
        self.holdings, self.interested = body, self.interested or not body.complete
        self.bits = bytearray(body.bitfield.ljust(MAX_CHUNKS // 8, b"\0"))
        if not self.said_holdings:
            self.say_holdings()
        self.client.ask()

    def on_got(self, body):
        for chunk in body.chunks:
            self.bits[chunk // 8] |= 128 >> chunk % 8
        self.client.ask()

    def has(self, chunk):
        """Whether it may be asked for a chunk of ours."""
        store, theirs = self.client.store, self.holdings
        if self.is_complete():
            return True
        alike = theirs and theirs.size == store.size and theirs.chunk_size == store.chunk_size
        return bool(alike and self.bits[chunk // 8] & 128 >> chunk % 8)

    def is_complete(self):
        """Without a manifest only those of the size that is taken to be right are."""
        complete, size = self.whole()
        return complete and (bool(self.client.store.manifest) or size == self.client.store.size)

    def whole(self):
        """Whether it has all, and the size of that."""
        if self.holdings:
            return self.holdings.complete, self.holdings.size
        return self.client.holders.get(self.peer, (False, 0))

    # Asking

    def ask_for(self, chunk):
        store = self.client.store
        tries = self.client.tries[chunk] = self.client.tries.get(chunk, -1) + 1
        task = self.tasks[chunk] = Task(chunk, store.length(chunk), CHUNK_S * 2 ** min(tries, 4))
        for start in range(0, len(task.data), MAX_REQUEST):
            length = min(MAX_REQUEST, len(task.data) - start)
            task.requests[self.next_request] = (start, length)
            self.send(request=peer_pb2.Request(request_id=self.next_request, content=store.content,
                                               offset=chunk * store.chunk_size + start, length=length))
            self.next_request += 1

    def task_of(self, request_id):
        return next((task for task in self.tasks.values() if request_id in task.requests), None)

    def give_up(self, task):
        for request_id in task.requests:
            self.send(cancel=peer_pb2.Cancel(request_id=request_id))
        if self.tasks.pop(task.chunk, None):
            self.client.wanted.append(task.chunk)

    def on_fragment(self, body):
        self.unsaid += len(body.data)
        if self.unsaid >= 4096:
            self.send(received=peer_pb2.Received(bytes=self.unsaid))
            self.unsaid = 0
        task = self.task_of(body.request_id)
        if not task:
            return
        start, length = task.requests[body.request_id]
        need(body.offset + len(body.data) <= length, "a fragment outside its range")
        begin, end = start + body.offset, start + body.offset + len(body.data)
        need(task.filled.find(1, begin, end) < 0, "fragments that overlap")
        task.filled[begin:end] = b"\1" * (end - begin)
        task.data[begin:end] = body.data
        task.left -= end - begin
        self.silent = 0
        self.send_budget.left += len(body.data) / 4096  # what it sends us it lets us ask for more
        if task.filled.find(0, start, start + length) < 0:
            del task.requests[body.request_id]
        if not task.left:
            # As much is asked for in advance as comes in half a second.
            self.window = self.window + 1 if now() - task.asked < 0.5 else max(2, self.window - 1)
            self.refusals = 0
            del self.tasks[task.chunk]
            self.client.came(self, task)

    def on_refuse(self, body):
        task = self.task_of(body.request_id)
        if not task:
            return
        del task.requests[body.request_id]
        self.give_up(task)
        if body.reason != REFUSE["BUSY"]:
            self.useless = True
        self.busy[task.chunk] = now() + 0.13
        self.refusals += 1
        if self.refusals >= 16:
            self.refusals, self.pause = 0, now() + 0.5
        self.client.ask()

    def expire(self):
        """Takes back what is late; called some times a second."""
        late = [task for task in self.tasks.values() if task.deadline < now()]
        if late:
            self.silent += 1
            self.useless = self.useless or self.silent >= 3
            for task in late:
                self.give_up(task)

    # Serving

    def on_request(self, body):
        store = self.client.store
        need(body.request_id not in self.requests, "a request that is open")
        end, reason = body.offset + body.length, None
        if body.content != store.content or store.size is None:
            reason = "NOT_HELD"
        elif end > store.size:
            reason = "OUT_OF_RANGE"
        elif not all(map(store.serves, range(body.offset // store.chunk_size, -(-end // store.chunk_size)))):
            reason = "NOT_HELD"
        elif self.max_fragment < 1024 or self.client.stopping:
            reason = "NOT_SERVING"
        elif len(self.requests) >= MAX_OPEN_REQUESTS:
            reason = "BUSY"
        if reason:
            return self.send(refuse=peer_pb2.Refuse(request_id=body.request_id, reason=REFUSE[reason]))
        self.requests[body.request_id] = (body.offset, body.length, 0)
        self.room.set()

    def on_cancel(self, body):
        self.requests.pop(body.request_id, None)

    def on_received(self, body):
        self.received = min(self.sent, self.received + body.bytes)
        self.room.set()

    async def serve(self):
        """Sends what was asked for, one request after the other, and never much more than is read."""
        while not self.closed:
            self.room.clear()
            while self.requests and self.may_send():
                request_id, (offset, length, start) = next(iter(self.requests.items()))
                end = min(length, start + self.max_fragment)
                part = bytes(self.client.store.data[offset + start:offset + end])
                self.data.send(peer_pb2.PeerMessage(fragment=peer_pb2.Fragment(
                    request_id=request_id, offset=start, data=part)).SerializeToString())
                self.first_sent = self.first_sent or now()
                self.sent += len(part)
                self.receive_budget.left += len(part) / 4096
                self.client.uploaded += len(part)
                self.requests[request_id] = (offset, length, end)
                if end == length:
                    del self.requests[request_id]
            await self.room.wait()

    def may_send(self):
        """Little may be under way: Received says what is not. Who never says anything waits once."""
        mute = self.received == 0 and self.first_sent and now() - self.first_sent > 1
        return (not self.closed and self.data.bufferedAmount <= FRAGMENT
                and (mute or self.sent - self.received < WINDOW))
