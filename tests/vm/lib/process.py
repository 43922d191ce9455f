"""No process outlives the run that started it, however that ended."""

import ctypes
import signal

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def die_with_parent():
    """In the child, before it executes its program."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
