"""What peers of Zauberflöte say to each other and to a tracker: ids, manifests, messages, descriptions.

Written from docs/protocol.md and proto/ alone. A protobuf library accepts more than the comments of
the schema do, so each message that is read here is checked, before anything is done with it.
"""

import base64
import ipaddress
import re
import uuid
import warnings

from aiortc import RTCIceCandidate
from google.protobuf.message import DecodeError
from zauberflote.v1 import content_pb2, manifest_pb2, peer_pb2, signaling_pb2, tracker_pb2

# Limits of the protocol (docs/limits.md).
MAX_RESPONSE, MAX_PEER_MESSAGE, MAX_FRAGMENT = 131_072, 65_568, 65_536
MAX_REQUEST, MAX_CHUNK, MAX_CHUNKS, MAX_SIZE = 1_048_576, 16_777_216, 65_536, 2**53 - 1

# Algorithm: how an id begins when it is written, the hash, and how long its digest is.
ALGORITHMS = {1: ("", "sha1", 20), 2: ("sha256-", "sha256", 32), 3: ("sha384-", "sha384", 48),
              4: ("sha512-", "sha512", 64), 5: ("zf1-", "sha256", 32)}
MANIFEST = content_pb2.HASH_ALGORITHM_MANIFEST_SHA256

# The C++ library of Debian 12 only warns of a group that ends and never began.
warnings.simplefilter("error", RuntimeWarning)


class Failure(Exception):
    """Ends the program; its text is for whoever started it."""


class Malformed(Exception):
    """What came breaks a rule: its sender must not be listened to any more."""


def need(holds, why):
    if not holds:
        raise Malformed(why)


# --- Content ids and manifests


def read_id(text):
    """The ContentId that is written `text`; unpadded base64 is taken too."""
    try:
        if re.fullmatch("[0-9a-fA-F]{40}", text):
            return content_pb2.ContentId(algorithm=1, digest=bytes.fromhex(text))
        for algorithm, (start, _, length) in ALGORITHMS.items():
            if start and text.startswith(start):
                rest = text[len(start):].rstrip("=").replace("-", "+").replace("_", "/")
                digest = base64.b64decode(rest + "=" * (-len(rest) % 4), validate=True)
                if len(digest) == length:
                    return content_pb2.ContentId(algorithm=algorithm, digest=digest)
    except ValueError:
        pass
    raise Failure(f"{text!r} is no content id")


def write_id(content):
    start = ALGORITHMS[content.algorithm][0]
    if content.algorithm == 1:
        return content.digest.hex()
    if content.algorithm == MANIFEST:
        return start + base64.urlsafe_b64encode(content.digest).decode().rstrip("=")
    return start + base64.b64encode(content.digest).decode()


def read_manifest(data):
    """Decodes a manifest and checks the rules of manifest.proto, but not whose it is."""
    need(len(data) <= 2_097_664, "a manifest too large")
    manifest = parse(manifest_pb2.Manifest, data)
    need(manifest.size <= MAX_SIZE and 1 <= manifest.chunk_size <= MAX_CHUNK, "sizes out of range")
    chunks = -(-manifest.size // manifest.chunk_size)
    need(chunks <= MAX_CHUNKS and len(manifest.chunk_sha256) == 32 * chunks, "a wrong number of hashes")
    need(len(manifest.sha256) == 32, "a whole-file hash of another length")
    token = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
    need(len(manifest.media_type) <= 255 and
         re.fullmatch(rf"({token}/{token}([ \t]*;[\t -~]*)?)?", manifest.media_type), "a bad media type")
    return manifest


# --- What may be received


def parse(kind, data):
    try:
        return kind.FromString(data)
    except (DecodeError, RuntimeWarning, SystemError) as error:  # the last one: that warning, from C++
        raise Malformed(str(error)) from error


def decode(kind, most, frame):
    """The message in `frame`, or None where it has only what a later version knows."""
    need(isinstance(frame, bytes) and 0 < len(frame) <= most, "no frame of a message")
    message = parse(kind, frame)
    # A frame with bytes and without a body can but have unknown fields.
    return message if message.WhichOneof("body") else None


def check_content(content):
    need(content.algorithm in ALGORITHMS, "an unknown algorithm")
    need(len(content.digest) == ALGORITHMS[content.algorithm][2], "a digest of another length")


def check_candidates(candidates, most=32):
    need(len(candidates) <= most, "too many candidates")
    for each in candidates:
        need(re.fullmatch("[A-Za-z0-9+/]{0,32}", each.foundation) and each.port <= 65535, "a bad candidate")
        if each.packed_address:
            need(not each.address and len(each.packed_address) in (4, 16), "a bad packed address")
        else:
            need(re.fullmatch("[A-Za-z0-9.:-]{1,255}", each.address), "a bad address")


def check_description(description, answer=False, candidates=32):
    if description.raw_sdp:
        return need(len(description.raw_sdp.encode()) <= 16_384, "a long raw_sdp")
    need(re.fullmatch("[A-Za-z0-9+/]{4,256}", description.ice_ufrag), "a bad ufrag")
    need(re.fullmatch("[A-Za-z0-9+/]{22,256}", description.ice_pwd), "a bad password")
    need(len(description.fingerprint_sha256) == 32, "a bad fingerprint")
    need(description.setup in ((2, 3) if answer else (1, 2, 3)), "a bad role")
    need(len(description.ice_options) <= 8, "too many ice options")
    for option in description.ice_options:
        need(re.fullmatch("[A-Za-z0-9+/_-]{1,64}", option), "a bad ice option")
    need(description.sctp_port <= 65535 and len(description.sctp_init) <= 256, "bad sctp values")
    check_candidates(description.candidates, candidates)
    if description.HasField("request"):
        check_request(description.request)


def check_request(request):
    need(request.request_id, "request 0")
    check_content(request.content)
    need(request.offset <= MAX_SIZE and 1 <= request.length <= MAX_REQUEST, "a range out of range")


def decode_response(frame):
    """What a tracker said, checked by the rules of tracker.proto and signaling.proto."""
    message = decode(tracker_pb2.SessionResponse, MAX_RESPONSE, frame)
    body = message and getattr(message, message.WhichOneof("body"))
    if isinstance(body, (tracker_pb2.Welcome, tracker_pb2.Undeliverable, signaling_pb2.Signal)):
        need(body.peer_id, "peer id 0")
    if isinstance(body, tracker_pb2.Peers):
        need(1 <= len(body.swarms) <= 64, "a wrong number of swarms")
        for swarm in body.swarms:
            check_content(swarm.content)
            need(len(swarm.holders) <= 64, "too many holders")
            for holder in swarm.holders:
                need(holder.peer_id and holder.size <= MAX_SIZE, "a bad holder")
                if holder.HasField("offer"):
                    need(holder.offer.attempt and not holder.offer.description.raw_sdp, "a bad deposit")
                    check_description(holder.offer.description, candidates=8)
        ids = {(swarm.content.algorithm, swarm.content.digest) for swarm in body.swarms}
        need(len(ids) == len(body.swarms), "two swarms of one content")
    elif isinstance(body, tracker_pb2.Grant):
        check_content(body.content)
        need(body.first + body.count <= MAX_CHUNKS, "a grant of too much")
    elif isinstance(body, signaling_pb2.Signal):
        step = body.WhichOneof("body")
        need(body.attempt and step, "a signal without attempt or step")
        if step in ("offer", "answer"):
            check_description(getattr(body, step), answer=step == "answer")
        elif step == "candidates":
            check_candidates(body.candidates.candidates)
    return message


def decode_peer_message(frame):
    """What a peer said, checked by the rules of peer.proto."""
    message = decode(peer_pb2.PeerMessage, MAX_PEER_MESSAGE, frame)
    body = message and getattr(message, message.WhichOneof("body"))
    if isinstance(body, (peer_pb2.Cancel, peer_pb2.Refuse, peer_pb2.Fragment)):
        need(body.request_id, "request 0")
    if isinstance(body, (peer_pb2.Holdings, peer_pb2.Got, peer_pb2.Coming)):
        check_content(body.content)
    if isinstance(body, peer_pb2.Request):
        check_request(body)
    elif isinstance(body, peer_pb2.Fragment):
        need(1 <= len(body.data) <= MAX_FRAGMENT, "a fragment of a wrong size")
        need(body.offset + len(body.data) <= MAX_REQUEST, "a fragment beyond every range")
    elif isinstance(body, peer_pb2.Holdings):
        need(body.size <= MAX_SIZE and body.chunk_size <= MAX_CHUNK, "sizes out of range")
        need(len(body.bitfield) <= MAX_CHUNKS // 8, "a long bitfield")
    elif isinstance(body, (peer_pb2.Got, peer_pb2.Coming)):
        need(1 <= len(body.chunks) <= 256 and max(body.chunks) < MAX_CHUNKS, "bad chunks")
    return message


# --- Session descriptions


def describe(sdp):
    """What is sent in place of the own SDP. aiortc has gathered all candidates by then."""
    def values(name):
        return re.findall(rf"(?m)^a={name}:(.*?)\r?$", sdp)
    fingerprints = values("fingerprint")
    if (len(re.findall("(?m)^m=", sdp)) != 1 or values("mid") != ["0"] or len(fingerprints) != 1
            or not re.search(r"(?m)^m=application \d+ UDP/DTLS/SCTP webrtc-datachannel\r?$", sdp)
            or not fingerprints[0].lower().startswith("sha-256 ")):
        return signaling_pb2.SessionDescription(raw_sdp=sdp)
    port, most = (int((values(name) or ["0"])[0]) for name in ("sctp-port", "max-message-size"))
    if values("max-message-size") and most == 0:
        most = 2**32 - 1
    description = signaling_pb2.SessionDescription(
        ice_ufrag=values("ice-ufrag")[0], ice_pwd=values("ice-pwd")[0],
        fingerprint_sha256=bytes.fromhex(fingerprints[0].split()[1].replace(":", "")),
        setup={"actpass": 1, "active": 2, "passive": 3}[values("setup")[0]],
        ice_options=" ".join(values("ice-options")).split(),
        sctp_port=0 if port == 5000 else port, max_message_size=0 if most == 65536 else most)
    for line in values("candidate")[:32]:
        foundation, component, transport, priority, address, port, _, kind = line.split()[:8]
        if component != "1" or transport.lower() != "udp":
            continue
        try:
            where = {"packed_address": ipaddress.IPv4Address(address).packed}
        except ValueError:
            where = {"address": address}
        # aioice gives all host candidates one priority, so the foundation has to be sent.
        description.candidates.add(foundation=foundation, priority=int(priority), port=int(port),
                                   type=["host", "srflx", "prflx", "relay"].index(kind), **where)
    return description


def rebuild(description, kind):
    """The SDP of a description, without its candidates: they are added one by one."""
    if description.raw_sdp:
        media = re.findall("(?m)^m=(.*)$", description.raw_sdp)
        if len(media) != 1 or not media[0].startswith("application "):
            raise ValueError("other media than data channels")
        return re.sub(r"(?m)^a=(candidate:.*|end-of-candidates)\r?\n", "", description.raw_sdp)
    setup = {1: "actpass", 2: "active", 3: "passive"}[description.setup]
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=group:BUNDLE 0",
             "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0", "a=mid:0",
             f"a=ice-ufrag:{description.ice_ufrag}", f"a=ice-pwd:{description.ice_pwd}"]
    if description.ice_options:
        lines.append("a=ice-options:" + " ".join(description.ice_options))
    # aiortc takes no offer with another role; Link.answer sees to that.
    lines += ["a=fingerprint:sha-256 " + description.fingerprint_sha256.hex(":").upper(),
              f"a=setup:{'actpass' if kind == 'offer' else setup}",
              f"a=sctp-port:{description.sctp_port or 5000}",
              f"a=max-message-size:{max_message_size(description)}"]
    return "\r\n".join(lines) + "\r\n"


def max_message_size(description):
    if description.raw_sdp:
        found = re.search(r"(?m)^a=max-message-size:(\d+)", description.raw_sdp)
        return int(found[1]) or 2**32 - 1 if found else 65536
    return description.max_message_size or 65536


def usable(candidate, mid):
    """The candidate as aiortc takes it; None where it must not or cannot be used (aioice: only UDP)."""
    address, kinds = candidate.address, ["host", "srflx", "prflx", "relay"]
    if len(candidate.packed_address) == 4:
        address = str(ipaddress.IPv4Address(candidate.packed_address))
    elif candidate.packed_address:
        address = f"{uuid.UUID(bytes=candidate.packed_address)}.local"
    if candidate.transport or not 0 <= candidate.type < len(kinds):
        return None
    # Any other name would make this machine ask a name server of the sender's choice.
    if not re.fullmatch(r"[A-Za-z0-9-]+\.local", address):
        try:
            ipaddress.ip_address(address)
        except ValueError:
            return None
    return RTCIceCandidate(
        component=1, foundation=candidate.foundation or str(candidate.priority), ip=address, sdpMid=mid,
        port=candidate.port, priority=candidate.priority, protocol="udp", type=kinds[candidate.type])


def candidates_of(description):
    """Those of a description, also where they are lines of its raw_sdp."""
    lines = re.findall(r"(?m)^a=candidate:(\S+) 1 udp (\d+) (\S+) (\d+) typ host", description.raw_sdp)
    return list(description.candidates) + [
        signaling_pb2.Candidate(foundation=one[:32], priority=int(two), address=three, port=int(four))
        for one, two, three, four in lines]
