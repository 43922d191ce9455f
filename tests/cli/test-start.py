# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb start: what it says while there is a screen, and whom it asks."""
import os
import pty
import subprocess
import tempfile
import unittest

import tap

ENGINE = os.environ["ENGINE_UNDER_TEST"]
HOST = os.path.join(os.environ["SOURCE_ROOT"], "conf", "hosts", "nvidia-desktop")
DOMAIN = ("<domain type='kvm'><name>win10</name><uuid>11111111-2222-3333-4444-555555555555</uuid>"
          "<devices>{}</devices></domain>")
ABSENT = ("<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' "
          "bus='0x7f' slot='0x1f' function='0x7'/></source></hostdev>")


def run(*arguments, **options):
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([ENGINE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, check=False, **options)


class Start(unittest.TestCase):
    def xml(self, devices=""):
        file = tempfile.NamedTemporaryFile("w", suffix=".xml")
        self.addCleanup(file.close)
        file.write(DOMAIN.format(devices))
        file.flush()
        return file.name

    def test_what_ends(self):
        result = run("start", "--xml", HOST + ".xml", "--host", HOST + ".json", "win10")
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        for words in (b"Starting win10 takes 3 device(s)", b"ends: session 2 of anna, KDE",
                      b"/dev/nvidia0: Xorg (pid 962, user root)", b"nothing is started"):
            self.assertIn(words, result.stdout)

    def test_refusals(self):
        result = run("start", "--yes", "--xml", self.xml(ABSENT), "--host", HOST + ".json", "win10")
        self.assertEqual((result.returncode, result.stderr), (1, b""))
        self.assertIn(b"cannot: ", result.stdout)
        self.assertIn(b"0000:7f:1f.7", result.stdout)
        self.assertNotIn(b"takes", result.stdout)

    def test_nobody_to_ask(self):
        result = run("start", "--xml", self.xml(), "win10")
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"--yes", result.stderr)

    def test_no(self):
        for answer in (b"n\n", b"\n", b"\x04", b"nonsense that is longer than any answer\n"):
            with self.subTest(answer=answer):
                master, slave = pty.openpty()
                os.write(master, answer)
                result = run("start", "--xml", self.xml(), "win10", stdin=slave)
                os.close(slave)
                os.close(master)
                self.assertEqual(result.returncode, 1)
                self.assertIn(b"Go on? [y/N] ", result.stdout)
                self.assertIn(b"not started", result.stderr)

    def test_yes_asks_systemd(self):
        """Whoever runs the tests has no guest of that name: systemd is not there, or libvirt not."""
        if os.path.exists("/run/systemd/system"):
            self.skipTest("this host's systemd would really be asked")
        master, slave = pty.openpty()
        os.write(master, b"y\n")
        result = run("start", "--xml", self.xml(), "win10", stdin=slave)
        os.close(slave)
        os.close(master)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"start virt-handoff-start-11111111-2222-3333-4444-555555555555.service",
                      result.stderr)

    def test_start_now_of_no_guest(self):
        result = run("start-now", "no such guest")
        self.assertEqual((result.returncode, result.stdout), (1, b""))
        self.assertIn(b"libvirt", result.stderr)


if __name__ == "__main__":
    tap.main()
