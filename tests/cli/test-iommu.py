# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb iommu over recorded hosts, over trees, and beside lspci."""
import json
import os
import re
import resource
import shutil
import subprocess
import unittest

import golden
import tap
import trees


def quoted(name):
    return json.dumps(name)[1:-1]


class Samples(unittest.TestCase):
    maxDiff = None

    def same(self, host, suffix, *arguments, quote=lambda name: name):
        result = golden.run("iommu", "--host", golden.sample(host), *arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(result.stdout, golden.expected(f"iommu-{host}{suffix}", quote))
        return result.stdout

    def test_text(self):
        for host in ("nvidia-desktop", "laptop-hybrid"):
            with self.subTest(host=host):
                self.same(host, ".txt")

    def test_json(self):
        for host in ("nvidia-desktop", "laptop-hybrid"):
            with self.subTest(host=host):
                groups = json.loads(self.same(host, ".json", "--json", quote=quoted))
                numbers = [group["group"] for group in groups]
                self.assertEqual(numbers, sorted(numbers))
                self.assertEqual(list(groups[0]["devices"][0]),
                                 ["address", "class", "vendor", "device", "name", "driver", "reset",
                                  "reset_methods", "boot_vga", "uses"])

    def test_selection(self):
        for arguments, wanted in ((["--gpu"], [16]), (["--group", "14"], [14]),
                                  (["--gpu", "--group", "16"], [16])):
            result = golden.run("iommu", "--json", "--host", golden.sample("nvidia-desktop"),
                                *arguments)
            self.assertEqual([group["group"] for group in json.loads(result.stdout)], wanted)

    def test_what_is_not_there(self):
        for arguments, status, words in (
                (["--group", "99"], 1, "there is no IOMMU group 99"),
                (["--gpu", "--group", "14"], 1, "no IOMMU group 14 with a display"),
                (["--group", "x"], 64, "number"), (["--group", "-1"], 64, "number"),
                (["--group", "0x10"], 64, "number")):
            result = golden.run("iommu", "--host", golden.sample("nvidia-desktop"), *arguments)
            self.assertEqual(result.returncode, status, arguments)
            self.assertIn(words, result.stderr)
            self.assertEqual(result.stdout, "")


class Trees(trees.Tree):
    def iommu(self, *arguments):
        return golden.run("iommu", "--root", self.root, *arguments)

    def test_no_iommu(self):
        self.function("0000:01:00.0", "10de:2489", "0x030000")
        result = self.iommu()
        self.assertEqual(result.returncode, 1)
        self.assertIn("intel_iommu=on", result.stderr)
        self.assertIn("In no IOMMU group: cannot be passed\n[NORES] 0000:01:00.0 ", result.stdout)
        self.assertEqual(json.loads(self.iommu("--json").stdout), [])

    def test_numeric_order_and_reset(self):
        self.function("0000:00:01.0", "8086:0001", "0x060400", 10, revision="0x0f")
        self.function("0000:01:00.0", "8086:0002", "0x020000", 2, reset="", reset_method="")
        self.function("0000:02:00.0", "8086:0003", "0x020000", 2, reset="", reset_method="flr bus")
        self.function("0000:03:00.0", "8086:0004", "0x020000", 2, reset="")
        text = self.iommu().stdout
        self.assertLess(text.index("IOMMU group 2:"), text.index("IOMMU group 10:"))
        self.assertRegex(text, r"\n        0000:02:00\.0 .*\n *driver: none, reset: flr bus\n")
        self.assertRegex(text, r"\n        0000:03:00\.0 .*\n *driver: none, reset: yes\n")
        self.assertRegex(text, r"\n\[NORES\] 0000:00:01\.0 .*\(rev 0f\)\n")
        self.assertIn("group 2: 3 functions of 3 devices, to be passed only together", text)

    def test_bad_attributes(self):
        """What no kernel writes is no reason to end."""
        self.function("0000:01:00.0", "10de:2489", "0x030000", 1, revision="zz",
                      reset="", reset_method="f\x1br\nx")
        result = self.iommu("--json")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(json.loads(result.stdout)[0]["group"], 1)
        text = self.iommu().stdout
        self.assertNotIn("\x1b", text)
        self.assertIn("reset: f", text)

    def timed(self, count):
        """Least seconds of processor time over a host of so many functions."""
        self.root = os.path.join(self.trees, str(count))
        for i in range(count):
            address = f"{i >> 16:04x}:{i >> 8 & 0xff:02x}:{i >> 3 & 0x1f:02x}.{i & 7}"
            if not os.path.exists(f"{self.root}/sys/bus/pci/devices/{address}"):
                self.function(address, "8086:1572", "0x020000", i // 4, reset="",
                              reset_method="flr")
        times = []
        for _ in range(3):
            # Processor time: others may be at work here.
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            result = self.iommu("--json")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        self.assertEqual(len(json.loads(result.stdout)), count // 4)
        return min(times)

    def test_linear(self):
        """Eight times the functions take about eight times the time, not sixty-four."""
        self.trees = self.root
        for _ in range(5):
            nothing = self.timed(4)
            few, many = self.timed(128) - nothing, self.timed(1024) - nothing
            print(f"# {few:.3f} s, {many:.3f} s")
            # What disturbs one measurement is gone in another; a square would stay.
            if many < 20 * max(few, 0.01):
                return
        self.fail(f"eight times the functions take {many / few:.0f} times the time")


class Real(unittest.TestCase):
    def test_lspci(self):
        """All that lspci -nn says of this machine's functions, word by word."""
        program = shutil.which("lspci")
        if not program:
            self.skipTest("no lspci")
        # Not with libpci's own memory of what DNS said, nor with the hardware database.
        lines = subprocess.run([program, "-D", "-nn", "-A", "linux-sysfs"], capture_output=True,
                               text=True, check=False).stdout.splitlines()
        if not lines:
            self.skipTest("this machine has no PCI devices")
        ours = re.findall(r"^(?: {8}|\[NORES\] )([0-9a-f]{4,8}:\S+ .*)$",
                          golden.run("iommu").stdout, re.M)
        self.assertEqual(sorted(ours), sorted(lines))

    def test_nores(self):
        """As the guide's script: no attribute, no reset."""
        devices = "/sys/bus/pci/devices"
        if not os.path.isdir(devices) or not os.listdir(devices):
            self.skipTest("this machine has no PCI devices")
        ours = re.findall(r"^\[NORES\] (\S+)", golden.run("iommu").stdout, re.M)
        self.assertEqual(sorted(ours), sorted(address for address in os.listdir(devices)
                                              if not os.path.exists(f"{devices}/{address}/reset")))


if __name__ == "__main__":
    tap.main()
