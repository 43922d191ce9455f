# SPDX-License-Identifier: GPL-2.0-or-later
"""init from outside: the file it writes, and what it leaves alone."""
import os
import stat
import subprocess
import tempfile
import unittest

import tap

ENGINE = os.environ["ENGINE_UNDER_TEST"]
# A guest of this test's own: others use the same directory at the same time.
GUEST = "init-test"
PATH = os.path.join(os.environ["ENGINE_ROOT"], "hooks", "kvm.conf.d", GUEST + ".conf")
DOMAIN = (f"<domain type='kvm'><name>{GUEST}</name>"
          "<uuid>11111111-2222-3333-4444-666666666666</uuid></domain>")


class Init(unittest.TestCase):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("not root")
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.xml = os.path.join(scratch.name, "guest.xml")
        with open(self.xml, "w", encoding="utf-8") as file:
            file.write(DOMAIN)

    def init(self, *arguments, status=0):
        done = subprocess.run([ENGINE, "init", *arguments], capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, status, done)
        return done.stdout if status == 0 else done.stderr

    def test_writes_once(self):
        if os.path.exists(PATH):
            os.unlink(PATH)
        self.assertIn(PATH, self.init("--xml", self.xml, GUEST))
        info = os.stat(PATH)
        self.assertEqual((stat.S_IMODE(info.st_mode), info.st_uid), (0o644, 0))
        with open(PATH, "a", encoding="utf-8") as file:
            file.write("timeout = 30;\n")
        self.assertIn("--force", self.init("--xml", self.xml, GUEST, status=1))
        with open(PATH, encoding="utf-8") as file:
            self.assertIn("\ntimeout = 30;\n", file.read())
        self.init("--force", "--xml", self.xml, GUEST)
        with open(PATH, encoding="utf-8") as file:
            text = file.read()
        self.assertNotIn("\ntimeout = 30;\n", text)
        self.assertIn("\n#timeout = 25;\n", text)
        self.assertEqual([], [name for name in os.listdir(os.path.dirname(PATH))
                              if GUEST in name and name != GUEST + ".conf"])
        os.unlink(PATH)

    def test_no_such_guest(self):
        """A slip in the name makes no file."""
        self.assertIn("--force", self.init("--xml", self.xml + ".no", "no-such-guest", status=1))
        self.assertFalse(os.path.exists(os.path.join(os.path.dirname(PATH), "no-such-guest.conf")))
        self.assertIn("no guest's name", self.init("../x", status=64))


if __name__ == "__main__":
    tap.main()
