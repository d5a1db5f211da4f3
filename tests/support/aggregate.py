"""Aggregated records, written and read by hand from the format's description (the program's own code is not used)."""

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


def take_varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def fields(data):
    """(number, value) of each field of a message: integers, or bytes."""
    at = 0
    while at < len(data):
        tag, at = take_varint(data, at)
        value, at = take_varint(data, at)
        if tag & 7 == 2:
            value, at = data[at : at + value], at + value
        yield tag >> 3, value


def hash_key(key, explicit=None):
    return int(explicit) if explicit else int.from_bytes(hashlib.md5(key).digest(), "big")


def read(key, data, explicit=None):
    """The user records of a stream's record: (hash key, data) each; and whether it is an aggregate."""
    if data[:4] != b"\xf3\x89\x9a\xc2" or hashlib.md5(data[4:-16]).digest() != data[-16:]:
        return [(hash_key(key, explicit), data)], False
    keys, hashes, found = [], [], []
    for number, value in fields(data[4:-16]):
        if number == 1:
            keys.append(value)
        elif number == 2:
            hashes.append(value)
        elif number == 3:
            record = dict(fields(value))
            found.append((hash_key(keys[record[1]], hashes[record[2]] if 2 in record else None), record[3]))
    return found, True
