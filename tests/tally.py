# SPDX-License-Identifier: GPL-2.0-or-later
"""Adds up single checks from the testlog.json of meson test: "PASSED FAILED SKIPPED" on stdout,
what failed on stderr, each program with the end of what it said, so that a log of which only the end
is kept tells why. A program that prints TAP counts its points, any other counts as one."""
import json
import re
import sys

POINT = re.compile(r"^(not )?ok\b(.*)$", re.MULTILINE)
PLAN = re.compile(r"^1\.\.\d+", re.MULTILINE)
GOOD = ("OK", "SKIP", "EXPECTEDFAIL")
LAST_LINES = 25


def tally(record):
    """(passed, failed, skipped) and the names of what failed, of one line of the log."""
    output = record.get("stdout") or ""
    points = POINT.findall(output) if PLAN.search(output) else []
    bad = [text.strip() for no, text in points if no and "# TODO" not in text]
    skipped = sum("# SKIP" in text.upper() for no, text in points if not no)
    passed = len([no for no, _ in points if not no]) - skipped
    if record["result"] not in GOOD and not bad:
        bad = [f"the program itself ({record['result']})"]
    elif not points:
        skipped = int(record["result"] == "SKIP")
        passed = 1 - skipped
    return (passed, len(bad), skipped), [f"{record['name']}: {name}" for name in bad]


def last_words(record):
    """The end of what a program wrote: of its output without the points that passed, then of its errors."""
    for text in (record.get("stdout"), record.get("stderr")):
        lines = [line for line in (text or "").splitlines() if line and not line.startswith("ok ")]
        yield from (f"  {line}" for line in lines[-LAST_LINES:])


def main(path):
    total = [0, 0, 0]
    with open(path, encoding="utf-8") as log:
        for line in log:
            record = json.loads(line)
            counts, bad = tally(record)
            total = [a + b for a, b in zip(total, counts)]
            for name in bad:
                print("failed:", name, file=sys.stderr)
            if bad:
                print(*last_words(record), sep="\n", file=sys.stderr)
    print(*total)


if __name__ == "__main__":
    main(sys.argv[1])
