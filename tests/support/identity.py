"""Whoever gives credentials, as one fake server: IMDSv2, a container agent, STS, the SSO portal and its OIDC,
and enough of Kinesis to see who signs.

    with identity.Server() as server:
        subprocess.run([..., "--target", server.url], env={**identity.clean(), **server.services()})
        server.counts["container"]    # how often it was asked
        server.callers                # the access keys of GetCallerIdentity, in order
        server.arrived                # Counter: how often each record's data was accepted

Access keys follow from what was asked (so two clients that ask the same get the same), or are numbered when
`numbered` is set. `lifetime` is what they live, in seconds. Requests that are signed with keys that have
expired, or that are in `revoked`, are refused as services do. Every secret holds the word Marked.
"""

import base64
import hashlib
import json
import os
import threading
import time
import urllib.parse
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

XML = '<{0}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{0}Result>{1}</{0}Result></{0}Response>'


def clean():
    """The environment without anything about AWS, and never this machine's metadata service."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, "AWS_EC2_METADATA_DISABLED": "true"}


class Server:
    def __init__(self):
        self.counts = Counter()
        self.callers = []
        self.arrived = Counter()
        self.signers = []  # of each PutRecords that was accepted
        self.keys = {}  # access key -> (session token or None, expiry or None)
        self.revoked = set()
        self.revoke_next = 0  # so many requests of Kinesis revoke the key that signed them
        self.numbered = False
        self.lifetime = 3600
        self.at_most = None  # credentials that the container agent gives before it answers 400
        self.authorization = None  # that the container agent asks for
        self.status = {}  # route -> the status to refuse with
        self.roles = {"the-role"}  # of the instance
        self.sso_tokens = {"MarkedSsoToken"}
        self.web_tokens = {"MarkedWebToken"}
        self.lock = threading.Lock()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"server_": self}))
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()

    def services(self):
        """The variables that send clients here."""
        return {f"AWS_ENDPOINT_URL_{name}": self.url for name in ("STS", "SSO", "SSO_OIDC")}

    def imds(self):
        return {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url}

    def container(self):
        return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": self.url + "/container?id=1"}

    def issue(self, *asked):
        number = self.counts["issued"] if self.numbered else 0
        self.counts["issued"] += 1
        digest = hashlib.sha1(repr((asked, number)).encode()).hexdigest().upper()
        key, token = "ASIA" + digest[:16], "MarkedToken" + digest
        expiry = time.time() + self.lifetime
        self.keys[key] = (token, expiry)
        return {
            "AccessKeyId": key,
            "SecretAccessKey": "MarkedSecret" + digest[:8],
            "Token": token,
            "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(expiry)),
            "milliseconds": int(expiry * 1000),
        }

    def refusal(self, key, token):
        """Why a request so signed is refused; None when it is not."""
        known = self.keys.get(key)
        if known and known[0] != token:
            return "UnrecognizedClientException"
        if key in self.revoked or (known and known[1] < time.time() - 1):
            return "ExpiredTokenException"
        return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_ = None

    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=()):
        body = body if isinstance(body, str) else json.dumps(body)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def handle_one(self):
        s = self.server_
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        with s.lock:
            self.route(s, path, query, body)

    do_GET = do_POST = do_PUT = handle_one

    def route(self, s, path, query, body):
        if path == "/latest/api/token":
            self.imds_token(s)
        elif path.startswith("/latest/meta-data/iam/security-credentials/"):
            self.imds(s, path.rpartition("/")[2])
        elif path == "/container":
            self.container(s)
        elif path == "/federation/credentials":
            self.portal(s, query)
        elif path == "/token":
            self.oidc(s, json.loads(body))
        elif self.headers.get("X-Amz-Target", "").startswith("Kinesis_20131202."):
            self.kinesis(s, self.headers["X-Amz-Target"].partition(".")[2], json.loads(body))
        else:
            self.sts(s, dict(urllib.parse.parse_qsl(body.decode())))

    def refused(self, s, route):
        s.counts[route] += 1
        if route not in s.status:
            return False
        self.answer(s.status[route], {"message": "as told"})
        return True

    def signer(self):
        authorization = self.headers.get("Authorization", "")
        return authorization.partition("Credential=")[2].partition("/")[0], self.headers.get("X-Amz-Security-Token")

    def imds_token(self, s):
        if self.refused(s, "imds token"):
            return
        if self.command != "PUT" or not self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "").isdigit():
            return self.answer(400, "")
        self.answer(200, "MarkedImdsToken")

    def imds(self, s, role):
        if self.refused(s, "imds role" if role else "imds"):
            return
        if self.headers.get("X-aws-ec2-metadata-token") != "MarkedImdsToken":
            return self.answer(401, "")
        if not role:
            return self.answer(200 if s.roles else 404, "\n".join(s.roles))
        issued = s.issue("imds", role)
        self.answer(200, {"Code": "Success", "Type": "AWS-HMAC", **issued})

    def container(self, s):
        if self.refused(s, "container"):
            return
        if self.headers.get("Authorization") != s.authorization:
            return self.answer(401, {"code": "Unauthorized", "message": "who are you?"})
        if s.at_most is not None and s.counts["issued"] >= s.at_most:
            return self.answer(400, "")
        self.answer(200, s.issue("container"))

    def portal(self, s, query):
        if self.refused(s, "sso"):
            return
        if self.headers.get("x-amz-sso_bearer_token") not in s.sso_tokens:
            return self.answer(401, {"message": "Session token not found or invalid"},
                               [("x-amzn-ErrorType", "UnauthorizedException")])
        asked = dict(urllib.parse.parse_qsl(query))
        issued = s.issue("sso", asked["role_name"], asked["account_id"])
        self.answer(200, {"roleCredentials": {
            "accessKeyId": issued["AccessKeyId"],
            "secretAccessKey": issued["SecretAccessKey"],
            "sessionToken": issued["Token"],
            "expiration": issued["milliseconds"],
        }})

    def oidc(self, s, asked):
        if self.refused(s, "oidc"):
            return
        if asked["grantType"] != "refresh_token" or asked["refreshToken"] != "MarkedRefresh":
            return self.answer(400, {"error": "invalid_grant"})
        s.sso_tokens.add("MarkedSsoTokenAnew")
        self.answer(200, {"accessToken": "MarkedSsoTokenAnew", "tokenType": "Bearer", "expiresIn": 28800,
                          "refreshToken": "MarkedRefreshAnew"})

    def sts(self, s, form):
        action = form.get("Action", "none")
        if self.refused(s, action):
            return
        key, token = self.signer()
        problem = s.refusal(key, token)
        if action == "AssumeRoleWithWebIdentity" and form["WebIdentityToken"] not in s.web_tokens or key and problem:
            return self.answer(400, "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidIdentityToken</Code>"
                                    "<Message>no</Message></Error></ErrorResponse>")
        if action == "GetCallerIdentity":
            s.callers.append(key)
            return self.answer(200, XML.format(action, f"<Arn>arn:aws:iam::123456789012:user/{key}</Arn><UserId>{key}"
                                                       "</UserId><Account>123456789012</Account>"))
        named = {"AssumeRole": ("ExternalId", "DurationSeconds"), "AssumeRoleWithWebIdentity": ()}[action]
        if not form["RoleSessionName"]:
            return self.answer(400, "<no session/>")
        issued = s.issue(action, key, form["RoleArn"], *(form.get(name) for name in named))
        self.answer(200, XML.format(action, f"<Credentials><AccessKeyId>{issued['AccessKeyId']}</AccessKeyId>"
                                            f"<SecretAccessKey>{issued['SecretAccessKey']}</SecretAccessKey>"
                                            f"<SessionToken>{issued['Token']}</SessionToken>"
                                            f"<Expiration>{issued['Expiration']}</Expiration></Credentials>"))

    def kinesis(self, s, operation, body):
        s.counts[operation] += 1
        key, token = self.signer()
        if s.revoke_next and key not in s.revoked:
            s.revoke_next -= 1
            s.revoked.add(key)
        problem = s.refusal(key, token)
        if problem:
            s.counts[problem] += 1
            return self.answer(400, {"__type": problem, "message": "The security token included in the request is bad"})
        if operation != "PutRecords":
            return self.answer(400, {"__type": "ResourceNotFoundException", "message": "only PutRecords is here"})
        s.signers.append(key)
        for record in body["Records"]:
            s.arrived[base64.b64decode(record["Data"])] += 1
        results = [{"SequenceNumber": "1", "ShardId": "shardId-000000000000"} for _ in body["Records"]]
        self.answer(200, {"FailedRecordCount": 0, "Records": results})
