"""CBOR (RFC 8949) as far as Kinesis' bodies use it: integers, byte and text strings, lists, maps, true, false, null,
doubles. Indefinite lengths are read, too."""

import struct

SIMPLE = {20: False, 21: True, 22: None}
BREAK = object()


def head(major, n):
    for more, size in ((24, "B"), (25, ">H"), (26, ">I"), (27, ">Q")):
        if n < 24:
            return bytes([major << 5 | n])
        if n < 1 << 8 * struct.calcsize(size):
            return bytes([major << 5 | more]) + struct.pack(size, n)
    raise ValueError(n)


def dumps(value):
    if value is None or isinstance(value, bool):
        return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return head(3, len(text)) + text
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(dumps, value))
    return head(5, len(value)) + b"".join(dumps(key) + dumps(item) for key, item in value.items())


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise ValueError("CBOR ends early")
        self.at += n
        return self.data[self.at - n : self.at]

    def items(self, n):
        """n of them; n None: until the break."""
        out = []
        while n is None or len(out) < n:
            item = self.item()
            if item is BREAK:
                break
            out.append(item)
        return out

    def item(self):
        first = self.take(1)[0]
        major, n = first >> 5, first & 31
        if major == 7:
            if n in (26, 27):
                return struct.unpack(">f" if n == 26 else ">d", self.take(4 if n == 26 else 8))[0]
            return BREAK if n == 31 else SIMPLE[n]
        if n == 31:
            n = None
        elif n > 23:
            n = int.from_bytes(self.take(1 << n - 24), "big")
        if major in (2, 3):
            parts = b"".join(p if major == 2 else p.encode() for p in self.items(None)) if n is None else self.take(n)
            return parts if major == 2 else parts.decode()
        if major == 4:
            return self.items(n)
        if major == 5:
            flat = self.items(None if n is None else 2 * n)
            return dict(zip(flat[::2], flat[1::2]))
        return {0: n, 1: -1 - n}[major] if major < 2 else self.item()


def loads(data):
    reader = Reader(data)
    value = reader.item()
    if reader.at != len(data):
        raise ValueError("more behind the CBOR")
    return value
