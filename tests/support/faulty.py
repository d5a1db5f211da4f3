"""A server that speaks Kinesis' PutRecords and misbehaves as told.

    with faulty.Server(misbehave) as server:
        subprocess.run([..., "--target", server.url])
        server.arrived       # Counter: how often each record's data was accepted

misbehave(server, n, records) is asked about request number n (from 0): what it returns is done.
    None                     the request is accepted
    a set of indices         these records of it are refused, as throttled
    (status, body)           the whole request is refused
    bytes                    are sent as they stand, and the connection closed; nothing is accepted
    faulty.ACCEPT_AND_RESET  it is accepted, but the answer never comes
    faulty.SILENCE           neither an answer nor a close

The stream has `shards` shards of equal ranges; server.shard_of(entry) says where an entry belongs.
server.entries are the request's, as they came, while misbehave is asked.
"""

import base64
import hashlib
import json
import socket
import struct
import threading
from collections import Counter

ACCEPT_AND_RESET = object()
SILENCE = object()
THROTTLED = "ProvisionedThroughputExceededException"


class Server:
    def __init__(self, misbehave, shards=1):
        self.misbehave = misbehave
        self.shards = shards
        self.entries = []
        self.arrived = Counter()
        self.unanswered = set()  # accepted with ACCEPT_AND_RESET: whoever sent them cannot know
        self.requests = 0
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as stream:
            try:
                while self.answer(connection, stream):
                    pass
            except OSError:
                pass

    def answer(self, connection, stream):
        """One request; False when the connection is to be closed."""
        if not stream.readline():
            return False
        length, target = 0, b""
        while (line := stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            elif name.lower() == b"x-amz-target":
                target = value.strip()
        body = json.loads(stream.read(length))
        if target.endswith(b".ListShards"):
            self.reply(connection, 200, json.dumps(self.list_shards()))
            return True
        records = [base64.b64decode(r["Data"]) for r in body["Records"]]
        with self.lock:
            self.entries = body["Records"]
            how = self.misbehave(self, self.requests, records)
            self.requests += 1
            if how is SILENCE:
                pass
            elif isinstance(how, bytes):
                connection.sendall(how)
                return False
            elif isinstance(how, tuple):
                self.reply(connection, how[0], how[1])
                return True
            else:
                return self.take(connection, how, records)
        self.over.wait(60)
        return False

    def take(self, connection, how, records):
        refused = how if isinstance(how, set) else set()
        kept = [record for i, record in enumerate(records) if i not in refused]
        self.arrived.update(kept)
        if how is ACCEPT_AND_RESET:
            self.unanswered.update(kept)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        names = [f"shardId-{self.shard_of(entry):012d}" for entry in self.entries]
        results = [
            {"ErrorCode": THROTTLED, "ErrorMessage": f"Rate exceeded for shard {name} in stream s."}
            if i in refused
            else {"SequenceNumber": "1", "ShardId": name}
            for i, name in enumerate(names)
        ]
        self.reply(connection, 200, json.dumps({"FailedRecordCount": len(refused), "Records": results}))
        return True

    def shard_of(self, entry):
        explicit = entry.get("ExplicitHashKey")
        digest = hashlib.md5(entry["PartitionKey"].encode()).digest()
        return (int(explicit) if explicit else int.from_bytes(digest, "big")) * self.shards >> 128

    def list_shards(self):
        ends = [-(-(i << 128) // self.shards) for i in range(self.shards + 1)]
        return {
            "Shards": [
                {
                    "ShardId": f"shardId-{i:012d}",
                    "HashKeyRange": {"StartingHashKey": str(ends[i]), "EndingHashKey": str(ends[i + 1] - 1)},
                    "SequenceNumberRange": {"StartingSequenceNumber": "1"},
                }
                for i in range(self.shards)
            ]
        }

    @staticmethod
    def reply(connection, status, body):
        body = body.encode()
        connection.sendall(f"HTTP/1.1 {status} As-told\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
