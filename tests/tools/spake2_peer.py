"""One end of a direct transfer's key exchange, by Python's spake2 (Brian Warner's, which magic-wormhole uses).

Reads a line of JSON {"code", "context", "message"}, the message in hex as the other end sent it; writes a line with its own
message, and the tags of both roles that src/protocol/direct/exchange.rs describes.
"""

import hashlib
import hmac
import json
import sys

from spake2 import SPAKE2_Symmetric


def expand(master: bytes, info: bytes) -> bytes:
    """HKDF-Expand (RFC 5869) for one block of SHA-256."""
    return hmac.new(master, info + b"\x01", hashlib.sha256).digest()


def main() -> None:
    asked = json.loads(sys.stdin.readline())
    context = asked["context"].encode()
    spake = SPAKE2_Symmetric(asked["code"].encode(), idSymmetric=context)
    message = spake.start()
    key = spake.finish(bytes.fromhex(asked["message"]))
    master = hmac.new(context, key, hashlib.sha256).digest()  # HKDF-Extract with the context as salt
    tags = {role: expand(master, context + b" confirm " + role.encode()).hex() for role in ("sender", "receiver")}
    print(json.dumps({"message": message.hex(), "master": master.hex(), **tags}))


main()
