"""Servers that nobody here wrote, for a Python test: kinesalite and moto (tests/interop/peers.sh installs them).

    with peer.start("moto") as server:     # None where it is not installed
        server.url
"""

import contextlib
import os
import subprocess
import sys

NODE = os.path.join(os.environ["BUILD"], "peers/node/node_modules")
COMMANDS = {
    "kinesalite": ["node", "-e", """
        const server = require("kinesalite")({ createStreamMs: 5, deleteStreamMs: 5, updateStreamMs: 5, shardLimit: 500 });
        server.listen(0, "127.0.0.1", () => console.log(server.address().port));"""],
    "moto": [sys.executable, "-u", "-c", """
import signal
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1])
signal.pause()"""],
}


class Peer:
    def __init__(self, process, port):
        self.process = process
        self.url = f"http://127.0.0.1:{port}"


def is_installed(name):
    if name == "kinesalite":
        return os.path.isdir(os.path.join(NODE, "kinesalite"))
    try:
        import moto  # noqa: F401
    except ImportError:
        return False
    return True


@contextlib.contextmanager
def start(name):
    if not is_installed(name):
        yield None
        return
    process = subprocess.Popen(COMMANDS[name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                               env={**os.environ, "NODE_PATH": NODE})
    try:
        line = process.stdout.readline()
        while line and not line.strip().isdigit():
            line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{name} does not start")
        yield Peer(process, line.strip())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
