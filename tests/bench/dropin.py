# SPDX-License-Identifier: GPL-2.0-or-later
"""The drop-in for a guest that is not ours, which every start and stop of every VM on the host pays."""
import os

import measure

# What hooks/qemu of the guides is: a shell that looks for the guest's scripts.
DISPATCHER = """#!/bin/bash
guest=$1 operation=$2 suboperation=$3
base=$(dirname "$0")
set -e
scripts=$base/qemu.d/$guest/$operation/$suboperation
if [ -f "$scripts" ]; then
    "$scripts" "$@"
elif [ -d "$scripts" ]; then
    while read -r file; do
        "$file" "$@"
    done <<<"$(find -L "$scripts" -maxdepth 1 -type f -executable -print)"
fi
"""


def rows(build, scratch, quick):
    dispatcher = os.path.join(scratch, "qemu")
    with open(dispatcher, "w", encoding="utf-8") as file:
        file.write(DISPATCHER)
    os.chmod(dispatcher, 0o755)
    call = ["no-such-guest", "prepare", "begin", "-"]
    ours, true, bash = measure.in_turn([f"{build}/hook/qemu", *call], ["/bin/true"],
                                       [dispatcher, *call], rounds=50 if quick else 500)
    engine, = measure.in_turn([f"{build}/hook/virt-handoff", "--version"],
                              rounds=20 if quick else 100)
    return [measure.Row("drop-in, foreign guest / bin/true", ours / true, 1.3),
            measure.Row("drop-in, foreign guest / bash dispatcher", ours / bash, 0.25),
            measure.Row("engine's start-up / bin/true", engine / true, None)]
