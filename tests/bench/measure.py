# SPDX-License-Identifier: GPL-2.0-or-later
"""Timing whole commands against each other, and the table of what came out."""
import os
import statistics
import time

QUIET = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
         (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
         (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)]


class Row:
    """One line of the table: `value` against its `budget` (None: told without one)."""
    def __init__(self, what, value, budget, unit="×", detail=""):
        self.what, self.value, self.budget, self.unit, self.detail = what, value, budget, unit, detail

    def met(self):
        return self.budget is None or self.value <= self.budget

    def __str__(self):
        budget = "" if self.budget is None else f"≤ {self.budget:g}"
        verdict = "" if self.budget is None else "met" if self.met() else "MISSED"
        return f"{self.what:58} {self.value:9.4g} {self.unit:4} {budget:9} {verdict:7} {self.detail}"


def run(argv):
    """Seconds of wall time and KiB of peak memory of one run."""
    begun = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
                         file_actions=QUIET)
    usage = os.wait4(pid, 0)[2]
    return time.perf_counter() - begun, usage.ru_maxrss


def in_turn(*commands, rounds):
    """Median seconds of each; they take turns, so that what slows the machine slows all."""
    seconds = [[] for _ in commands]
    for turn in range(rounds + 1):
        for argv, column in zip(commands, seconds):
            took = run(argv)[0]
            if turn > 0:
                column.append(took)
    return [statistics.median(column) for column in seconds]
