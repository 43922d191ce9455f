# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole hand-over and back in the emulated host, against the same acts by hand and the guides' way."""
import json
import pathlib
import shlex
import statistics
import sys

import measure

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "vm"))

from lib import cache, image, machine, project, state  # noqa: E402
from lib.domains import GPU, SOUND  # noqa: E402

# systemd's, libvirt's and the kernel's own commands, one after the other; nothing sleeps.
CONSOLES = "for c in /sys/class/vtconsole/*; do if grep -q '(M) frame' $c/name; then echo {} >$c/bind; fi; done"
DEVICE = "/sys/bus/pci/devices/{0}"
BIND = f"echo vfio-pci >{DEVICE}/driver_override; if [ -e {DEVICE}/driver ]; then echo {{0}} >{DEVICE}/driver/unbind; " \
       "fi; echo {0} >/sys/bus/pci/drivers_probe"
UNBIND = f"echo >{DEVICE}/driver_override; echo {{0}} >{DEVICE}/driver/unbind"
PROBE = "echo {0} >/sys/bus/pci/drivers_probe"
VIRSH = "virsh -q nodedev-{} pci_0000_01_00_{}"

WAYS = {
    "hook": (["/etc/libvirt/hooks/qemu win10 prepare begin - </root/dumped.xml"],
             ["/etc/libvirt/hooks/qemu win10 release end - </root/dumped.xml"]),
    "acts": (["systemctl stop lightdm.service", "systemctl stop user@1000.service", CONSOLES.format(0),
              "modprobe -r bochs", "modprobe vfio-pci", BIND.format(SOUND), BIND.format(GPU)],
             [UNBIND.format(GPU), UNBIND.format(SOUND), "modprobe bochs", PROBE.format(GPU), PROBE.format(SOUND),
              CONSOLES.format(1), "systemctl start lightdm.service"]),
    "guide": (["systemctl stop display-manager.service", CONSOLES.format(0), "modprobe -r bochs",
               VIRSH.format("detach", 0), VIRSH.format("detach", 1), "modprobe vfio-pci"],
              [VIRSH.format("reattach", 0), VIRSH.format("reattach", 1), CONSOLES.format(1), "modprobe bochs",
               "systemctl start display-manager.service"]),
}

# What libvirt calls when the guest runs.
RUNS = {"hook": "/etc/libvirt/hooks/qemu win10 started begin - </root/dumped.xml"}

# The largest of all its descendants: the drop-in becomes the engine, so that is what is measured.
PEAK = "system($ARGV[0]); my $usage = qq(\\0) x 144; syscall(98, -1, $usage); print unpack('x32 q', $usage)"


def idle(host):
    """Whether the host had next to nothing to do for a second."""
    first, second = (list(map(int, line.split()[1:8])) for line in
                     host.sh("head -n 1 /proc/stat; sleep 1; head -n 1 /proc/stat").splitlines())
    spent = [after - before for before, after in zip(first, second)]
    return spent[3] + spent[4] > 0.9 * sum(spent)


def timed(host, commands):
    host.wait("the host is idle", lambda: idle(host), 120)
    script = "begun=$(date +%s%N)\n" + "\n".join(commands) + "\nended=$(date +%s%N)\necho $(( ended - begun ))"
    return int(host.sh(script, timeout=120).splitlines()[-1]) / 1e9


def cycle(host, way, before):
    give, take_back = WAYS[way]
    seconds = [timed(host, give)]
    facts = host.facts()
    host.sh(RUNS.get(way, "true"))
    for device in (GPU, SOUND):
        if facts.driver(device) != "vfio-pci":
            raise RuntimeError(f"{way}: {device} is on {facts.driver(device)}")
    seconds.append(timed(host, take_back))
    host.wait_same(before)
    return seconds


def peak(host, before):
    """KiB of the engine in a preparation."""
    said = host.sh(f"perl -e {shlex.quote(PEAK)} {shlex.quote(WAYS['hook'][0][0])}")
    host.sh(RUNS["hook"])
    host.sh(WAYS["hook"][1][0])
    host.wait_same(before)
    return int(said.splitlines()[-1])


# What systemd and the kernel take for it, whoever asks them, and however.
THEIRS = {"driver", "unit", "console", "module", "display", "device"}


def steps(host):
    """Of the last prepare and release: seconds from the first step to the last, and those of the acts of systemd and
    the kernel in it, which no engine saves, however fast. Units that are asked for together count once."""
    whole = theirs = 0
    for run in json.loads(host.sh("virt-handoff timeline win10 --json"))["runs"][-2:]:
        spans = sorted((step["start_usec"], step["start_usec"] + step["duration_usec"], step["step"] in THEIRS)
                       for step in run["steps"])
        whole += max(end for _, end, _ in spans) - spans[0][0]
        counted = 0
        for begin, end, is_theirs in spans:
            if is_theirs and end > counted:
                theirs += end - max(begin, counted)
                counted = end
    return whole / 1e6, theirs / 1e6


def measured(host, rounds):
    host.configure("win10")
    host.sh("virsh dumpxml win10 >/root/dumped.xml")
    before = host.facts().essence()
    memory = peak(host, before)
    times, spans = {way: [] for way in WAYS}, []
    for _ in range(rounds):
        for way, column in times.items():
            column.append(cycle(host, way, before))
        spans.append(steps(host))
    median = {way: [statistics.median(column) for column in zip(*found)] for way, found in times.items()}
    return memory, median, [statistics.median(column) for column in zip(*spans)]


def rows(build, scratch, quick):
    del build, scratch
    cache.forget_unused()
    machine.forget_dead()
    base, path = state.ensure("bookworm", "desktop")
    tree = project.Project(base, "bookworm").build()
    host = state.restore(*state.with_project(base, path, "desktop", tree), "desktop")
    try:
        memory, median, (whole, theirs) = measured(host, 1 if quick else 5)
    finally:
        host.machine.end()
    detail = {way: f"{give:.2f} + {back:.2f} s" for way, (give, back) in median.items()}
    total = {way: sum(column) for way, column in median.items()}
    return [measure.Row("prepare + release / the same acts by hand", total["hook"] / total["acts"], 0.6,
                        detail=f"{detail['hook']} / {detail['acts']}"),
            measure.Row("prepare + release / the guides' way with virsh", total["hook"] / total["guide"], 0.6,
                        detail=f"{detail['hook']} / {detail['guide']}"),
            measure.Row("from the first step to the last / the same acts", whole / total["acts"], None,
                        detail=f"{whole:.2f} s"),
            measure.Row("systemd's and the kernel's part of it / the same acts", theirs / total["acts"], None,
                        detail=f"{theirs:.2f} s"),
            measure.Row("engine's peak memory in a prepare", memory / 1024, 16, "MiB")]
