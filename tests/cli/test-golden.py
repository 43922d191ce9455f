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
import pty
import re
import subprocess
import tempfile
import unittest

import golden
import journals
import roms
import tap
import trees

FOLDER = os.path.join(golden.ROOT, "tests", "fixtures", "golden")
HOSTS = os.path.join(golden.ROOT, "conf", "hosts")
IMPORT = os.path.join(golden.ROOT, "tests", "fixtures", "import")
UUID = "11111111-2222-3333-4444-555555555555"
PLANNED = ("nvidia-desktop", "amd-desktop", "laptop-hybrid", "two-equal-cards", "emulated")
CHECKED = ("nvidia-desktop", "laptop-hybrid", "emulated")


def printed(*arguments, cwd=HOSTS, stdin=subprocess.DEVNULL):
    done = subprocess.run([golden.ENGINE, *arguments], cwd=cwd, stdin=stdin, text=True,
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
    def test_help(self):
        text = printed("--help")
        self.same("help.txt", text)
        self.assertEqual([line for line in text.splitlines() if len(line) > 80], [])

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
        for file in ("branches", "hooks", "kvm.conf", "profile.toml"):
            self.same(f"import-{file}.txt", printed("import", "--host", host, file, cwd=IMPORT))


    def test_start(self):
        """With places for the devices' names, which differ from machine to machine."""
        for host in ("nvidia-desktop", "laptop-hybrid"):
            text = printed("start", "--host", host + ".json", "win10")
            text = re.sub(r"(takes: [\da-f:.]+,)(?s:.*?)\n(?=  \S)", r"\1 (NAME)\n", text)
            self.same(f"start-{host}.txt", text)

    @unittest.skipIf(os.geteuid(), "only root is asked")
    def test_start_asks(self):
        """On this machine, of a guest that takes nothing of it: only the question is the same on all."""
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
            file.write(f"<domain type='qemu'><name>none</name><uuid>{UUID}</uuid></domain>")
            file.flush()
            master, slave = pty.openpty()
            os.write(master, b"n\n")
            text = printed("start", "--xml", file.name, "none", stdin=slave)
            os.close(slave)
            os.close(master)
        self.same("start-asks.txt", text[text.index("Go on?"):])

    def test_attach(self):
        """To a guest without devices, and to one that has them."""
        with open(os.path.join(HOSTS, "nvidia-desktop.xml"), encoding="utf-8") as file:
            text = re.sub(r"(?s) *<hostdev .*?</hostdev>\n", "", file.read())
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
            file.write(text)
            file.flush()
            attach = ("attach", "--host", "nvidia-desktop.json", "--xml", file.name, "win10")
            self.same("attach.txt", printed(*attach, "09:00.0", "--rom",
                                            "/usr/share/vgabios/rtx3060ti.rom"))
            self.same("attach-bridge.txt", printed(*attach, "00:03.1"))
        self.same("attach-features.txt", printed(
            "attach", "--host", "nvidia-desktop.json", "win10", "09:00.0", "--vendor-id", "1234567890ab"))


class Roms(Same, trees.Tree):
    def test_vbios(self):
        """What there is to say of each kind; the last ones are no ROMs."""
        for name, data in (("flash", roms.FLASH), ("card", roms.CARD), ("cut-off", roms.CARD[:1000]),
                           ("efi", roms.image(3, 1, True)), ("ff", b"\xff" * 512), ("text", b"GIF89a")):
            with open(os.path.join(self.root, name + ".rom"), "wb") as file:
                file.write(data)
            self.same(f"vbios-info-{name}.txt", printed("vbios", "info", name + ".rom", cwd=self.root))
        self.same("vbios-info-flash.json",
                  printed("vbios", "info", "--json", "flash.rom", cwd=self.root))
        for name in ("flash", "card", "cut-off"):
            self.same(f"vbios-trim-{name}.txt",
                      printed("vbios", "trim", name + ".rom", name + ".cut", cwd=self.root))


REFUSED = ("not started, nothing was touched: 0000:0b:00.3 is in IOMMU group 21 with 0000:0b:00.4, which "
           "the guest does not get")
STUCK = ("load module nvidia_uvm: the kernel did not come back from it; often only a reboot helps")
RUNS = (
    (1795356000, "prepare", None, [("refused", 12, None, REFUSED)]),
    (1795356060, "prepare", "a", [
        ("prepare-begin", 0, None, "handing 3 device(s) over"),
        ("step", 65, 65, "load vfio-pci", "STEP=module"),
        ("step", 420, 350, "stop sddm.service", "STEP=unit"),
        ("step", 450, 380, "stop nvidia-persistenced.service", "STEP=unit"),
        ("step", 1290, 840, "wait until nobody has 0000:09:00.1, 0000:0b:00.3 and 0000:09:00.0 open",
         "STEP=holders"),
        ("step", 1292, 1, "unbind vtcon1 ((M) frame buffer device)", "STEP=console"),
        ("step", 1700, 405, "unload module nvidia", "STEP=module"),
        ("step", 1784, 84, "hand 0000:0b:00.3 from xhci_hcd to vfio-pci", "STEP=device",
         "DEVICE=0000:0b:00.3"),
        ("step", 1788, 4, "hand 0000:09:00.0 from nvidia to vfio-pci", "STEP=device",
         "DEVICE=0000:09:00.0"),
        ("prepare-end", 1788, 1788, "the guest can start")]),
    (1795359600, "release", "a", [
        ("release-begin", 0, None, "giving everything back"),
        ("step", 2, 2, "give 0000:09:00.0 back to nvidia", "STEP=device", "DEVICE=0000:09:00.0"),
        ("step", 1607, 1605, "load module nvidia", "STEP=module"),
        ("stuck", 11607, 10000, STUCK, "STEP=module"),
        ("step", 12208, 601, "start sddm.service", "STEP=unit")]),
)


class Timeline(Same, trees.Tree):
    def test_timeline(self):
        """A refusal, a start, and an end that was not complete."""
        if not journals.make(os.path.join(self.root, "journal"), *RUNS):
            self.skipTest("no systemd-journal-remote")
        timeline = ("timeline", "--journal", "journal", "win10")
        self.same("timeline.txt", printed(*timeline, cwd=self.root))
        self.same("timeline.json", printed(*timeline, "--json", cwd=self.root))
        self.same("timeline-none.txt", printed(*timeline[:-1], "win11", cwd=self.root))
        self.same("timeline-drawn.txt", printed(*timeline, "--svg", "picture.svg", cwd=self.root))
        with open(os.path.join(self.root, "picture.svg"), encoding="utf-8") as file:
            self.same("timeline.svg", file.read())


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
