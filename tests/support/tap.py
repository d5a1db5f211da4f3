"""TAP for Python tests.

    import os, sys
    sys.path.insert(0, "tests/support")
    import tap
    tap.equal(1 + 1, 2, "addition")
    tap.done()

An exception that escapes the test is a failure too: the plan is missing then.
"""

import os
import sys

count = 0
failures = 0


def ok(condition, name, *details):
    global count, failures
    count += 1
    failures += not condition
    print(f"{'ok' if condition else 'not ok'} {count} - {name}", flush=True)
    if not condition:
        frame = sys._getframe(1)
        while frame.f_code.co_filename == __file__:
            frame = frame.f_back
        for detail in details + (f"at {frame.f_code.co_filename} line {frame.f_lineno}",):
            print("#   " + str(detail).replace("\n", "\n#   "))
    return bool(condition)


def equal(actual, expected, name):
    return ok(actual == expected, name, f"got:      {actual!r}", f"expected: {expected!r}")


def raises(call, fragment, name):
    """The call raises an exception whose text holds the fragment."""
    try:
        call()
    except Exception as error:  # any kind: its text is what is checked
        return ok(fragment in str(error), name, f"got: {error}", f"no:  {fragment}")
    return ok(False, name, "did not raise")


def skip(name, reason):
    """One test that cannot be made here."""
    global count
    count += 1
    print(f"ok {count} - {name} # SKIP {reason}", flush=True)


def skip_all(reason):
    """A missing peer: a skip on a user's machine, a failure in CI."""
    if os.environ.get("CI") == "true":
        ok(False, reason)
        done()
    print("1..0 # SKIP " + reason)
    sys.exit(0)


def done():
    print(f"1..{count}")
    sys.exit(1 if failures else 0)
