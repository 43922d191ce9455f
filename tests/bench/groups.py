# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb iommu on large hosts, against what guides do: a shell that asks lspci for each function."""
import os

import measure

# The shape of the guides' iommu.sh, with another root for sysfs.
SCRIPT = """#!/bin/bash
for group in $(find "$1/sys/kernel/iommu_groups" -mindepth 1 -maxdepth 1 -type d | sort -V); do
    echo "IOMMU group $(basename "$group")"
    for device in $(ls -1 "$group/devices"); do
        if [ -e "$group/devices/$device/reset" ]; then echo -n "        "; else echo -n "[NORES] "; fi
        lspci -O sysfs.path="$1/sys/bus/pci" -nns "$device"
    done
done
"""


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def make_host(root, count):
    """Network cards, four to a group."""
    bus = f"{root}/sys/bus/pci/devices"
    os.makedirs(bus)
    for i in range(count):
        address = f"{i >> 16:04x}:{i >> 8 & 0xff:02x}:{i >> 3 & 0x1f:02x}.{i & 7}"
        group = f"{root}/sys/kernel/iommu_groups/{i // 4}"
        directory = f"{bus}/{address}"
        os.makedirs(directory)
        os.makedirs(f"{group}/devices", exist_ok=True)
        for name, text in (("vendor", "0x8086"), ("device", "0x1572"), ("class", "0x020000"),
                           ("irq", "0"), ("resource", ""), ("reset", ""), ("reset_method", "flr")):
            write(f"{directory}/{name}", text + "\n")
        with open(f"{directory}/config", "wb") as file:
            file.write(bytes.fromhex("868072150000000000000002") + bytes(52))
        os.symlink(group, f"{directory}/iommu_group")
        os.symlink(directory, f"{group}/devices/{address}")


def rows(build, scratch, quick):
    script = os.path.join(scratch, "iommu.sh")
    write(script, SCRIPT)
    os.chmod(script, 0o755)
    small, large = 64, 1024 if quick else 4096
    for count in (small, large // 8, large):
        make_host(f"{scratch}/{count}", count)
    ours = [f"{build}/hook/virt-handoff", "iommu", "--root"]
    theirs, few, many = measure.in_turn([script, f"{scratch}/{small}"],
                                        [*ours, f"{scratch}/{large // 8}"],
                                        [*ours, f"{scratch}/{large}"], rounds=2 if quick else 5)
    return [measure.Row(f"iommu of {large} functions / iommu.sh, per function",
                        many / large / (theirs / small), 0.01),
            measure.Row(f"iommu of {large} functions / of {large // 8}", many / few, None,
                        detail="8 is linear")]
