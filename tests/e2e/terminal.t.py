"""kinessis run on a terminal: one live line on stderr, cleared at the end; Ctrl-C from the keyboard."""

import os
import pty
import signal
import sys
import time

sys.path.insert(0, "tests/support")
import tap

KINESSIS = os.environ["KINESSIS"]


def run(*arguments, keys=None, stdout=None):
    """Runs the program on a terminal of its own; keys are typed when its live line is seen."""
    pid, fd = pty.fork()
    if pid == 0:
        if stdout:
            os.dup2(os.open(stdout, os.O_WRONLY), 1)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a suite in the background ignores it
        os.execv(KINESSIS, ["kinessis", "run", *arguments])
    shown, deadline = b"", time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            some = os.read(fd, 65536)
        except OSError:  # the terminal's other side is closed
            break
        if not some:
            break
        shown += some
        if keys and b"records/s  " in shown:
            os.write(fd, keys)
            keys = None
    os.close(fd)
    return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


shown, code = run("scripts/wave.lua", "-n", "700", "--rate", "1000", "--dry-run")
tap.equal(code, 0, "a run on a terminal")
lines = shown.split("\r\x1b[K")
tap.ok(len(lines) >= 3, "draws a line over and over", repr(shown))
tap.ok("records/s  " in lines[1] and "delivered (" in lines[1], "of the rate and what was delivered", lines[1])
tap.ok(lines[-1].lstrip()[:2] == "20" and "700 generated, 700 delivered" in lines[-1], "cleared before the summary",
       lines[-1])

shown, code = run("scripts/wave.lua", "-n", "700", "--rate", "1000", "--dry-run", "--quiet")
tap.equal((shown, code), ("", 0), "--quiet shows nothing")

shown, code = run("scripts/quickstart.lua", "--rate", "20", "--dry-run")
tap.ok("\x1b[K" not in shown, "no live line among records on the terminal", repr(shown))
tap.equal(shown.count('"uuid"'), 10, "but all the records")

shown, code = run("scripts/quickstart.lua", "--rate", "20", "--dry-run", stdout="/dev/null")
tap.ok("\x1b[K" in shown, "a live line when the records go elsewhere", repr(shown))

shown, code = run("scripts/wave.lua", "--dry-run", keys=b"\x03")
tap.equal(code, 0, "Ctrl-C ends an endless run well")
tap.ok("Stopped before the end." in shown and " 0 failed in " in shown, "with its summary", shown)

tap.done()
