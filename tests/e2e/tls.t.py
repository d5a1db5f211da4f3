"""TLS and proxies: a server whose certificate nobody has signed is refused, unless it is trusted or --insecure says so,
loudly; requests go through the proxy that the environment names, whose password is in no message."""

import base64
import datetime
import http.server
import ipaddress
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, "tests/support")
import tap

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
except ImportError as error:
    tap.skip_all(f"cryptography is not installed: {error}")

KINESSIS = os.environ["KINESSIS"]
NAME = "kinesis.invalid"  # no resolver knows it: only a proxy reaches it
PASSWORD = "hush-hush"
folder = tempfile.mkdtemp(prefix="kinessis-test.")


def certify(path):
    """A self-signed certificate of 127.0.0.1 and NAME, and its key, in two files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kinessis test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.DNSName(NAME), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    with open(path + ".pem", "wb") as file:
        file.write(certificate.public_bytes(serialization.Encoding.PEM))
    with open(path + ".key", "wb") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )


class Kinesis(http.server.BaseHTTPRequestHandler):
    """Answers what the tests ask; also speaks as a proxy for http:// URLs."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, self.headers.get("Proxy-Authorization")))
        reply = {"StreamNames": ["over", "there"], "HasMoreStreams": False}
        if self.headers["X-Amz-Target"].endswith(".PutRecords"):
            results = [{"SequenceNumber": "1", "ShardId": "shardId-000000000000"}] * len(body["Records"])
            reply = {"FailedRecordCount": 0, "Records": results}
        text = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Proxy(http.server.BaseHTTPRequestHandler):
    """CONNECT with a password, always to the one server behind it."""

    def do_CONNECT(self):
        self.server.seen.append(self.path)
        expected = "Basic " + base64.b64encode(f"user:{PASSWORD}".encode()).decode()
        if self.headers.get("Proxy-Authorization") != expected:
            self.send_response(407)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        with socket.create_connection(("127.0.0.1", self.server.behind)) as onward:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=self.pump, args=(onward, self.connection))
            back.start()
            self.pump(self.connection, onward)
            back.join()
        self.close_connection = True

    @staticmethod
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def log_message(self, *_):
        pass


def serve(handler, context=None, **fields):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.handle_error = lambda *_: None  # a handshake that the client gave up
    server.daemon_threads = True
    server.seen = []
    vars(server).update(fields)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


clean = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith("AWS_") and not name.lower().endswith("_proxy") and name != "REQUEST_METHOD"
}
clean.update(
    AWS_CONFIG_FILE=folder + "/config",
    AWS_SHARED_CREDENTIALS_FILE="/dev/null",
    AWS_ACCESS_KEY_ID="AKID",
    AWS_SECRET_ACCESS_KEY="secret",
    AWS_REGION="eu-west-1",
    AWS_MAX_ATTEMPTS="1",
)

SCRIPT = """
local reply, err = require("kinessis").aws.kinesis({ endpoint = (...), verify = select(2, ...) ~= "no" }):list_streams()
print(reply and table.concat(reply.StreamNames, " ") or err)
"""
with open(folder + "/list.lua", "w") as file:
    file.write(SCRIPT)


def run(*arguments, **environment):
    done = subprocess.run([KINESSIS, *arguments], env={**clean, **environment}, capture_output=True, text=True)
    return done.stdout + done.stderr


def ask(url, *more, **environment):
    return run("lua", folder + "/list.lua", url, *more, **environment)


try:
    certify(folder + "/server")
    certify(folder + "/other")
    with open(folder + "/config", "w") as file:
        file.write(f"[profile trusting]\nca_bundle = {folder}/server.pem\n")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder + "/server.pem", folder + "/server.key")
    server = serve(Kinesis, context)
    url = f"https://127.0.0.1:{server.server_port}"
    trusted = {"AWS_CA_BUNDLE": folder + "/server.pem"}

    answer = ask(url)
    tap.ok("certificate" in answer and "over there" not in answer, "a certificate that nobody signed", answer)
    tap.equal(ask(url, **trusted), "over there\n", "trusted by AWS_CA_BUNDLE")
    tap.equal(ask(url, AWS_PROFILE="trusting"), "over there\n", "trusted by the profile's ca_bundle")
    answer = ask(url, AWS_CA_BUNDLE=folder + "/other.pem", AWS_PROFILE="trusting")
    tap.ok("over there" not in answer, "the environment wins over the profile", answer)
    answer = ask(url, AWS_CA_BUNDLE=folder + "/absent.pem")
    tap.ok("absent.pem (AWS_CA_BUNDLE" in answer and "over there" not in answer, "a bundle that is absent is named", answer)
    answer = ask(f"https://localhost:{server.server_port}", **trusted)
    tap.ok("over there" not in answer and "BUNDLE" not in answer, "another name than the certificate's", answer)
    answer = ask(url, "no")
    tap.ok("over there" in answer, "verify = false believes it", answer)
    tap.ok(f"WARNING - The certificate of {url} is not verified" in answer, "and says so", answer)

    def quickstart(*options, **environment):
        return run("run", "scripts/quickstart.lua", "--amount", "5", "--target", url, *options, **environment)

    answer = quickstart()
    tap.ok("certificate (AWS_CA_BUNDLE names a file of" in answer and "0 delivered" in answer, "a run is refused, too",
           answer)
    tap.ok("no server answers" not in answer, "by somebody who answers", answer)
    answer = quickstart("--insecure")
    tap.ok("5 delivered" in answer, "--insecure lets it pass", answer)
    tap.ok("WARNING - --insecure: TLS certificates are not verified" in answer, "and says so", answer)
    answer = quickstart(**trusted)
    tap.ok("5 delivered" in answer and "WARNING" not in answer, "a trusted server needs no warning", answer)
    answer = run("run", "scripts/quickstart.lua", "--insecure")
    tap.ok("the lake is reached without TLS" in answer, "--insecure has no meaning for the lake", answer)

    # proxies
    proxy = serve(Proxy, behind=server.server_port)
    good = f"http://user:{PASSWORD}@127.0.0.1:{proxy.server_port}"
    remote = f"https://{NAME}"
    for variable in ("https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        proxy.seen.clear()
        tap.equal(ask(remote, **trusted, **{variable: good}), "over there\n", f"through {variable}")
        tap.equal(proxy.seen, [NAME + ":443"], "... as a tunnel")
    answer = ask(remote, HTTPS_PROXY=good)
    tap.ok("over there" not in answer and "certificate" in answer, "TLS is verified through a proxy, too", answer)
    proxy.seen.clear()
    tap.equal(ask(url, **trusted, HTTPS_PROXY=good), "over there\n", "this machine")
    tap.equal(proxy.seen, [], "... is reached without it")
    for exception in (NAME, ".invalid", "*"):
        answer = ask(remote, **trusted, HTTPS_PROXY=good, NO_PROXY=exception)
        tap.ok("over there" not in answer and proxy.seen == [], f"not for NO_PROXY={exception}", answer)

    plain = serve(Kinesis)
    through = f"http://user:{PASSWORD}@127.0.0.1:{plain.server_port}"
    for variable in ("http_proxy", "HTTP_PROXY"):
        plain.seen.clear()
        tap.equal(ask(f"http://{NAME}", **{variable: through}), "over there\n", f"http through {variable}")
        tap.equal(plain.seen[0][0], f"http://{NAME}/", "... as a request to a proxy")
    plain.seen.clear()
    ask(f"http://{NAME}", HTTP_PROXY=through, REQUEST_METHOD="GET")
    tap.equal(plain.seen, [], "within CGI HTTP_PROXY is a client's header, and not believed")

    for bad, what in (
        (good.replace("user:", "nobody:"), "a proxy that refuses the password"),
        (good.replace("127.0.0.1", "proxy.invalid"), "a proxy that has no address"),
        (f"http://user:{PASSWORD}@127.0.0.1:port", "a proxy whose URL is wrong"),
        (f"gopher://user:{PASSWORD}@127.0.0.1:1", "a proxy of another kind"),
    ):
        answer = ask(remote, **trusted, HTTPS_PROXY=bad)
        tap.ok("proxy" in answer.lower() or "CONNECT" in answer, what, answer)
        tap.ok(PASSWORD not in answer and "over there" not in answer, "... its password is not shown", answer)
finally:
    shutil.rmtree(folder, ignore_errors=True)
tap.done()
