# SPDX-License-Identifier: Apache-2.0
"""`tied.py PARENT COMMAND ...`: run a command that is killed when the process PARENT, which started it, ends.

The kernel sends SIGKILL, because a paused process does not react to SIGTERM. The setting remains after exec.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() == int(sys.argv[1]):
        os.execv(sys.argv[2], sys.argv[2:])
