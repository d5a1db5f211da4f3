"""Whose credentials are used: the same as boto3 uses, for a table of environments, against a fake metadata
service, container agent, STS and SSO portal. What goes wrong is said, with what to do; nothing secret is."""

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, "tests/support")
import identity
import tap

HOME = tempfile.mkdtemp(prefix="kinessis-test.")
os.environ["HOME"] = HOME  # before botocore, which looks for the SSO cache at once
import boto3  # noqa: E402
import botocore.exceptions  # noqa: E402
from botocore.config import Config  # noqa: E402

KINESSIS = os.environ["KINESSIS"]
BASE = "[base]\naws_access_key_id = AKIABASEBASEBASE0001\naws_secret_access_key = MarkedSecretBase\n"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAENVIRONMENT00001", "AWS_SECRET_ACCESS_KEY": "MarkedSecretEnvironment"}
PROCESS = os.path.join(HOME, "a process.py")


def write(name, text):
    path = os.path.join(HOME, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    return path


def environment(server, variables=None, config="", credentials=""):
    """The variables of one row, its files written."""
    return {
        **identity.clean(),
        **server.services(),
        "HOME": HOME,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",  # boto3 reads only this one
        "AWS_CONFIG_FILE": write("config", config),
        "AWS_SHARED_CREDENTIALS_FILE": write("credentials", credentials),
        **(variables or {}),
    }


def whoami(server, env, *options):
    process = subprocess.run([KINESSIS, "whoami", "--target", server.url, *options], env=env, capture_output=True,
                             text=True)
    marked = [line for line in (process.stdout + process.stderr).splitlines() if "Marked" in line or "Sanitizer" in line]
    if marked:
        tap.ok(False, "nothing secret is printed, nothing leaks", *marked)
    return process


def kinessis_key(server, env, *options):
    """The access key that signs, or what was said."""
    before = len(server.callers)
    process = whoami(server, env, *options)
    return server.callers[-1] if len(server.callers) > before else process.stderr


def boto3_key(server, env, profile=None):
    saved = dict(os.environ)
    os.environ.clear()
    os.environ.update(env)
    try:
        session = boto3.Session(profile_name=profile)
        before = len(server.callers)
        config = Config(retries={"max_attempts": 0})
        session.client("sts", endpoint_url=server.url, config=config).get_caller_identity()
        return server.callers[-1] if len(server.callers) > before else "nobody"
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, Exception) as error:
        return error
    finally:
        os.environ.clear()
        os.environ.update(saved)


def same(name, server, variables=None, config="", credentials="", profile=None, expected=None):
    """Both choose the same access key; or both refuse, when expected is what is to be said."""
    env = environment(server, variables, config, credentials)
    ours = kinessis_key(server, env, *(["--profile", profile] if profile else []))
    theirs = boto3_key(server, env, profile)
    if expected and isinstance(theirs, Exception):
        tap.ok(expected in ours, f"{name}: both refuse", ours, theirs)
    else:
        tap.equal(ours, theirs if isinstance(theirs, str) else repr(theirs), name)


def refuses(name, server, says, variables=None, config="", credentials="", options=()):
    process = whoami(server, environment(server, variables, config, credentials), *options)
    tap.equal(process.returncode, 1, f"{name}: exit code")
    tap.ok(says in process.stderr, f"{name}: says so", process.stderr, f"no: {says}")


write("web token", "MarkedWebToken")
write("container token", "Bearer MarkedContainer")
write("a process.py", """import json, sys
print(json.dumps({"Version": 1, "AccessKeyId": "AKIAPROCESS" + "".join(sys.argv[1:]), "SecretAccessKey": "MarkedProcess",
                  "SessionToken": "MarkedToken"}))
""")
CACHE = "sso/cache"


def sso_token(name, **members):
    digest = hashlib.sha1(name.encode()).hexdigest()
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 7200))
    token = {"startUrl": "https://x.awsapps.com/start", "region": "us-east-1", "accessToken": "MarkedSsoToken",
             "expiresAt": later, **members}
    return write(f".aws/{CACHE}/{digest}.json", json.dumps(token))


SSO = """[profile new]
sso_session = mine
sso_account_id = 111122223333
sso_role_name = Reader
[sso-session mine]
sso_start_url = https://x.awsapps.com/start
sso_region = us-east-1
[profile old]
sso_start_url = https://old.awsapps.com/start
sso_region = us-east-1
sso_account_id = 111122223333
sso_role_name = Writer
"""
ROLES = BASE.replace("[base]", "[profile base]") + """
[profile role]
role_arn = arn:aws:iam::123456789012:role/first
source_profile = base
external_id = 42=&
duration_seconds = 900
role_session_name = me@here
[profile second]
role_arn = arn:aws:iam::123456789012:role/second
source_profile = role
[profile itself]
role_arn = arn:aws:iam::123456789012:role/itself
source_profile = itself
aws_access_key_id = AKIAITSELFITSELF0001
aws_secret_access_key = MarkedItself
[profile from-itself]
role_arn = arn:aws:iam::123456789012:role/from
source_profile = itself
[profile environment]
role_arn = arn:aws:iam::123456789012:role/environment
credential_source = Environment
[profile container]
role_arn = arn:aws:iam::123456789012:role/container
credential_source = EcsContainer
[profile instance]
role_arn = arn:aws:iam::123456789012:role/instance
credential_source = Ec2InstanceMetadata
[profile web]
role_arn = arn:aws:iam::123456789012:role/web
web_identity_token_file = %(web)s
[profile from-web]
role_arn = arn:aws:iam::123456789012:role/from-web
source_profile = web
[profile from-process]
role_arn = arn:aws:iam::123456789012:role/from-process
source_profile = process
[profile process]
credential_process = %(python)s "%(process)s" 'A B' C\\ D ""
[profile process-and-keys]
credential_process = %(python)s "%(process)s" 1
aws_access_key_id = AKIABESIDEPROCESS001
aws_secret_access_key = MarkedBeside
[profile circle]
role_arn = arn:aws:iam::123456789012:role/a
source_profile = circle2
[profile circle2]
role_arn = arn:aws:iam::123456789012:role/b
source_profile = circle
[profile self]
role_arn = arn:aws:iam::123456789012:role/a
source_profile = self
[profile lost]
role_arn = arn:aws:iam::123456789012:role/a
source_profile = nobody
[profile neither]
role_arn = arn:aws:iam::123456789012:role/a
[profile both]
role_arn = arn:aws:iam::123456789012:role/a
source_profile = base
credential_source = Environment
[profile odd]
role_arn = arn:aws:iam::123456789012:role/a
credential_source = Elsewhere
[profile empty]
output = json
[profile mfa]
role_arn = arn:aws:iam::123456789012:role/a
source_profile = base
mfa_serial = arn:aws:iam::123456789012:mfa/me
""" % {"web": os.path.join(HOME, "web token"), "process": PROCESS, "python": sys.executable}
WEB = {"AWS_WEB_IDENTITY_TOKEN_FILE": os.path.join(HOME, "web token"), "AWS_ROLE_ARN": "arn:aws:iam::1:role/env"}


def agree(server):
    """The table of environments."""
    container = server.container()
    same("environment", server, KEYS)
    same("environment before files", server, KEYS, credentials=BASE.replace("base", "default"))
    same("default profile of the credentials file", server, credentials=BASE.replace("base", "default"))
    same("AWS_PROFILE", server, {"AWS_PROFILE": "base"}, credentials=BASE)
    same("environment before AWS_PROFILE", server, {**KEYS, "AWS_PROFILE": "base"}, credentials=BASE)
    same("a profile by name before the environment", server, KEYS, credentials=BASE, profile="base")
    same("keys of the config file", server, config=ROLES, profile="base")
    same("credentials file before config file", server, config=ROLES, profile="base",
         credentials="[base]\naws_access_key_id = AKIAOTHEROTHEROTHER1\naws_secret_access_key = MarkedOther\n")
    for profile in ("role", "second", "itself", "from-itself", "environment", "container", "instance", "web",
                    "from-web", "process", "from-process", "process-and-keys"):
        variables = {**container, **server.imds(), **(KEYS if profile == "environment" else {})}
        same(f"profile {profile}", server, variables, ROLES, profile=profile)
    same("a role before keys of the same profile", server, credentials=BASE, profile="base",
         config="[profile base]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = base\n")
    same("web identity of the environment", server, WEB)
    same("environment before web identity", server, {**KEYS, **WEB})
    same("web identity before a profile's keys", server, WEB, credentials=BASE.replace("base", "default"))
    same("a profile by name before web identity", server, WEB, credentials=BASE, profile="base")
    sso_token("mine")
    sso_token("https://old.awsapps.com/start")
    same("SSO session", server, config=SSO, profile="new")
    same("SSO without a session", server, config=SSO, profile="old")
    same("SSO before keys", server, config=SSO, profile="new", credentials=BASE.replace("base", "new"))
    same("container", server, {**container, **server.imds()})
    server.authorization = "MarkedAuthorization"
    same("container with a token", server, {**container, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "MarkedAuthorization"})
    server.authorization = "Bearer MarkedContainer"
    same("container with a token's file", server,
         {**container, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "MarkedAuthorization",
          "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": os.path.join(HOME, "container token")})
    server.authorization = None
    same("a profile without credentials, then container", server, container, ROLES, profile="empty")
    same("instance metadata", server, server.imds())
    same("a profile's name of two words", server, config="[profile 'two words']\n", profile="two words",
         credentials=BASE.replace("base", "two words"))
    same("AWS_PROFILE that is not there, beside keys", server, {**KEYS, "AWS_PROFILE": "nobody"}, config=ROLES,
         expected="there is no profile 'nobody'")
    for profile, says in (("circle", "circle"), ("self", "circle"), ("lost", "no profile 'nobody'"),
                          ("neither", "neither source_profile nor credential_source"),
                          ("both", "both source_profile and credential_source"), ("odd", "can be Environment"),
                          ("nobody", "there is no profile 'nobody'"), ("empty", "profile empty (has no credentials)")):
        same(f"profile {profile}", server, config=ROLES, profile=profile, expected=says)
    same("half a pair", server, credentials="[default]\naws_access_key_id = AKIAHALF\n",
         expected="no aws_secret_access_key")
    same("a file that is malformed", server, config="[default\n", expected="line 1: the section's name has no ]")


def complain(server):
    """What goes wrong, and what is said about it."""
    container = server.container()
    refuses("nothing at all", server, "AWS_EC2_METADATA_DISABLED")
    refuses("a profile that is missing", server, "there are: base", {"AWS_PROFILE": "prod"}, credentials=BASE)
    env = environment(server, {"AWS_PROFILE": "prod", "AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, credentials=BASE)
    process = subprocess.run([KINESSIS, "whoami"], env=env, capture_output=True, text=True)
    tap.ok("there are: base" in process.stderr, "it is not its region that is missing", process.stderr)
    nowhere = {"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}
    env = environment(server, {**KEYS, **nowhere})
    process = subprocess.run([KINESSIS, "whoami"], env=env, capture_output=True, text=True)
    tap.ok(
        process.returncode == 1
        and re.search(r"^credentials +environment\n(.+\n)*region +not known$", process.stdout, re.M)
        and "no AWS region" in process.stderr,
        "without a region, the credentials and the error",
        process.stdout + process.stderr,
    )
    process = subprocess.run([KINESSIS, "whoami", "--json"], env=env, capture_output=True, text=True)
    found = json.loads(process.stdout or "{}")
    tap.equal(
        (process.returncode, found.get("credentials"), found.get("region"), found.get("endpoints")),
        (1, "environment", None, {}),
        "the same for programs",
    )
    tap.ok(KEYS["AWS_SECRET_ACCESS_KEY"] not in process.stdout + process.stderr, "and no secret")
    process = subprocess.run([KINESSIS, "whoami"], env=environment(server, nowhere), capture_output=True, text=True)
    tap.ok(process.returncode == 1 and process.stdout == "", "neither region nor credentials", process.stdout)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        refuses(f"{name} with a line break", server, f"{name} holds a line break",
                {**KEYS, name: "MarkedBroken\r\nx-evil: 1"})
    refuses("MFA", server, "aws configure export-credentials --profile mfa", config=ROLES, options=["--profile", "mfa"])
    refuses("a circle", server, "circle <- circle2 <- circle", config=ROLES, options=["--profile", "circle"])
    server.status["AssumeRole"] = 403
    refuses("a role that may not be assumed", server,
            "profile role: role arn:aws:iam::123456789012:role/first with the credentials of profile base of the config",
            config=ROLES, options=["--profile", "role"])
    server.status["container"] = 500
    refuses("a container agent that fails", server, "AWS_CONTAINER_CREDENTIALS_FULL_URI: it answered with status 500",
            container)
    server.status["imds token"] = 403
    refuses("metadata that gives no token", server, "gives no session token: status 403", server.imds())
    server.status.clear()
    roles, server.roles = server.roles, set()
    refuses("an instance without a role", server, "the instance has no role", server.imds())
    server.roles = roles
    refuses("nobody at the metadata's address", server, "instance metadata (",
            {**server.imds(), "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        refuses("metadata that does not answer", server, "a container needs a hop limit of 2",
                {**server.imds(), "AWS_EC2_METADATA_SERVICE_ENDPOINT": address})
    refuses("a foreign host", server, "use https", {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://192.0.2.1/x"})
    refuses("a web token that is missing", server, "nowhere", {**WEB, "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere"})
    server.web_tokens.clear()
    refuses("a web token that is refused", server, "InvalidIdentityToken", WEB)
    server.web_tokens.add("MarkedWebToken")

    def process(command):
        return f"[default]\ncredential_process = {command}\n"

    refuses("a process that fails", server, "exit code 3", config=process("sh -c 'echo because >&2; exit 3'"))
    refuses("and its own words", server, "because", config=process("sh -c 'echo because >&2; exit 3'"))
    refuses("a process that is not there", server, "cannot run /nowhere/x: No such file", config=process("/nowhere/x"))
    refuses("a process that prints something else", server, "is not JSON", config=process("echo hello"))
    refuses("another version", server, "Version", config=process("""echo '{"Version": 2}'"""))
    refuses("no key", server, "no AccessKeyId", config=process("""echo '{"Version": 1}'"""))
    refuses("an expiry that is no time", server, "its Expiration is not a time", config=process(
        """echo '{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "Expiration": 1e300}'"""))
    refuses("a quote without end", server, "a quote in the command does not end", config=process("echo 'x"))


def sso(server):
    """The login's token: stale, refreshed, refused."""
    new = ["--profile", "new"]
    past = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 300))
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 7200))
    client = {"clientId": "id", "clientSecret": "MarkedClient", "registrationExpiresAt": later}
    sso_token("mine", expiresAt=past)
    refuses("a stale login", server, "has expired: run `aws sso login --profile new`", config=SSO, options=new)
    path = sso_token("mine", expiresAt=past, refreshToken="MarkedRefresh", **client)
    env = environment(server, config=SSO)
    tap.equal(whoami(server, env, *new).returncode, 0, "a stale login that can be refreshed")
    with open(path) as file:
        kept = json.load(file)
    tap.equal((kept["accessToken"], kept["refreshToken"], kept["clientId"]),
              ("MarkedSsoTokenAnew", "MarkedRefreshAnew", "id"), "the new one is kept for others")
    tap.ok(kept["expiresAt"] > later, "with its expiry", kept["expiresAt"])
    tap.equal(os.stat(path).st_mode & 0o777, 0o600, "for nobody else")
    asked = server.counts["oidc"]
    tap.equal((whoami(server, env, *new).returncode, server.counts["oidc"]), (0, asked), "then it is not asked again")
    sso_token("mine", expiresAt=past, refreshToken="MarkedWrong", **client)
    refuses("a refresh that is refused", server, "aws sso login --profile new", config=SSO, options=new)
    sso_token("mine", expiresAt=soon, refreshToken="MarkedWrong", **client)
    process = whoami(server, env, *new)
    tap.ok(process.returncode == 0 and "could not be refreshed" in process.stderr,
           "one that still lives is used, with a warning", process.stderr)
    sso_token("mine", accessToken="MarkedGone")
    refuses("a login that the portal does not know", server, "is not valid any more: run `aws sso login", config=SSO,
            options=new)
    os.remove(path)
    refuses("no login", server, "has not been made: run `aws sso login", config=SSO, options=new)
    refuses("a session that is missing", server, "there is no [sso-session mine]",
            config=SSO.replace("[sso-session mine]", "[sso-session yours]"), options=new)


def output(server):
    """What whoami prints."""
    env = environment(server, server.container())
    found = json.loads(whoami(server, env, "--json").stdout)
    key = server.callers[-1]
    tap.equal(found["arn"], f"arn:aws:iam::123456789012:user/{key}", "JSON: ARN")
    tap.equal(found["access_key"], f"{key[:4]}...{key[-4:]}", "the ends of the access key")
    tap.equal(found["credentials"], f"container: {server.url}/container", "where they come from, without a query")
    tap.equal((found["region"], found["region_from"]), ("eu-west-1", "AWS_REGION"), "the region")
    tap.ok(found["expires"].endswith("Z"), "the expiry", found["expires"])
    tap.equal(found["endpoints"]["kinesis"], server.url, "the endpoints")
    text = whoami(server, environment(server, config=ROLES), "--profile", "second").stdout
    tap.ok("profile second: role arn:aws:iam::123456789012:role/second from profile role: role "
           "arn:aws:iam::123456789012:role/first from profile base of the config file" in text, "a chain", text)
    server.counts.clear()
    whoami(server, environment(server, config=ROLES), "--profile", "role")
    tap.equal(server.counts["AssumeRole"], 1, "a role is assumed once")
    tap.ok("account      123456789012\n" in text and "region       eu-west-1 (AWS_REGION)\n" in text, "text", text)
    env = {**environment(server, KEYS, "[default]\nregion = ap-south-1\nservices = s\n[services s]\nkinesis =\n"
                                       f"  endpoint_url = {server.url}/\n"), "AWS_REGION": "", "AWS_DEFAULT_REGION": ""}
    process = subprocess.run([KINESSIS, "whoami", "--json"], env=env, capture_output=True, text=True)
    found = json.loads(process.stdout)
    tap.equal((found["region"], found["region_from"]), ("ap-south-1", "profile"), "the profile's region")
    tap.equal((found["endpoints"]["kinesis"], found["endpoints"]["s3"]),
              (server.url, "https://s3.ap-south-1.amazonaws.com"), "a service's own endpoint")
    write("web token", "MarkedWebToken\n")
    tap.equal(whoami(server, environment(server, WEB)).returncode, 0, "a web token that ends in a line break")
    server.status["GetCallerIdentity"] = 403
    process = whoami(server, environment(server, KEYS))
    tap.ok(process.returncode == 1 and "environment" in process.stdout, "without STS, what is known, and exit 1",
           process.stdout, process.stderr)
    server.status.clear()


with identity.Server() as fake:
    agree(fake)
    complain(fake)
    sso(fake)
    output(fake)
shutil.rmtree(HOME)
tap.done()
