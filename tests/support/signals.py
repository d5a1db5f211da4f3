"""Signals to a process that counts them.

    signals.send(process, signal.SIGINT)
    signals.send(process, signal.SIGINT)   # is a second one: two that wait at once are one
"""

import time


def is_pending(process, number):
    with open(f"/proc/{process.pid}/status") as file:
        masks = [int(line.split()[1], 16) for line in file if line.startswith(("SigPnd:", "ShdPnd:"))]
    return any(mask >> (number - 1) & 1 for mask in masks)


def send(process, number, seconds=60):
    """Returns when it has taken the signal, or ended."""
    process.send_signal(number)
    deadline = time.monotonic() + seconds
    while process.poll() is None and is_pending(process, number):
        if time.monotonic() > deadline:
            raise TimeoutError(f"signal {number} is not taken in {seconds} s")
        time.sleep(0.005)
