"""kinessis run on a terminal: a panel or one live line on stderr, cleared at the end; Ctrl-C from the keyboard."""

import fcntl
import os
import pty
import re
import signal
import struct
import sys
import tempfile
import termios
import time

sys.path.insert(0, "tests/support")
import tap

KINESSIS = os.environ["KINESSIS"]


class Screen:
    """As much of a terminal as the program uses; every line that was ever at the top stays readable."""

    def __init__(self, columns):
        self.columns, self.lines, self.row, self.column = columns, [""], 0, 0

    def write(self, text):
        for token in re.findall("\x1b\\[[0-9;]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", text):
            if token == "\r":
                self.column = 0
            elif token == "\n":
                self.row += 1
                if self.row == len(self.lines):
                    self.lines.append("")
            elif token.endswith("A"):
                self.row = max(self.row - int(token[2:-1] or 1), 0)
            elif token == "\x1b[J":
                self.lines[self.row:] = [self.lines[self.row][:self.column]]
            elif token.endswith("m"):
                pass
            elif token.startswith("\x1b"):
                raise ValueError(f"an escape that was not expected: {token!r}")
            else:
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[:self.column] + token + line[self.column + len(token):]
                self.column += len(token)
        return self


def resize(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def run(*arguments, command="run", keys=None, stdout=None, size=(24, 100), later=None, **variables):
    """Runs the program on a terminal of its own. When it draws, keys are typed, and the size becomes `later`."""
    pid, fd = pty.fork()
    if pid == 0:
        if stdout:
            os.dup2(os.open(stdout, os.O_WRONLY), 1)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a suite in the background ignores it
        resize(2, *size)
        environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "LC_ALL")}
        environment.update({"TERM": "xterm", "LC_CTYPE": "C.UTF-8", **variables})
        os.execve(KINESSIS, ["kinessis", command, *arguments], environment)
    shown, deadline = b"", time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            some = os.read(fd, 65536)
        except OSError:  # the terminal's other side is closed
            break
        if not some:
            break
        shown += some
        if b" records/s" in shown:
            if keys:
                os.write(fd, keys)
            if later:
                resize(fd, *later)
            keys = later = None
    os.close(fd)
    return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def frames(shown):
    """What was drawn, one after the other, and what came after the last."""
    parts = re.split("\r(?:\x1b\\[\\d+A)?\x1b\\[J", shown)
    return parts[:-1], parts[-1]


def left(shown):
    """What is on the screen in the end."""
    return "\n".join(Screen(200).write(shown).lines).rstrip()


PACED = ("scripts/wave.lua", "-n", "700", "--rate", "1000", "--dry-run")

shown, code = run(*PACED, "--threshold", "failed == 0", NO_COLOR="1")
tap.equal(code, 0, "a run on a terminal")
drawn, after = frames(shown)
tap.ok(len(drawn) >= 3, "draws a panel over and over", repr(shown))
tap.ok(re.search(r"^0:0\d  [\d,]+ records/s of [\d,]+ asked for  [█-▏░]+ \d+ %  0:0\d left\r$", drawn[-1], re.M),
       "of the rate and how far it is", drawn[-1])
tap.ok(re.search(r"^nowhere null +\d+ +\d+ +0 +0 +0 +", drawn[-1], re.M), "of what was delivered", drawn[-1])
tap.ok("✓ failed == 0 (0)" in drawn[-1], "of the thresholds", drawn[-1])
tap.ok(after.startswith("20") and "700 generated, 700 delivered" in after, "cleared before the summary", after)
tap.ok(all(re.match(r"20\d\d-\S+ - INFO - ", line) for line in left(shown).split("\n")), "which is all that is left",
       left(shown))
tap.ok("\x1b[1m" not in shown and "\x1b[2m" not in shown, "NO_COLOR is respected", repr(shown))

shown, code = run(*PACED)
tap.ok("\x1b[1m" in shown, "there are colours without it", repr(shown))

shown, code = run(*PACED, LC_CTYPE="C")
drawn, after = frames(shown)
tap.ok(shown.isascii() and "##" in drawn[-1], "ASCII where the locale is not UTF-8", drawn[-1])

for name, arguments, size in (("--progress line", ("--progress", "line"), (24, 100)), ("a short terminal", (), (6, 100)),
                              ("a narrow one", (), (24, 44))):
    shown, code = run(*PACED, *arguments, size=size)
    drawn, after = frames(shown)
    tap.ok(len(drawn) >= 3 and re.fullmatch(r".*\d records/s.*delivered.*", re.sub("\x1b\\[\\d+m", "", drawn[-1])),
           f"{name}: a line", drawn)
    tap.ok(all(len(re.sub("\x1b\\[\\d+m", "", one)) < size[1] for one in drawn[1:]), f"{name}: that does not wrap", drawn)
    tap.ok("asked for  " not in left(shown) and left(shown).startswith("20"), f"{name}: cleared", left(shown))

shown, code = run(*PACED, "--progress", "panel", later=(24, 60))
drawn, after = frames(shown)
tap.ok(max(len(re.sub("\x1b\\[\\d+m", "", line)) for line in drawn[-1].split("\r\n")) < 60,
       "a terminal that gets narrower gets a narrower panel", drawn[-1])

for name, arguments, variables in (("--progress none", ("--progress", "none"), {}), ("TERM=dumb", (), {"TERM": "dumb"})):
    shown, code = run(*PACED, *arguments, **variables)
    tap.ok("\x1b" not in shown and "700 generated" in shown, f"{name}: nothing is drawn", repr(shown))

shown, code = run(*PACED, "--progress", "log:200ms", TERM="dumb")
tap.ok(re.search(r"- INFO - 0:00  [\d,]+ records/s of [\d,]+  [\d,]+ delivered \(", shown) and "\x1b" not in shown,
       "--progress log: lines now and then", shown)

shown, code = run(*PACED, "--quiet")
tap.equal((shown, code), ("", 0), "--quiet shows nothing")

shown, code = run("scripts/quickstart.lua", "--rate", "20", "--dry-run")
tap.ok("\x1b" not in shown, "nothing is drawn among records on the terminal", repr(shown))
tap.equal(shown.count('"uuid"'), 10, "but all the records")

shown, code = run("scripts/quickstart.lua", "--rate", "20", "--dry-run", stdout="/dev/null")
tap.ok("\x1b[J" in shown, "a panel when the records go elsewhere", repr(shown))

# Two runs of a script, each with a line; a third that nobody waits for.
with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
    script.write("""
local kinessis = require "kinessis"
local function start(name, progress)
  return assert(kinessis.start(kinessis.scenario { records = kinessis.schema(name, { { "n", 1 } }), pace = 1000,
    amount = 700, to = kinessis.null {} }, { progress = progress, threshold = "delivered >= " .. #name }))
end
local a, b = start("a", "line"), start("bb", "auto")
a:wait()
b:wait()
io.stderr:write "then\\n"
local c = start("ccc", "line")
require("kinessis.core.sys").sleep(0.3)
c:step(0.01)
c:stop()
while c:step(0.01) do end
""")
    script.flush()
    shown, code = run(script.name, command="lua", NO_COLOR="1")
together, alone = shown.split("then")
drawn, after = frames(together)
tap.equal(code, 0, "runs of a script on a terminal")
tap.ok(any(len(re.findall(r"^.*\d records/s.*delivered.*$", one, re.M)) == 2 for one in drawn), "draw below one another",
       drawn)
tap.ok(all(re.match(r"20\d\d-\S+ - INFO - |then|$", line) for line in left(shown).split("\n")), "and leave nothing",
       left(shown))
tap.ok("700 generated" in after and "\x1b" not in alone, "nothing is drawn while nobody waits", repr(alone))

shown, code = run("scripts/wave.lua", "--dry-run", keys=b"\x03")
tap.equal(code, 0, "Ctrl-C ends an endless run well")
tap.ok(left(shown).split("\n")[-1].startswith("20"), "the panel is gone, the ^C of the terminal too", left(shown))
tap.ok("Stopped before the end." in shown and " 0 failed in " in shown, "with its summary", shown)

tap.done()
