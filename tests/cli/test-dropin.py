# SPDX-License-Identifier: GPL-2.0-or-later
"""The drop-in: whose call it is, and that the engine gets the call as libvirt made it."""
import ctypes
import os
import re
import resource
import shutil
import struct
import subprocess
import unittest

import tap

ROOT = os.fsencode(os.environ["DROPIN_ROOT"])
HOOKS, STATE, ENGINE, RECORD = (os.path.join(ROOT, name) for name in
                                (b"hooks", b"state", b"virt-handoff", b"record"))
DROPIN = os.environ["DROPIN_UNDER_TEST"]

BEGINNING = [b"prepare", b"start", b"started", b"migrate", b"restore"]
OTHERS = [b"stopped", b"release", b"reconnect", b"attach", b"shrink", b"", b"-x"]
GUESTS = [b"win10", b"-x", b"--help", b"prepare", b"a b;$(id)", b"a\nb", b"\t", b"*", b"%s%n",
          b".hidden", b".", b"..", b"\xff\xfe", "Fenêtre".encode(), b"x" * 250]
# No file can be theirs: two are not file names, the others are too long for one.
NAMELESS = [b"", b"a/b", b"../hooks/kvm.conf.d/win10", b"x" * 251, b"x" * 5000]


def write(path, text=b""):
    with open(path, "wb") as file:
        file.write(text)


def tree():
    return sorted((path, sorted(dirs), sorted(files)) for path, dirs, files in os.walk(ROOT))


class DropIn(unittest.TestCase):
    def setUp(self):
        shutil.rmtree(ROOT, ignore_errors=True)
        for path in (HOOKS + b"/kvm.conf.d", HOOKS + b"/qemu.d", STATE, RECORD):
            os.makedirs(path)
        shutil.copy(os.environ["FAKE_ENGINE"], ENGINE)

    def call(self, *arguments, stdin=b"<domain/>", **options):
        return subprocess.run([DROPIN, *arguments], input=stdin, capture_output=True, timeout=20,
                              check=False, **options)

    def reached(self):
        """The arguments that reached the engine since the last question, None: it did not run."""
        try:
            with open(RECORD + b"/arguments", "rb") as file:
                return file.read().split(b"\0")[:-1]
        except FileNotFoundError:
            return None
        finally:
            for name in os.listdir(RECORD):
                os.unlink(os.path.join(RECORD, name))

    def recorded(self, name):
        with open(os.path.join(RECORD, name), "rb") as file:
            return file.read()

    def check(self, guest, operation, ours):
        """One call; silent and successful whether it is ours or not."""
        with self.subTest(guest=guest[:40], operation=operation):
            done = self.call(guest, operation, b"begin", b"-")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
            expected = [b"virt-handoff", b"hook", guest, operation, b"begin", b"-"]
            self.assertEqual(self.reached(), expected if ours else None)

    def check_guest(self, guest, ours):
        before = tree()
        for operation in BEGINNING + OTHERS:
            self.check(guest, operation, ours)
        self.assertEqual(tree(), before)


class Whose(DropIn):
    def test_not_configured(self):
        for guest in GUESTS + NAMELESS:
            self.check_guest(guest, False)

    def test_file(self):
        for guest in GUESTS:
            path = HOOKS + b"/kvm.conf.d/" + guest + b".conf"
            write(path)
            self.check_guest(guest, True)
            self.check(guest[1:] + b"?", b"prepare", False)
            os.unlink(path)

    def test_file_of_any_kind(self):
        path = HOOKS + b"/kvm.conf.d/win10.conf"
        for make in (lambda: os.symlink(b"nowhere", path), lambda: os.mkfifo(path)):
            make()
            self.check(b"win10", b"prepare", True)
            os.unlink(path)
        os.mkdir(path)
        self.check(b"win10", b"prepare", True)

    def test_tree(self):
        for guest in GUESTS:
            if guest not in (b".", b".."):
                os.mkdir(HOOKS + b"/qemu.d/" + guest)
                self.check_guest(guest, True)
        os.symlink(b"win10", HOOKS + b"/qemu.d/linked")
        self.check_guest(b"linked", True)
        self.check_guest(b".", False)
        self.check_guest(b"..", False)

    def test_script_is_no_tree(self):
        write(HOOKS + b"/qemu.d/50-other")
        self.check_guest(b"50-other", False)

    def test_nameless(self):
        write(HOOKS + b"/kvm.conf.d/.conf")
        write(HOOKS + b"/kvm.conf.d/win10.conf")
        os.makedirs(HOOKS + b"/kvm.conf.d/a")
        write(HOOKS + b"/kvm.conf.d/a/b.conf")
        os.makedirs(HOOKS + b"/qemu.d/a/b")
        for guest in NAMELESS:
            self.check_guest(guest, False)

    def test_journal(self):
        """Somebody's journal: the end of a VM can be ours even when its file is gone."""
        write(STATE + b"/2d1a2c3e-0000-4000-8000-000000000001.journal")
        for guest in (b"win10", b"..", b"a b;$(id)", *NAMELESS):
            for operation in BEGINNING:
                self.check(guest, operation, False)
            for operation in OTHERS:
                self.check(guest, operation, True)

    def test_no_journal(self):
        for name in (b"lock", b".journal", b"x.journal.new", b"journal"):
            write(os.path.join(STATE, name))
        self.check_guest(b"win10", False)
        shutil.rmtree(STATE)
        self.check_guest(b"win10", False)

    def test_no_directories(self):
        shutil.rmtree(HOOKS)
        self.check_guest(b"win10", False)

    def test_environment_decides_nothing(self):
        elsewhere = os.path.join(ROOT, b"elsewhere")
        os.makedirs(elsewhere + b"/kvm.conf.d")
        write(elsewhere + b"/kvm.conf.d/win10.conf")
        for name in ("HOOKS_DIR", "VIRT_HANDOFF_HOOKS_DIR", "STATE_DIR", "ENGINE"):
            os.environ[name] = os.fsdecode(elsewhere)
            self.addCleanup(os.environ.pop, name)
        self.check_guest(b"win10", False)


class Call(DropIn):
    def setUp(self):
        super().setUp()
        write(HOOKS + b"/kvm.conf.d/win10.conf")

    def ours(self, **options):
        done = self.call(b"win10", b"prepare", b"begin", b"-", **options)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))

    def test_arguments(self):
        for given in ([b"begin", b"-"], [b"", b""], [b"end", b"from snapshot"],
                      [b"-x", b"--version"], [b"a\nb", b"\xff$(id)"], [b"x" * 70000, b"%s"]):
            self.call(b"win10", b"release", *given)
            self.assertEqual(self.reached(),
                             [b"virt-handoff", b"hook", b"win10", b"release", *given])

    def test_more_arguments(self):
        self.call(b"win10", b"prepare", b"begin", b"-", b"more")
        self.assertEqual(self.reached(),
                         [b"virt-handoff", b"hook", b"win10", b"prepare", b"begin", b"-"])

    def test_exit_status(self):
        self.assertEqual(self.call(b"win10", b"prepare", b"begin", b"exit 7").returncode, 7)

    def test_environment(self):
        self.ours(env={"LC_ALL": "C", "PATH": "/nowhere", "A B": "\n=", "LD_BIND_NOW": ""})
        self.assertEqual(sorted(self.recorded(b"environment").split(b"\0")[:-1]),
                         [b"A B=\n=", b"LC_ALL=C", b"LD_BIND_NOW=", b"PATH=/nowhere"])

    def test_stdin(self):
        for stdin in (b"", b"<domain/>", b"\0\xff\n" * 7, os.urandom(1 << 20)):
            self.ours(stdin=stdin)
            self.assertEqual(self.recorded(b"stdin"), stdin)

    def test_descriptors(self):
        self.ours()
        self.assertEqual(self.recorded(b"descriptors"), b"ooo" + b"-" * 61 + b"\0")

    def test_closed_descriptors(self):
        """Also with a journal, for which a directory is opened: it must not stay as stdin."""
        write(STATE + b"/x.journal")
        for guest in (b"win10", b"other"):
            for closed in ([0], [1], [2], [0, 1, 2]):
                done = subprocess.run(
                    [DROPIN, guest, b"release", b"end", b"-"], close_fds=False, check=False,
                    timeout=20, preexec_fn=lambda closed=closed: [os.close(fd) for fd in closed])
                self.assertEqual(done.returncode, 0)
                expected = "".join("-" if fd in closed else "o" for fd in range(3)).encode()
                self.assertEqual(self.recorded(b"descriptors")[:3], expected)
                self.assertIsNotNone(self.reached())

    def test_signals(self):
        """The engine begins with the dispositions that libvirt gave."""
        write(ENGINE, b"#!/bin/sh\nkill -PIPE $$\n")
        os.chmod(ENGINE, 0o755)
        done = self.call(b"win10", b"prepare", b"begin", b"-")
        self.assertLess(done.returncode, 0)


class NoEngine(DropIn):
    def setUp(self):
        super().setUp()
        write(HOOKS + b"/kvm.conf.d/win10.conf")
        write(HOOKS + b"/kvm.conf.d/a\nb.conf")

    def missing(self):
        os.unlink(ENGINE)

    def not_executable(self):
        os.chmod(ENGINE, 0o644)

    def a_directory(self):
        os.unlink(ENGINE)
        os.mkdir(ENGINE)

    def broken(self):
        write(ENGINE, b"\x7fELF")

    def test_every_operation(self):
        for spoil in (self.missing, self.not_executable, self.a_directory, self.broken):
            self.setUp()
            spoil()
            for guest in (b"win10", b"a\nb"):
                for operation in BEGINNING + OTHERS:
                    with self.subTest(why=spoil.__name__, guest=guest, operation=operation):
                        done = self.call(guest, operation, b"begin", b"-")
                        self.assertEqual(done.returncode, 1 if operation == b"prepare" else 0)
                        self.assertEqual(done.stdout, b"")
                        self.assertRegex(done.stderr, rb"\Avirt-handoff: cannot run " +
                                         re.escape(ENGINE) + rb": [^\n]*install[^\n]*\n\Z")

    def test_nobody_reads(self):
        """A SIGPIPE would look like a failure, and a failing reconnect kills the VM."""
        self.missing()
        for operation, expected in ((b"prepare", 1), (b"reconnect", 0)):
            reader, writer = os.pipe()
            os.close(reader)
            done = subprocess.run([DROPIN, b"win10", operation, b"begin", b"-"], stderr=writer,
                                  stdin=subprocess.DEVNULL, check=False, timeout=20)
            os.close(writer)
            self.assertEqual(done.returncode, expected)

    def test_foreign_guest(self):
        self.missing()
        self.check_guest(b"other", False)


class Usage(DropIn):
    def test_few_arguments(self):
        write(HOOKS + b"/kvm.conf.d/--help.conf")
        for given in ([], [b"--help"], [b"--help", b"prepare"], [b"--help", b"prepare", b"begin"]):
            done = self.call(*given)
            self.assertEqual((done.returncode, done.stdout), (64, b""))
            self.assertTrue(done.stderr.startswith(b"Usage: "))
            self.assertIsNone(self.reached())


class Watch:
    """The names opened or read below some directories, told by inotify."""
    ACCESS, OPEN = 0x1, 0x20

    def __init__(self, *paths):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.paths = {libc.inotify_add_watch(self.fd, path, self.ACCESS | self.OPEN): path
                      for path in paths}

    def names(self):
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            return set()
        found, at = set(), 0
        while at < len(data):
            watch, _, _, length = struct.unpack_from("iIII", data, at)
            name = data[at + 16:at + 16 + length].rstrip(b"\0")
            found.add(os.path.join(self.paths[watch], name).rstrip(b"/"))
            at += 16 + length
        return found


class Frugal(DropIn):
    def setUp(self):
        super().setUp()
        write(HOOKS + b"/kvm.conf.d/win10.conf")
        write(STATE + b"/lock")
        self.watch = Watch(ROOT, HOOKS, HOOKS + b"/kvm.conf.d", HOOKS + b"/qemu.d", STATE)
        self.addCleanup(os.close, self.watch.fd)

    def test_opens_nothing(self):
        for operation in BEGINNING:
            self.call(b"other", operation, b"begin", b"-")
            self.assertEqual(self.watch.names(), set())

    def test_opens_journals_only(self):
        for operation in OTHERS:
            self.call(b"other", operation, b"begin", b"-")
            self.assertEqual(self.watch.names(), {STATE})

    def test_leaves_the_file_to_the_engine(self):
        self.call(b"win10", b"prepare", b"begin", b"-")
        self.assertEqual(self.watch.names(), {ENGINE})

    def test_leaves_stdin(self):
        for operation in BEGINNING + OTHERS:
            path = os.path.join(ROOT, b"stdin")
            write(path, b"<domain/>")
            with open(path, "rb") as stdin:
                subprocess.run([DROPIN, b"other", operation, b"begin", b"-"], stdin=stdin,
                               check=True, timeout=20)
                self.assertEqual(os.lseek(stdin.fileno(), 0, os.SEEK_CUR), 0)


class Installed(unittest.TestCase):
    def test_needs_only_libc(self):
        readelf = shutil.which("readelf")
        if readelf is None:
            self.skipTest("no readelf")
        text = subprocess.run([readelf, "-d", os.environ["DROPIN"]], capture_output=True,
                              text=True, check=True).stdout
        needed = re.findall(r"\(NEEDED\)\s+Shared library: \[(.*)\]", text)
        # None where libc is part of it.
        self.assertLessEqual({name for name in needed if not name.startswith("ld-linux")},
                             {"libc.so.6"})

    def test_runs_in_little(self):
        """It runs for every VM of the host: 8 MiB of address space are plenty."""
        limit = (8 << 20, 8 << 20)
        done = subprocess.run([os.environ["DROPIN"], "no-such-guest", "prepare", "begin", "-"],
                              stdin=subprocess.DEVNULL, check=False, timeout=20,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit))
        self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
    tap.main()
