# SPDX-License-Identifier: GPL-2.0-or-later
"""What the verbs say and how: slips in the command line, libvirt's own words, the width."""
import os
import signal
import subprocess
import unittest

import golden
import tap

NO_FILE = "/nonexistent/out"
KVM_CONF = os.path.join(golden.ROOT, "tests", "fixtures", "import", "kvm.conf")


class Messages(unittest.TestCase):
    def test_malformed_values(self):
        """An argument that can be right on no host is a slip in the command line."""
        host = ("--host", golden.sample("nvidia-desktop"))
        for arguments in (["attach", *host, "win10", "zz"], ["attach", *host, "win10", "99:99.9"],
                          ["vbios", *host, "dump", "zz", NO_FILE],
                          ["iommu", *host, "--group", "zz"],
                          ["attach", *host, "--rom", "rel.rom", "win10", "09:00.0"],
                          ["init", *host, "a/b"], ["import", *host, "--guest", "a/b", KVM_CONF],
                          ["rehearse", *host, "--kill", "a", "--fail", "b"]):
            result = golden.run(*arguments)
            self.assertEqual((result.returncode, result.stdout), (64, ""), (arguments, result))
            self.assertEqual(result.stderr.count("virt-handoff: "), 1)
        result = golden.run("attach", *host, "win10", "7f:1f.7")
        self.assertEqual(result.returncode, 1)
        self.assertIn("7f:1f.7", result.stderr)

    @unittest.skipIf(os.geteuid() != 0, "not root")
    def test_libvirt_down(self):
        """What libvirt said, and not that a program of ours failed."""
        for verb in ("plan", "prepare"):
            result = golden.run(verb, "no such guest")
            self.assertEqual((result.returncode, result.stdout), (1, ""))
            self.assertRegex(result.stderr, r"^virt-handoff: no such guest: (?!.*exit status)"
                             r"(?!.*engine-under-test).*libvirt.*\n$")

    def test_full_disk(self):
        """What was not written whole is no success, and a pipe that was closed no failure."""
        command = [golden.ENGINE, "plan", "--json", "--host", golden.sample("nvidia-desktop"), "win10"]
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr),
                         (1, "virt-handoff: write the output: No space left on device\n"))
        out, into = os.pipe()
        os.close(out)
        with os.fdopen(into, "w") as pipe:
            done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False)
        self.assertIn(done.returncode, (0, -signal.SIGPIPE))
        self.assertEqual(done.stderr, "")

    def test_width(self):
        """Sentences are no wider than a terminal, also in a file."""
        for verb in ("plan", "rehearse"):
            text = golden.run(verb, "--host", golden.sample("nvidia-four-functions"), "win10").stdout
            self.assertRegex(text, r"\n +(7\.|0\.\d+ s) +wait until nobody has [\d:., ]+\n {6,}0000:0b")
            for line in text.splitlines():
                self.assertTrue(len(line) <= 80 or "/" in line, line)
                self.assertEqual(line.rstrip(), line)


if __name__ == "__main__":
    tap.main()
