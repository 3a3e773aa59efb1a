"""One end of a direct transfer, written from docs/protocol.md alone: over the relay, in one round.

    direct_peer.py send SERVER WORD-WORD FILE…      prints the code first
    direct_peer.py receive SERVER CODE FOLDER

SERVER is the address with ws:// or wss://. Prints the texts that come, and the code of the hub's last word.
"""

import asyncio
import hashlib
import hmac
import json
import os
import struct
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from spake2 import SPAKE2_Symmetric
from websockets.asyncio.client import connect

CONTEXT = b"handover direct 1"
PIECE = 65536
WINDOW = 4 << 20


def expand(master: bytes, info: bytes, length: int) -> bytes:
    """HKDF-Expand (RFC 5869)."""
    out, block = b"", b""
    while len(out) < length:
        block = hmac.new(master, block + info + bytes([len(out) // 32 + 1]), hashlib.sha256).digest()
        out += block
    return out[:length]


class Keys:
    """Seal or open what one role says."""

    def __init__(self, keys: bytes) -> None:
        self.aead, self.base, self.number = AESGCM(keys[:32]), keys[32:], 0

    def nonce(self) -> bytes:
        last = int.from_bytes(self.base[4:], "big") ^ self.number
        self.number += 1
        return self.base[:4] + last.to_bytes(8, "big")

    def seal(self, message: bytes) -> bytes:
        return b"\4" + self.aead.encrypt(self.nonce(), message, b"\4")

    def open(self, frame: bytes) -> bytes:
        return self.aead.decrypt(self.nonce(), frame[1:], b"\4")


class Peer:
    """An end with its socket."""

    def __init__(self, socket, role: str) -> None:
        self.socket, self.role = socket, role
        self.other = "receiver" if role == "sender" else "sender"

    async def signal(self) -> dict:
        """The next signal; frames do not come before it."""
        signal = json.loads(await self.socket.recv())
        if signal["type"] == "ended":
            raise SystemExit(f"ended: {signal['code']}")
        return signal

    async def agree(self, code: str) -> None:
        """Agrees on the keys of the first round."""
        signal = await self.signal()
        assert signal["type"] == "paired", signal
        number = struct.pack(">I", signal["round"])
        spake = SPAKE2_Symmetric(code.encode(), idSymmetric=CONTEXT)
        own = spake.start()
        await self.socket.send(b"\1" + number + own)
        theirs = await self.frame(1, number)
        master = hmac.new(CONTEXT, spake.finish(theirs), hashlib.sha256).digest()

        def tag(role: str) -> bytes:
            return expand(master, CONTEXT + b" confirm " + role.encode(), 32)

        if self.role == "receiver":
            await self.socket.send(b"\2" + number + tag("receiver"))
        if not hmac.compare_digest(await self.frame(2, number), tag(self.other)):
            await self.end("wrong_code")
            raise SystemExit("ended: wrong_code")
        if self.role == "sender":
            await self.socket.send(b"\2" + number + tag("sender"))
        fresh = own + theirs if self.role == "sender" else theirs + own

        def keys(role: str) -> Keys:
            return Keys(expand(master, CONTEXT + b" keys " + role.encode() + number + fresh, 44))

        self.sealer, self.opener = keys(self.role), keys(self.other)

    async def frame(self, kind: int, number: bytes) -> bytes:
        """What the next frame of this kind and round holds."""
        while True:
            frame = await self.socket.recv()
            if isinstance(frame, str):
                signal = json.loads(frame)
                if signal["type"] == "ended":
                    raise SystemExit(f"ended: {signal['code']}")
                continue
            if frame[0] == kind and frame[1:5] == number:
                return frame[5:]

    async def say(self, **message) -> None:
        await self.socket.send(self.sealer.seal(b"\0" + json.dumps(message).encode()))

    async def hear(self) -> dict:
        """The next message that matters; a piece has the type `piece`."""
        while True:
            frame = await self.socket.recv()
            if isinstance(frame, str):
                signal = json.loads(frame)
                if signal["type"] in ("ice", "waiting"):
                    continue
                return signal
            opened = self.opener.open(frame)
            if opened[0] == 1:
                flags, entry, offset = struct.unpack(">BIQ", opened[1:14])
                return {"type": "piece", "last": flags == 1, "entry": entry, "offset": offset, "content": opened[14:]}
            message = json.loads(opened[1:])
            if message["type"] not in ("alive", "addresses", "rtc", "paused", "probe"):
                return message

    async def end(self, code: str) -> dict:
        """Ends the transfer; the hub's last word."""
        await self.socket.send(json.dumps({"type": "end", "code": code}))
        while True:
            message = await self.socket.recv()
            if isinstance(message, str) and json.loads(message)["type"] == "ended":
                return json.loads(message)


async def send(server: str, words: str, paths: list[str]) -> None:
    async with connect(f"{server}/api/direct/send", close_timeout=1) as socket:
        peer = Peer(socket, "sender")
        signal = await peer.signal()
        code = f"{signal['nameplate']}-{words}"
        print(code, flush=True)
        await peer.agree(code)
        entries = [{"path": os.path.basename(path), "size": os.path.getsize(path)} for path in paths]
        await peer.say(type="offer", text="from Python", entries=entries, last=True)
        accept = await peer.hear()
        assert accept["type"] == "accept", accept
        sent = acked = 0
        for entry in accept.get("entries", range(len(entries))):
            size, offset = entries[entry]["size"], 0
            with open(paths[entry], "rb") as file:
                while True:
                    while sent - acked + PIECE > accept["window"]:
                        ack = await peer.hear()
                        assert ack["type"] == "ack", ack
                        acked = ack["bytes"]
                    content = file.read(PIECE)
                    last = offset + len(content) == size
                    head = struct.pack(">BBIQ", 1, last, entry, offset)
                    await socket.send(peer.sealer.seal(head + content))
                    sent, offset = sent + len(content), offset + len(content)
                    if last:
                        break
        while (message := await peer.hear())["type"] == "ack":
            acked = message["bytes"]
        assert message["type"] == "received" and acked == sent, message
        print((await peer.end("done"))["code"])


async def receive(server: str, code: str, folder: str) -> None:
    async with connect(f"{server}/api/direct/receive/{code.split('-')[0]}", close_timeout=1) as socket:
        peer = Peer(socket, "receiver")
        await peer.signal()
        await peer.agree(code)
        entries, last = [], False
        while not last:
            offer = await peer.hear()
            entries, last = entries + offer["entries"], offer["last"]
            if "text" in offer:
                print(f"text: {offer['text']}")
        await peer.say(type="accept", window=WINDOW)
        taken = 0
        for number, entry in enumerate(entries):
            name = entry["path"].rsplit("/", 1)[-1]
            assert name not in ("", ".", ".."), name
            at, last = 0, False
            with open(os.path.join(folder, name), "xb") as file:
                while not last:
                    piece = await peer.hear()
                    assert (piece["entry"], piece["offset"]) == (number, at), piece
                    at, last = at + file.write(piece["content"]), piece["last"]
                    taken += len(piece["content"])
                    await peer.say(type="ack", bytes=taken)
            assert entry["size"] in (at, None), entry
        await peer.say(type="received")
        print((await peer.hear())["code"])


match sys.argv[1:]:
    case ["send", server, words, *paths]:
        asyncio.run(send(server, words, paths))
    case ["receive", server, code, folder]:
        asyncio.run(receive(server, code, folder))
    case _:
        sys.exit(__doc__)
