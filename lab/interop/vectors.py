"""Reads the golden vectors as the peer reads what it is sent: takes, refuses and ignores what it should."""

import json
import pathlib

from messages import Malformed, decode_peer_message, decode_response, read_manifest


def frame(parts):
    parts = parts if isinstance(parts, list) else [parts]
    return bytes.fromhex("".join(
        part if isinstance(part, str) else part["repeat"] * part["times"] for part in parts))


def meaning(read, data):
    try:
        return "ignored" if read(data) is None else "json"
    except Malformed:
        return "error"


folder = pathlib.Path(__file__).parents[2] / "proto" / "testdata"
for name, read in (("session_response", decode_response), ("peer_message", decode_peer_message),
                   ("manifest", read_manifest)):
    for vector in json.loads((folder / f"{name}.json").read_text()):
        found = meaning(read, frame(vector["hex"]))
        assert found in vector, f"{name}: {vector['name']}: taken as {found}"
