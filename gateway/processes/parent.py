"""Children end with their parent, even when it was killed by -9.

The parent holds the writing end of a pipe that each child reads: its end is the parent's end. That
works on every Unix. On Linux the kernel is asked as well, for children that cannot read a pipe.
"""

import ctypes
import os
import signal
import sys
import threading

PIPE_VARIABLE = "COUNTERSIGN_PARENT_PIPE"
GRACE_S = 10.0
PR_SET_PDEATHSIG = 1


def follow() -> None:
    """Call once in a child: when the parent is gone, this process stops, or is made to."""
    if descriptor := os.environ.get(PIPE_VARIABLE):
        name = "parent-watch"
        threading.Thread(target=_watch, args=(int(descriptor),), name=name, daemon=True).start()


def _watch(descriptor: int) -> None:
    try:
        while os.read(descriptor, 1):
            pass
    except OSError:
        return
    os.kill(os.getpid(), signal.SIGTERM)
    # Whoever does not listen within the grace is ended; nothing is lost, every obligation is a row.
    threading.Event().wait(GRACE_S)
    os.kill(os.getpid(), signal.SIGKILL)


def ask_kernel(signal_number: int) -> None:
    """Between fork and exec: let the kernel signal this child when its parent dies (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number)
