# SPDX-License-Identifier: GPL-2.0-or-later
"""Planning and journaling by the number of devices and of guests (cost.c measures)."""
import subprocess

import measure


def rows(build, scratch, quick):
    del scratch, quick
    text = subprocess.run([f"{build}/tests/bench/bench-cost"], capture_output=True, text=True,
                          check=True, timeout=600).stdout
    cost = {}
    for line in text.splitlines():
        subject, number, microseconds = line.split()
        cost[subject, int(number)] = int(microseconds)
    growth = [("plan, 1 device", "plan-host", 512, 4096, "functions on the host"),
              ("plan", "plan-passed", 64, 512, "devices passed"),
              ("journal", "journal", 512, 4096, "steps")]
    found = [measure.Row(f"{what}: {many} {of} / {few}", cost[key, many] / cost[key, few], None,
                         detail="8 is linear") for what, key, few, many, of in growth]
    found += [measure.Row(f"plan: {number} configured guests / 1",
                          cost["plan-guests", number] / cost["plan-guests", 1], budget)
              for number, budget in ((256, 1.5), (1000, None))]
    return found
