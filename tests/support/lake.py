"""A lake of its own for a Python test, and boto3 clients for it.

    with lake.Lake() as pond:
        pond.client("kinesis").list_streams()
        pond.kill()      # kill -9
        pond.start()     # on the same folder
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

KINESSIS = os.environ["KINESSIS"]


class Lake:
    def __init__(self, *options):
        self.options = options
        self.folder = tempfile.mkdtemp(prefix="kinessis-test.")
        self.process = None
        self.start()

    def start(self):
        """Starts the program on the folder and waits until it serves."""
        self.process = subprocess.Popen(
            [KINESSIS, "lake", "--port", "0", "--data", self.folder, *self.options],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with open(os.path.join(self.folder, "lake.json")) as file:
                    found = json.load(file)
                if found["pid"] == self.process.pid:
                    self.port = found["port"]
                    return
            except (FileNotFoundError, json.JSONDecodeError):
                pass
            if self.process.poll() is not None:
                raise RuntimeError(f"the lake ended with {self.process.returncode}")
            time.sleep(0.01)
        raise RuntimeError("the lake did not start")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def stop(self, how=signal.SIGTERM):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(timeout=60)
        self.process = None
        return code

    def kill(self):
        self.stop(signal.SIGKILL)

    def client(self, service, **config):
        import boto3
        from botocore.config import Config

        options = {"retries": {"max_attempts": 0}, **config}
        if service == "s3":
            options.setdefault("s3", {"addressing_style": "path"})
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="lake",
            aws_secret_access_key="lake",
            config=Config(**options),
        )

    def run(self, *arguments, **options):
        """Runs the program on the same folder; returns what it printed."""
        return subprocess.run(
            [KINESSIS, *arguments, "--data", self.folder], check=True, capture_output=True, text=True, **options
        ).stdout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            if self.process is not None:
                self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
