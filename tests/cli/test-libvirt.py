# SPDX-License-Identifier: GPL-2.0-or-later
"""What the verbs do with what libvirt answers (see fake-libvirt.c): it knows the guest "known"."""
import json
import os
import unittest

import tap
from calls import HOSTS, ROOT, Engine


class Libvirt(Engine):
    def setUp(self):
        super().setUp()
        os.makedirs(os.path.join(ROOT, "data"))
        os.symlink(HOSTS, os.path.join(ROOT, "data", "hosts"))

    @unittest.skipIf(os.geteuid() != 0, "not root")
    def test_said_once(self):
        for verb in ("plan", "prepare", "init", "start", "rehearse"):
            result = self.run_engine(verb, "mistyped")
            if b"this host has no PCI device" in result.stdout:
                self.skipTest("no PCI device here")
            self.assertEqual((result.returncode, result.stdout), (1, b""), verb)
            text = result.stderr.decode()
            self.assertTrue(text.startswith("virt-handoff: mistyped: libvirt knows no guest mistyped: "
                                            "see virsh list --all"), text)
            self.assertEqual((text.count("\n"), text.count("mistyped")), (1, 2), text)

    @unittest.skipIf(os.geteuid() != 0, "not root")
    def test_known(self):
        result = self.run_engine("plan", "known")
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        for arguments in ((), ("known",)):
            result = self.run_engine("rehearse", *arguments)
            self.assertEqual((result.returncode, result.stderr), (0, b""), result.stdout)
            self.assertIn(b"The host is as it was.", result.stdout)

    @unittest.skipIf(os.geteuid() != 0, "not root")
    def test_check(self):
        """A file is no guest: nothing can start."""
        self.configure(guest="mistyped")
        for guest, state in (("mistyped", "failure"), ("known", "warning")):
            result = self.run_engine("check", "--json", guest)
            found = [(finding["state"], finding["what"])
                     for finding in json.loads(result.stdout)["findings"] if finding["id"] == "domain"]
            self.assertEqual([finding[0] for finding in found], [state], found)

    @unittest.skipIf(os.geteuid() != 0, "not root")
    def test_launcher(self):
        """Of a guest that is not there: nothing is written."""
        result = self.run_engine("start", "--desktop-entry", "mistyped")
        self.assert_one_line(result, "mistyped: libvirt knows no guest mistyped: ")
        launchers = os.path.join(ROOT, "launchers")
        self.assertFalse(os.path.exists(launchers))
        self.assertEqual(self.run_engine("start", "--desktop-entry", "known").returncode, 0)
        self.assertEqual(os.listdir(launchers), ["virt-handoff-known.desktop"])

    @unittest.skipIf(os.geteuid() != 0, "not root")
    def test_ordinary_user(self):
        """What is to be typed is the verb, and none of ours."""
        os.chmod(ROOT, 0o755)
        for verb in ("check", "rehearse"):
            result = self.run_engine(verb, "known", user=65534, group=65534, extra_groups=[])
            text = " ".join((result.stdout + result.stderr).decode().split())
            if "this host has no PCI device" in text:
                self.skipTest("no PCI device here")
            self.assertIn(f"sudo virt-handoff {verb} known", text)
            self.assertNotIn("virt-handoff domain-xml", text)


if __name__ == "__main__":
    tap.main()
