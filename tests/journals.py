# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of a systemd journal in which the program told of its runs."""
import os
import re
import subprocess

MAKER = "/lib/systemd/systemd-journal-remote"


def read_ids():
    """Message ids of the program's events, by name."""
    path = os.path.join(os.environ["SOURCE_ROOT"], "lib/base/event.c")
    with open(path, encoding="utf-8") as file:
        return dict(re.findall(r'\{"([\w-]+)", "([0-9a-f]{32})"\}', file.read()))


def entries(begin, operation, transaction, events):
    """Each event is KIND, MILLISECONDS from the run's begin to its end, those that it took or None, TEXT and fields."""
    ids = read_ids()
    for kind, at, took, text, *fields in events:
        fields = [f"__REALTIME_TIMESTAMP={begin * 1000000 + at * 1000}", f"_BOOT_ID={'1' * 32}",
                  "SYSLOG_IDENTIFIER=virt-handoff", "GUEST=win10", f"OPERATION={operation}",
                  f"MESSAGE_ID={ids[kind]}", f"MESSAGE={text}", *fields]
        if transaction:
            fields.append(f"TRANSACTION={transaction}")
        if took is not None:
            fields.append(f"DURATION_USEC={took * 1000}")
        yield fields


def make(directory, *runs):
    """A journal of @runs, each BEGIN in seconds, OPERATION, TRANSACTION, EVENTS; nothing without systemd's maker."""
    if not os.path.exists(MAKER):
        return False
    text, number = "", 0
    for run in runs:
        for fields in entries(*run):
            text += "\n".join([*fields, f"__MONOTONIC_TIMESTAMP={number}"]) + "\n\n"
            number += 1
    os.makedirs(directory, exist_ok=True)
    subprocess.run([MAKER, "--output=" + os.path.join(directory, "a.journal"), "-"],
                   input=text.encode(), check=True, capture_output=True)
    return True
