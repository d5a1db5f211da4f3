"""scripts/shop.lua and scripts/users.lua: keys that resolve across two scenarios, sessions in order, in parts."""

import collections
import json
import os
import subprocess
import sys

sys.path.insert(0, "tests/support")
import tap

KINESSIS = os.environ["KINESSIS"]
EVENTS = 50000


def generate(script, *arguments):
    command = [KINESSIS, "generate", f"scripts/{script}.lua", "--seed", "11", "-q", *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.splitlines()


users = {user["id"]: user for user in map(json.loads, generate("users"))}
lines = generate("shop", "-n", EVENTS)
events = [json.loads(line) for line in lines]

tap.equal(len(users), 6000, "the table of users")
unresolved = [e for e in events if e["user_id"] not in users]
tap.equal(unresolved[:3], [], "every event refers to one of them")
tap.equal([e for e in events if users[e["user_id"]]["email"] != e["email"]][:3], [], "by the same email")
tap.equal([e for e in events if users[e["user_id"]]["registered"] > e["happened"]][:3], [], "after they registered")

sessions = collections.defaultdict(list)
for event in events:
    sessions[event["session"]].append(event)
follows = {("view", "view"), ("view", "cart"), ("cart", "view"), ("cart", "purchase")}
wrong = []
for name, session in sessions.items():
    steps = [e["event"] for e in session]
    if [e["position"] for e in session] != list(range(1, len(session) + 1)):
        wrong.append((name, "positions"))
    if steps[0] != "view" or any(pair not in follows for pair in zip(steps, steps[1:])):
        wrong.append((name, steps))
    if len({(e["user_id"], e["device"]) for e in session}) != 1:
        wrong.append((name, "changes its user or device"))
    if sorted(session, key=lambda e: e["happened"]) != session:
        wrong.append((name, "goes back in time"))
    if any((e["order_id"] is None) != (e["event"] != "purchase") for e in session):
        wrong.append((name, "an order without a purchase"))
tap.equal(wrong[:3], [], f"{len(sessions)} sessions are ordered")
busiest = collections.Counter(e["user_id"] for e in events).most_common(60)
tap.ok(sum(count for _, count in busiest) > EVENTS / 2, "1 % of the users make half of the events", busiest[:3])

tap.equal(generate("shop", "-n", 10, "--from", 45000), lines[45000:45010], "--from")
parts = [line for k in (1, 2, 3, 4) for line in generate("shop", "-n", EVENTS, "--part", f"{k}/4", "--workers", k)]
tap.ok(parts == lines, "four parts by one to four workers are the whole")
far = generate("shop", "-n", 1, "--from", 10**15)
tap.ok(json.loads(far[0])["user_id"] > 10**12, "record 10^15 is as near as any", far)
tap.done()
