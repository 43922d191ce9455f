# SPDX-License-Identifier: GPL-2.0-or-later
"""A release that is killed: nobody would call it again, so it begins again by itself."""
import fcntl
import os
import shutil
import signal
import subprocess
import time
import unittest

import tap
from calls import ENGINE, ROOT, STATE, Engine, domain

RAN = os.path.join(ROOT, "ran")
# Ends who runs it, the first time or each time.
KILL_ONCE = f"cat >>{RAN}; echo >>{RAN}; [ $(wc -l <{RAN}) -gt 1 ] || kill -9 $PPID\n"
KILL = f"echo >>{RAN}; kill -9 $PPID\n"


def has_open(pid, path):
    try:
        return any(os.readlink(f"/proc/{pid}/fd/{number}") == path
                   for number in os.listdir(f"/proc/{pid}/fd"))
    except FileNotFoundError:
        return False


class Guard(Engine):
    def ran(self):
        with open(RAN, "rb") as file:
            return file.read()

    def test_begins_again(self):
        self.script("release", "end", KILL_ONCE)
        self.assert_silent(self.hook("release", "end"))
        self.assertEqual(self.ran(), (domain() + b"\n") * 2, "the script got the XML each time")

    def test_by_hand(self):
        self.script("release", "end", KILL_ONCE)
        self.assertEqual(self.run_engine("release", "win10").returncode, 0)
        self.assertEqual(self.ran().count(b"\n"), 2)

    def test_gives_up(self):
        self.script("release", "end", KILL)
        result = self.hook("release", "end")
        self.assert_one_line(result, "win10: killed by signal 9 (Killed) again",
                             "virt-handoff release win10")
        self.assertEqual(self.ran(), b"\n\n")

    def test_others_are_not_repeated(self):
        for operation in (("prepare", "begin"), ("stopped", "end"), ("started", "begin")):
            self.script(*operation, KILL)
            with self.subTest(operation=operation):
                self.assertEqual(self.hook(*operation).returncode, -signal.SIGKILL)
                self.assertEqual(self.ran(), b"\n")
                os.unlink(RAN)

    def locked(self):
        """Somebody else's hand-over, until the file is closed."""
        self.write_journal()
        lock = open(os.path.join(STATE, "lock"), "w", encoding="utf-8")
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.addCleanup(lock.close)
        return lock

    def begin(self, *arguments):
        process = subprocess.Popen([ENGINE, *arguments], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process, self.worker(process, None)

    def worker(self, process, last):
        """Its child, once that is another one than the last and waits for the lock."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
                children = [int(child) for child in file.read().split()]
            if children and children != [last] and has_open(children[0], STATE + "/lock"):
                return children[0]
            time.sleep(0.01)
        raise TimeoutError("no child waits for the lock")

    def test_recover_begins_again(self):
        lock = self.locked()
        process, first = self.begin("recover")
        os.kill(first, signal.SIGKILL)
        self.worker(process, first)
        lock.close()
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0)

    def test_goes_on_alone(self):
        lock = self.locked()
        process, worker = self.begin("hook", "win10", "release", "end", "-")
        self.script("release", "end", f"echo $PPID >{RAN}\n")
        process.kill()
        process.wait(30)
        lock.close()
        process.communicate(timeout=30)  # it has stderr
        self.assertEqual(int(self.ran()), worker)
        self.assertEqual(os.listdir(STATE), ["lock"])

    def test_signals_are_passed_on(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            lock = self.locked()
            process, _ = self.begin("hook", "win10", "release", "end", "-")
            process.send_signal(signal.SIGHUP)
            process.send_signal(number)
            with self.subTest(signal=number):
                said = process.communicate(timeout=30)[1].decode()
                self.assertEqual(process.returncode, 1)
                self.assertIn("asked to stop (SIGTERM) while another hand-over", said)
            lock.close()
            shutil.rmtree(STATE)


if __name__ == "__main__":
    tap.main()
