"""The REPL on a pseudo-terminal: history, completion, Ctrl-C, several lines, errors."""

import os
import pty
import re
import select
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, "tests/support")
import tap

KINESSIS = os.environ["KINESSIS"]
PATIENCE = float(os.environ.get("PATIENCE", "10"))


class Repl:
    """The program on a terminal of its own, with its own home."""

    def __init__(self, home, *arguments):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            environment = {**os.environ, "HOME": home, "TERM": "xterm", "LC_ALL": "C.UTF-8", "KINESSIS_DATA": home + "/lake"}
            environment.pop("XDG_STATE_HOME", None)
            os.execve(KINESSIS, [KINESSIS, "repl", *arguments], environment)
        self.seen = self.raw = ""

    def send(self, text):
        self.seen = self.raw = ""
        os.write(self.fd, text.encode())

    def expect(self, pattern):
        """Waits until what has been printed since the last send matches; returns whether it did."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self.seen):
            if time.monotonic() > deadline or not select.select([self.fd], [], [], 0.2)[0]:
                if time.monotonic() > deadline:
                    return False
                continue
            try:
                data = os.read(self.fd, 65536)
            except OSError:  # the other end is closed
                return re.search(pattern, self.seen) is not None
            if not data:
                return False
            # without the terminal's control sequences
            text = data.decode(errors="replace")
            self.raw += text
            self.seen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\x08", "", text)
        return True

    def shows(self, text, pattern, name):
        self.send(text)
        shown = self.expect(pattern) and (text[-1] not in "\n\x03" or self.expect(r"> $"))  # until the prompt is back
        tap.ok(shown, name, f"sent: {text!r}", f"no:   {pattern}", f"seen: {self.seen!r}")

    def leave(self, text="\x04"):
        self.send(text)
        self.expect(r"\Z(?!)")  # everything until it ends
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            os.kill(self.pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return code


def check_evaluation(repl):
    repl.shows("1 + 1\n", r"\n2\n", "an expression is shown")
    repl.shows("_ * 21\n", r"\n42\n", "the last value is kept")
    repl.shows("({ b = 'x\"', 1, { 2 } })\n", r"\n\{ 1, \{ 2 \}, b = \"x\\\"\" \}\n", "a table is shown, strings quoted")
    repl.shows("function f()\n", r">> ", "an incomplete chunk is continued")
    repl.shows("return 'done'\nend\n", r"> $", "and ends")
    repl.shows("f()\n", r'\n"done"\n', "and runs")
    repl.shows("error('boom')\n", r"stdin:1: boom(.|\n)*> $", "an error is shown")
    repl.shows("nil + 1\n", r"attempt to perform arithmetic", "another error is shown, and the REPL lives")
    repl.shows("'ü' .. 'é'\n", r'\n"üé"\n', "UTF-8 is edited")


def check_interrupts(repl):
    for chunk, name in (
        ("while true do end", "Ctrl-C stops a running chunk"),
        ("while true do pcall(function() while true do end end) end", "no pcall survives Ctrl-C"),
        ("coroutine.wrap(function() while true do end end)()", "a coroutine is stopped"),
        (
            "local co = coroutine.create(function() while true do pcall(function() while true do end end) end end) "
            "while true do coroutine.resume(co) end",
            "no pcall in a coroutine survives either",
        ),
        ("require('kinessis.core.sys').sleep(1000)", "a sleep is stopped"),
    ):
        repl.send("print('ready') " + chunk + "\n")
        tap.ok(repl.expect(r"\nready\n"), name + ": started", repl.seen)
        repl.shows("\x03", r"interrupted(.|\n)*> $", name)
    repl.shows("half typed", r"half typed", "a line is typed")
    repl.shows("\x03", r"> $", "Ctrl-C clears it")
    repl.shows("'whole'\n", r'\n"whole"\n', "and the next line stands alone")
    repl.shows("function g(\n", r">> ", "a chunk is begun")
    repl.shows("\x03", r"\n> $", "Ctrl-C drops it")
    repl.shows("'still here'\n", r'\n"still here"\n', "and the REPL lives")


def check_background(repl):
    """A run goes on while a key is awaited, and is changed from the prompt."""
    scenario = "kinessis.scenario { records = schema('n', { { 'id', fake.uuid() } }), to = kinessis.null {} }"
    repl.shows(f"run = assert(kinessis.start({scenario}, {{ rate = 100 }}))\n", r"> $", "a run is started")
    count = r"\n(\d+)\n"
    for _ in range(40):
        repl.send("run:status().generated\n")
        if repl.expect(count + r"(.|\n)*> $") and int(re.search(count, repl.seen)[1]) > 5:
            break
        time.sleep(0.2)
    tap.ok(re.search(count, repl.seen) and int(re.search(count, repl.seen)[1]) > 5, "it goes on at the prompt", repl.seen)
    repl.shows("run:pause()\n", r"> $", "it is paused")
    repl.shows("run:status().paused\n", r"\ntrue\n", "and says so")
    repl.shows("run:rate('5 XB/s')\n", r"run:rate: a rate such as", "what is no rate is refused")
    repl.shows("run:resume() run:rate(100)\n", r"> $", "it goes on")
    repl.send("coroutine.wrap(function() run:wait(0.1) run:pause() run:rate() print('wai' .. 'ting') run:wait() end)()\n")
    tap.ok(repl.expect(r"\nwaiting\n"), "its pace is asked, and it is waited for, in a coroutine", repl.seen)
    repl.shows("\x03", r"interrupted(.|\n)*> $", "Ctrl-C ends the waiting")
    repl.shows("run.summary == nil\n", r"\ntrue\n", "and not the run")
    repl.shows("run:resume() run:rate(pace.poisson(900))\n", r"> $", "with a pace that takes its time")
    for _ in range(3):
        repl.send("coroutine.wrap(function() run:wait(0.2) print('wai' .. 'ting') run:wait() end)()\n")
        tap.ok(repl.expect(r"\nwaiting\n"), "it is waited for", repl.seen)
        repl.shows("\x03", r"interrupted(.|\n)*> $", "until Ctrl-C")
    repl.shows("run.summary == nil\n", r"\ntrue\n", "which is not the pace's")
    endless = "function() print('in' .. 'side') while true do end end"
    repl.send(f"coroutine.wrap(function() kinessis.start({scenario}, {{ rate = {endless} }}):wait() end)()\n")
    tap.ok(repl.expect(r"\ninside\n"), "a pace without an end is asked", repl.seen)
    repl.shows("\x03", r"interrupted(.|\n)*> $", "and ended by Ctrl-C")
    repl.shows("run:rate(500) run:stop() run:wait() print(run.summary.stopped)\n", r"\ntrue\n", "it is stopped")


def check_half_line(repl, folder):
    """What a run prints while a line is typed comes above it. Files say when, so that it is not before."""
    scenario = "kinessis.scenario { records = schema('n', { { 'id', fake.uuid() } }), to = kinessis.null {} }"
    repl.shows("told = 0\n", r"> $", "nothing is told yet")
    watch = (
        f"function(status) if told == 0 and io.open '{folder}/tell' then told = 1 print('told', status.generated) end "
        f"if io.open '{folder}/stop' then run:stop() end end"
    )
    repl.shows(f"run = assert(kinessis.start({scenario}, {{ rate = 100, progress = {watch} }}))\n", r"> $", "another run")
    repl.shows("'half' .. ' li", r"'half' \.\. ' li", "half a line is typed")
    open(folder + "/tell", "w").close()
    shown = repl.expect(r"told\t\d+\n> 'half' \.\. ' li$")
    tap.ok(shown, "what it prints is a line of its own, and the half line stands below it", f"seen: {repl.raw!r}")
    tap.ok(re.search(r"\r\x1b\[Jtold\t", repl.raw), "in place of the prompt", f"seen: {repl.raw!r}")
    repl.shows("ne'\n", r'\n"half line"\n', "which is finished")
    long = "x" * 100  # more than a row
    repl.shows(f"'{long}le", r"xle$", "a line of two rows is typed by half")
    repl.send("\x1b[D")  # the cursor is before the last letter
    open(folder + "/stop", "w").close()
    shown = repl.expect(rf"INFO - [^>]*\n> '{long}le$")
    tap.ok(shown, "it stands below how the run ended", f"seen: {repl.raw!r}")
    tap.ok("\r\x1b[1A\x1b[J20" in repl.raw, "in place of both rows", f"seen: {repl.raw!r}")
    tap.ok(not re.search(r"[^\nJ]2\d{3}-\d\d-", repl.raw), "each line of the log is one of its own", f"seen: {repl.raw!r}")
    repl.shows("i\x1b[Cx'\n", rf'\n"{long}liex"\n', "and the cursor where it was")


def check_completion(repl):
    repl.shows("string.fo\t", r"string\.format", "a field is completed")
    repl.shows("\x15tostr\t", r"tostring", "a global is completed")
    repl.shows("\x15kinessis.rep\t", r"kinessis\.report", "a part of the library is completed")
    repl.shows("\x15string.l\t\t", r"len +lower", "several candidates are listed")
    repl.shows("\x15('x').x\t", r"x", "what cannot be completed does no harm")
    repl.shows("\x15.he\t\n", r"\.help(.|\n)*\.query", "a command is completed and runs")
    repl.shows("zed = { alpha = { beta = 1 } }\n", r"> $", "a global is made")
    repl.shows("zed.al\t.be\t\n", r"\n1\n", "a path is completed")


home = tempfile.mkdtemp(prefix="kinessis-test.")
try:
    first = Repl(home)
    tap.ok(first.expect(r"kinessis [0-9.]+, Lua 5\.4.*\n> "), "the REPL greets", first.seen)
    check_evaluation(first)
    check_interrupts(first)
    check_background(first)
    check_half_line(first, home)
    check_completion(first)
    first.shows("help\n", r"\.query SQL", "who types help is helped")
    first.shows("exit = 42\n", r"> $", "a variable may have such a name")
    first.shows("exit\n", r"\n42\n", "and is meant then")
    first.shows(".nonsense\n", r"unknown command \.nonsense", "an unknown command is told")
    first.shows("'remembered ' .. 6 * 7\n", r'\n"remembered 42"\n> $', "a last line")
    tap.equal(first.leave(), 0, "Ctrl-D leaves with 0")

    second = Repl(home)
    second.expect(r"> $")
    second.shows("\x1b[A\n", r'\n"remembered 42"\n', "the history comes back in the next session")
    second.shows("\x12remem\n", r'\n"remembered 42"\n> $', "and is searched backwards")
    tap.equal(second.leave(".quit\n"), 0, ".quit leaves with 0")
    third = Repl(home)
    third.expect(r"> $")
    tap.equal(third.leave("exit()\n"), 0, "and so does what other shells call it")
    mode = os.stat(home + "/.kinessis_history").st_mode & 0o777
    tap.equal(oct(mode), "0o600", "the history is its owner's alone")
finally:
    shutil.rmtree(home, ignore_errors=True)
tap.done()
