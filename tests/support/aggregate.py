"""Aggregated records, written by hand from the format's description (the program's own writer is not used here)."""

import hashlib


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    return varint(number << 3 | 2) + varint(len(value)) + value


def aggregate(records):
    """records: pairs of partition key and data, in bytes."""
    keys = sorted({key for key, _ in records})
    message = b"".join(field(1, key) for key in keys)
    for key, data in records:
        message += field(3, b"\x08" + varint(keys.index(key)) + field(3, data))
    return b"\xf3\x89\x9a\xc2" + message + hashlib.md5(message).digest()
