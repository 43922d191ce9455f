# SPDX-License-Identifier: GPL-2.0-or-later
"""The user's commands, run for real: a guest without devices has nothing else done for it."""
import os
import shutil
import subprocess
import unittest

import tap

ROOT = os.environ["ENGINE_ROOT"]
STATE, SEEN = os.path.join(ROOT, "state"), os.path.join(ROOT, "seen")
UUID = "11111111-2222-3333-4444-555555555555"
DOMAIN = f"<domain type='kvm'><name>win10</name><uuid>{UUID}</uuid></domain>".encode()
HOST = os.path.join(os.environ["SOURCE_ROOT"], "conf", "hosts", "nvidia-desktop.json")


def command(operation, script, more=""):
    return f'{{ at = "{operation}"; run = [ "/bin/sh", "-c", "{script}" ]; {more} }}'


class Commands(unittest.TestCase):
    def setUp(self):
        shutil.rmtree(ROOT, ignore_errors=True)
        os.makedirs(os.path.join(ROOT, "hooks", "kvm.conf.d"))

    def run_engine(self, *arguments):
        return subprocess.run([os.environ["ENGINE_UNDER_TEST"], *arguments], input=DOMAIN,
                              capture_output=True, timeout=60, check=False)

    def hook(self, operation, suboperation="begin", status=0):
        result = self.run_engine("hook", "win10", operation, suboperation, "-")
        self.assertEqual((result.returncode, result.stdout), (status, b""), result.stderr)
        return result.stderr.decode()

    def configure(self, *commands):
        self.config = os.path.join(ROOT, "hooks", "kvm.conf.d", "win10.conf")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write("commands = ( " + ", ".join(commands) + " );\n")

    def seen(self):
        with open(SEEN, encoding="utf-8") as file:
            return file.read()

    def test_cycle(self):
        """The undo is the one of the file as it was, and what they print reaches nobody."""
        undo = f'undo = [ "/bin/sh", "-c", "echo words; echo undone $OPERATION >> {SEEN}" ];'
        self.configure(command("prepare", f"echo words; env | sort > {SEEN}", undo))
        self.hook("prepare")
        seen = self.seen()
        for line in ("GUEST=win10", "OPERATION=prepare", "SUB_OPERATION=begin", "UUID=" + UUID,
                     "DEVICES=", "LC_ALL=C"):
            self.assertIn(line + "\n", seen)
        self.assertNotIn("ENGINE_ROOT", seen)
        self.assertEqual(os.listdir(STATE).count(UUID + ".journal"), 1)
        os.remove(self.config)
        self.hook("release", "end")
        self.assertTrue(self.seen().endswith("undone release\n"))
        self.assertEqual(os.listdir(STATE).count(UUID + ".journal"), 0)

    def test_failures(self):
        cases = [("prepare", "begin", 1), ("start", "begin", 1), ("started", "begin", 1),
                 ("migrate", "begin", 1), ("restore", "begin", 1), ("stopped", "end", 0),
                 ("release", "end", 0), ("reconnect", "begin", 0), ("attach", "begin", 0)]
        for operation, suboperation, status in cases:
            self.configure(command(operation, "echo words; echo not today >&2; exit 3"))
            with self.subTest(operation=operation):
                text = self.hook(operation, suboperation, status)
                self.assertEqual(text.count("not today"), status)
                self.assertEqual(text.count("\n"), status)

    def test_output_is_no_xml(self):
        for operation in ("migrate", "restore"):
            self.configure(command(operation, f"echo words; echo there > {SEEN}"))
            self.hook(operation)
            self.assertEqual(self.seen(), "there\n")
            os.remove(SEEN)

    def test_killed_with_all_it_started(self):
        self.configure(command("started", f"(sleep 300; echo late > {SEEN}) & sleep 300",
                               "timeout = 1;"))
        self.assertIn("was killed", self.hook("started", status=1))
        self.assertFalse(os.path.exists(SEEN))

    def test_refused_before_anything(self):
        tool = os.path.join(ROOT, "tool")
        shutil.copy("/bin/true", tool)
        os.chmod(tool, 0o777)
        self.configure(command("prepare", f"echo > {SEEN}"),
                       f'{{ at = "stopped"; run = [ "{tool}" ]; }}')
        self.assertIn("cannot be run", self.hook("prepare", status=1))
        self.assertFalse(os.path.exists(SEEN))

    def test_rehearsed(self):
        """The engine runs on a simulated host: the program is not run."""
        undo = 'undo = [ "/bin/echo", "undone" ];'
        self.configure(command("prepare", f"echo > {SEEN}", undo))
        result = self.run_engine("rehearse", "--host", HOST, "win10")
        text = result.stdout.decode()
        self.assertEqual(result.returncode, 0, text)
        self.assertIn("run /bin/sh -c", text)
        self.assertIn("run /bin/echo undone", text)
        self.assertIn("The host is as it was.", text)
        self.assertFalse(os.path.exists(SEEN))


if __name__ == "__main__":
    tap.main()
