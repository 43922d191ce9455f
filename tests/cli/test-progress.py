# SPDX-License-Identifier: GPL-2.0-or-later
"""What people see on a terminal: progress, colours, and neither elsewhere."""
import os
import pty
import subprocess
import tempfile
import time
import unittest

import golden
import tap


class Terminal(unittest.TestCase):
    def start(self, *arguments, **environment):
        """A verb with stdout and stderr on terminals of their own; the sides that are ours."""
        (out, out_theirs), (err, err_theirs) = pty.openpty(), pty.openpty()
        # pylint: disable=consider-using-with
        process = subprocess.Popen([golden.ENGINE, *arguments], stdin=subprocess.DEVNULL,
                                   stdout=out_theirs, stderr=err_theirs,
                                   env={**os.environ, **environment})
        os.close(out_theirs)
        os.close(err_theirs)
        self.addCleanup(os.close, out)
        self.addCleanup(os.close, err)
        self.addCleanup(process.wait)
        return process, out, err

    def read(self, side):
        """All that came, to the end."""
        text = b""
        while True:
            try:
                piece = os.read(side, 4096)
            except OSError:
                return text.decode()
            if not piece:
                return text.decode()
            text += piece

    def test_progress(self):
        """Somebody waits for a file that comes late, and is told so on stderr."""
        with tempfile.TemporaryDirectory() as scratch:
            late = os.path.join(scratch, "late")
            os.mkfifo(late)
            process, out, err = self.start("plan", "--host", golden.sample("apu"), "--xml", late,
                                           "win10")
            said = os.read(err, 100)
            self.assertIsNone(process.poll())
            with open(late, "w", encoding="ascii") as file:
                file.write("<domain/>")
            self.read(out)
            self.assertEqual(said, b"virt-handoff: plan is under way \xe2\x80\xa6\r\n")
            self.assertIn("domain XML", self.read(err))

    def test_no_progress_elsewhere(self):
        """A pipe gets no progress, however long it takes."""
        with tempfile.TemporaryDirectory() as scratch:
            late = os.path.join(scratch, "late")
            os.mkfifo(late)
            with subprocess.Popen([golden.ENGINE, "plan", "--host", golden.sample("apu"), "--xml",
                                   late, "win10"], stderr=subprocess.PIPE) as process:
                # Not a limit, but time in which a wrong program would speak.
                time.sleep(1.5)
                with open(late, "w", encoding="ascii") as file:
                    file.write("<domain/>")
                self.assertEqual(process.stderr.read().count(b"\n"), 1)

    def test_colours(self):
        """On a terminal that has some, unless NO_COLOR says otherwise; never in a pipe."""
        arguments = ["check", "--host", golden.sample("nvidia-desktop")]

        def shown(**environment):
            return self.read(self.start(*arguments, **environment)[1])
        self.assertIn("\033[32mok\033[0m", shown(NO_COLOR="", TERM="linux"))
        self.assertNotIn("\033", shown(NO_COLOR="1", TERM="linux"))
        self.assertNotIn("\033", shown(NO_COLOR="", TERM="dumb"))
        self.assertNotIn("\033", golden.run(*arguments).stdout)

    def test_beside_a_child(self):
        """What is read in a child is read though a thread is there to tell of it. One run in thirty
        failed when that thread could hold a lock while the child was made."""
        arguments = ["check", "--host", golden.sample("nvidia-desktop")]
        for _ in range(25):
            _, out, err = self.start(*arguments)
            self.assertIn("nvidia", self.read(out), self.read(err))


if __name__ == "__main__":
    tap.main()
