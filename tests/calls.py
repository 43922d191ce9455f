# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine with a hooks directory and a state of its own, for the tests of what it says and does."""
import json
import os
import shutil
import subprocess
import unittest

ROOT = os.environ["ENGINE_ROOT"]
HOOKS, STATE = os.path.join(ROOT, "hooks"), os.path.join(ROOT, "state")
ENGINE = os.environ["ENGINE_UNDER_TEST"]
HOSTS = os.path.join(os.environ["SOURCE_ROOT"], "conf", "hosts")
UUID = "11111111-2222-3333-4444-555555555555"


def domain(name="win10", devices=()):
    hostdevs = "".join(
        "<hostdev mode='subsystem' type='pci' managed='yes'><source>"
        f"<address domain='0x{a[:4]}' bus='0x{a[5:7]}' slot='0x{a[8:10]}' function='0x{a[11]}'/>"
        "</source></hostdev>" for a in devices)
    return (f"<domain type='kvm'><name>{name}</name><uuid>{UUID}</uuid>"
            f"<devices>{hostdevs}</devices></domain>").encode()


class Engine(unittest.TestCase):
    def setUp(self):
        shutil.rmtree(ROOT, ignore_errors=True)
        os.makedirs(os.path.join(HOOKS, "kvm.conf.d"))

    def run_engine(self, *arguments, **options):
        options.setdefault("input", b"")
        return subprocess.run([ENGINE, *arguments], capture_output=True, timeout=60, check=False,
                              **options)

    def hook(self, operation, suboperation, guest="win10", xml=None, **options):
        return self.run_engine("hook", guest, operation, suboperation, "-",
                               input=domain() if xml is None else xml, **options)

    def configure(self, text="", guest="win10"):
        with open(os.path.join(HOOKS, "kvm.conf.d", guest + ".conf"), "w",
                  encoding="utf-8") as file:
            file.write(text)

    def script(self, operation, suboperation, body, name=None, guest="win10"):
        path = os.path.join(HOOKS, "qemu.d", guest, operation, suboperation)
        if name:
            path = os.path.join(path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + body)
        os.chmod(path, 0o755)

    def assert_silent(self, result, status=0):
        self.assertEqual((result.returncode, result.stdout, result.stderr), (status, b"", b""))

    def assert_one_line(self, result, *words):
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout, b"")
        text = result.stderr.decode()
        self.assertTrue(text.endswith("\n") and text.count("\n") == 1, text)
        for word in words:
            self.assertIn(word, text)

    def xml_file(self, xml=None):
        path = os.path.join(ROOT, "domain.xml")
        with open(path, "wb") as file:
            file.write(domain() if xml is None else xml)
        return path

    def write_journal(self, *lines, since=1, guest="win10", uuid=UUID):
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        os.makedirs(STATE, 0o700, exist_ok=True)
        head = json.dumps({"virt-handoff": 1, "boot": boot, "guest": guest, "uuid": uuid,
                           "since": since, "devices": ["0000:7f:1f.7"]})
        with open(os.path.join(STATE, uuid + ".journal"), "w", encoding="utf-8") as file:
            file.write("\n".join((head, *lines, "")))
