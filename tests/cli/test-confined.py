# SPDX-License-Identifier: GPL-2.0-or-later
"""Texts that others wrote are read in a child: where no child can be made, they are not read."""
import os
import pathlib
import resource
import shutil
import subprocess
import tempfile
import unittest

import tap

HOSTS = pathlib.Path(os.environ["SOURCE_ROOT"], "conf/hosts")
NOBODY = 65534


def without_children():
    """Root may always have one more."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


class Confined(unittest.TestCase):
    def setUp(self):
        """Where everybody may read."""
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)
        self.engine = shutil.copy(os.environ["ENGINE_UNDER_TEST"], self.folder / "engine")
        for name in ("nvidia-desktop.json", "nvidia-desktop.xml"):
            shutil.copy(HOSTS / name, self.folder)
        (self.folder / "card.rom").write_bytes(bytes(512))
        (self.folder / "root").mkdir()

    def run_engine(self, words, before=None):
        # The sanitizer looks for leaks in a thread.
        return subprocess.run([self.engine, *words], capture_output=True, text=True, timeout=60, check=False,
                              cwd=self.folder, preexec_fn=before,
                              env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})

    def test_each(self):
        for words, text in ((["vbios", "info", "card.rom"], "option ROM"),
                            (["plan", "win10", "--host", "nvidia-desktop.json"], "snapshot"),
                            (["plan", "win10", "--root", "root", "--xml", "nvidia-desktop.xml"], "domain XML")):
            with self.subTest(words=words):
                done = self.run_engine(words, without_children)
                self.assertEqual(done.returncode, 1, done)
                self.assertIn(f"{text}: fork: Resource temporarily unavailable", done.stderr + done.stdout)
                self.assertNotIn(": fork:", str(self.run_engine(words)))


if __name__ == "__main__":
    tap.main()
