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
"""

import base64
import json
import socket
import struct
import threading
from collections import Counter

ACCEPT_AND_RESET = object()
SILENCE = object()
THROTTLED = "ProvisionedThroughputExceededException"


class Server:
    def __init__(self, misbehave):
        self.misbehave = misbehave
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
        length = 0
        while (line := stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        records = [base64.b64decode(r["Data"]) for r in json.loads(stream.read(length))["Records"]]
        with self.lock:
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
        results = [
            {"ErrorCode": THROTTLED, "ErrorMessage": "as told"} if i in refused else {"SequenceNumber": "1", "ShardId": "s"}
            for i in range(len(records))
        ]
        self.reply(connection, 200, json.dumps({"FailedRecordCount": len(refused), "Records": results}))
        return True

    @staticmethod
    def reply(connection, status, body):
        body = body.encode()
        connection.sendall(f"HTTP/1.1 {status} As-told\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
