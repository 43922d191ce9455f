# SPDX-License-Identifier: GPL-2.0-or-later
"""A file includes its own folder and lower ones only, and a library's header in one folder only."""
import re
import unittest

import tap
import tree

RANK = {"base": 0, "config": 1, "domain": 1, "host": 1, "sim": 2, "steps": 3, "engine": 4,
        "inspect": 5, "hook": 6}
ONLY_IN = {"libconfig.h": "config", "libxml/": "domain", "libvirt/": "domain", "libkmod.h": "host",
           "systemd/": "host", "json-glib/": "base", "pci/": "inspect"}
# A step knows nothing of the machine but its operations.
ONLY_THIS = {("steps", "host"): "host/host.h"}


def problem(name, header):
    """What is wrong with the file including the header, or None."""
    folder = name.removeprefix("lib/").split("/")[0]
    for start, owner in ONLY_IN.items():
        if header.startswith(start) and folder != owner:
            return f"only lib/{owner} may"
    other = header.split("/")[0]
    if "/" not in header or other not in RANK:
        return None
    if name == "hook/qemu.c":
        return "the drop-in links libc only"
    if other == folder:
        return None
    if RANK[other] >= RANK[folder]:
        return f"{other} is not below {folder}"
    if ONLY_THIS.get((folder, other), header) != header:
        return f"{folder} may include {ONLY_THIS[folder, other]} only"
    return None


class Layers(unittest.TestCase):
    def test_includes(self):
        for name in tree.files("lib", "hook"):
            if name.endswith((".c", ".h")):
                headers = re.findall(r'^\s*#\s*include\s+[<"](.*?)[>"]', tree.read(name), re.M)
                bad = [f"{header}: {problem(name, header)}" for header in headers
                       if problem(name, header)]
                with self.subTest(file=name):
                    self.assertEqual(bad, [])

    def test_folders(self):
        """A folder without a rank would be unchecked."""
        self.assertEqual({name.split("/")[1] for name in tree.files("lib", end=".c")} - set(RANK),
                         set())

    def test_the_rule(self):
        for name, header in (("lib/base/a.c", "host/host.h"), ("lib/host/a.c", "config/config.h"),
                             ("lib/steps/a.c", "host/real.h"), ("lib/engine/a.h", "libkmod.h"),
                             ("hook/qemu.c", "base/text.h"), ("hook/qemu.c", "hook/report.h"),
                             ("lib/sim/a.c", "steps/steps.h"),
                             ("hook/report.c", "systemd/sd-bus.h")):
            self.assertIsNotNone(problem(name, header), (name, header))
        for name, header in (("lib/base/a.c", "base/text.h"), ("lib/sim/a.c", "host/real.h"),
                             ("lib/steps/a.c", "host/host.h"), ("lib/host/a.c", "libkmod.h"),
                             ("hook/report.c", "engine/run.h"), ("hook/qemu.c", "sys/stat.h")):
            self.assertIsNone(problem(name, header), (name, header))


if __name__ == "__main__":
    tap.main()
