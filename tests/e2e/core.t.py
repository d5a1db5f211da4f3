"""Credentials do not get into core files: neither the kernel's own, nor those that it pipes to a program, nor
those of child processes."""

import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, "tests/support")
import identity
import tap

SCRIPT = """
local function read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end
local limits = read "/proc/self/limits"
print("limit", (limits:match "Max core file size%s+(%S+%s+%S+)"))
print("filter", read "/proc/self/coredump_filter")
os.execute "cat /proc/self/coredump_filter"
"""

if not os.path.exists("/proc/self/coredump_filter"):
    tap.skip_all("there is no /proc/self/coredump_filter")
with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
    file.write(SCRIPT)
    file.flush()
    out = subprocess.run([os.environ["KINESSIS"], "lua", file.name], env=identity.clean(), capture_output=True, text=True)
tap.ok(re.search(r"^limit\s+0\s+0$", out.stdout, re.M), "no core file is written", out.stdout, out.stderr)
tap.equal(re.findall(r"^(?:filter\t)?([0-9a-f]{8})$", out.stdout, re.M), ["00000000"] * 2, "no memory is part of one")
tap.done()
