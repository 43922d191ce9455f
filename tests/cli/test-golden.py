# SPDX-License-Identifier: GPL-2.0-or-later
"""What the verbs print about recorded hosts, whole, as it is in tests/fixtures/golden.

When a change of it is meant, this writes the files anew, to be read before they are committed:

    GOLDEN=write meson test -C build golden

Each has what was printed to standard output, then the exit status, and what was printed to standard
error, if anything.
"""
import difflib
import json
import os
import re
import subprocess
import unittest

import golden
import tap
import trees

FOLDER = os.path.join(golden.ROOT, "tests", "fixtures", "golden")
HOSTS = os.path.join(golden.ROOT, "conf", "hosts")
IMPORT = os.path.join(golden.ROOT, "tests", "fixtures", "import")
UUID = "11111111-2222-3333-4444-555555555555"
PLANNED = ("nvidia-desktop", "amd-desktop", "laptop-hybrid", "two-equal-cards", "emulated")
CHECKED = ("nvidia-desktop", "laptop-hybrid", "emulated")


def printed(*arguments, cwd=HOSTS):
    done = subprocess.run([golden.ENGINE, *arguments], cwd=cwd, stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=60, check=False,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"})
    errors = "-- standard error\n" + done.stderr if done.stderr else ""
    return f"{done.stdout}-- exit {done.returncode}\n{errors}"


class Same(unittest.TestCase):
    def same(self, name, text):
        path = os.path.join(FOLDER, name)
        with self.subTest(name=name):
            if os.environ.get("GOLDEN") == "write":
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
                return
            with open(path, encoding="utf-8") as file:
                wanted = file.read()
            self.assertEqual("", "\n".join(difflib.unified_diff(
                wanted.splitlines(), text.splitlines(), name, "printed", lineterm="")),
                             "if that is meant: GOLDEN=write meson test -C build golden")


class Hosts(Same):
    def of_host(self, verb, host, *more, kind="txt", name=""):
        self.same(f"{verb}-{host}{name}.{kind}",
                  printed(verb, "--host", host + ".json", *more, "win10"))

    def test_plan(self):
        for host in PLANNED:
            self.of_host("plan", host)
        self.of_host("plan", "nvidia-desktop", "--json", kind="json")

    def test_check(self):
        for host in CHECKED:
            self.of_host("check", host)
        self.of_host("check", "nvidia-desktop", "--json", kind="json")

    def test_rehearse(self):
        for host in ("nvidia-desktop", "two-equal-cards"):
            self.of_host("rehearse", host, "--config", os.devnull)
        self.of_host("rehearse", "apu", "--config", os.devnull)
        self.of_host("rehearse", "nvidia-desktop", "--config", os.devnull, "--fail",
                     "module_unload nvidia_drm", name="-fail")

    def test_init(self):
        for host in ("nvidia-desktop", "laptop-hybrid"):
            self.of_host("init", host)

    def test_import(self):
        host = os.path.join(HOSTS, "nvidia-desktop.json")
        for file in ("hooks", "kvm.conf", "profile.toml"):
            self.same(f"import-{file}.txt", printed("import", "--host", host, file, cwd=IMPORT))


class Status(Same, trees.Tree):
    """status is of journals, which no recorded host has."""
    def test_status(self):
        self.function("0000:01:00.0", "10de:2489", "0x030000", 3)
        self.write("proc/sys/kernel/random/boot_id", "5ca1ab1e")
        self.same("status-none.txt", printed("status", "--root", self.root))
        self.write(f"run/virt-handoff/{UUID}.journal", json.dumps(
            {"virt-handoff": 1, "boot": "5ca1ab1e", "guest": "win10", "uuid": UUID, "since": 1,
             "devices": ["0000:01:00.0"]}))
        text = re.sub(r"\(\d+ days \d+ h\)", "(AGE)", printed("status", "--root", self.root))
        self.same("status-unfinished.txt", text)
        self.same("status-unfinished.json", printed("status", "--json", "--root", self.root))


if __name__ == "__main__":
    tap.main()
