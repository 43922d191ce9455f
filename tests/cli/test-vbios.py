# SPDX-License-Identifier: GPL-2.0-or-later
"""vbios: on option ROMs of Debian's packages, on a simulated card, and on what is no ROM."""
import base64
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import roms
import tap

ENGINE = os.environ["ENGINE_UNDER_TEST"]
# Each kind once: two images and one, a network card's and a display's.
ROMS = [path for path in ("/usr/lib/ipxe/qemu/efi-ne2k_pci.rom", "/usr/lib/ipxe/qemu/efi-virtio.rom",
                          "/usr/lib/ipxe/qemu/pxe-e1000.rom", "/usr/share/seabios/vgabios-stdvga.bin")
        if os.path.exists(path)]


class Vbios(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def file(self, name, data=None):
        path = os.path.join(self.folder, name)
        if data is not None:
            with open(path, "wb") as file:
                file.write(data)
        return path

    def content(self, name):
        with open(os.path.join(self.folder, name), "rb") as file:
            return file.read()

    def vbios(self, *arguments, status=0):
        done = subprocess.run([ENGINE, "vbios", *arguments], capture_output=True, text=True,
                              timeout=60, check=False, env={**os.environ, "NO_COLOR": "1"})
        self.assertEqual(done.returncode, status, (arguments, done.stdout, done.stderr))
        self.assertLessEqual(done.stderr.count("\n"), 1)
        return done.stdout.replace(self.folder + "/", "") if status == 0 else done.stderr

    def host(self, driver, files=(), **more):
        function = {"address": "0000:01:00.0", "class": "0x030000", "vendor": "0x10de",
                    "device": "0x2489", "rom": base64.b64encode(roms.CARD).decode(), **more}
        if driver:
            function["driver"] = driver
        return self.file("host.json", json.dumps(
            {"version": 1, "drivers": [{"name": "nvidia"}], "functions": [function],
             "files": [{"path": path} for path in files]}).encode())

    def test_trim(self):
        rom, out = self.file("rom", roms.FLASH), self.file("out")
        self.assertEqual(self.vbios("trim", rom, out), """\
Cut off in front: 1536 bytes, NVIDIA's header (NVGI).
Cut off behind: 36 bytes, NVIDIA's own images (NPDS).
out: 1536 bytes, 2 images
""")
        self.assertEqual(self.content("out"), roms.CARD)
        self.assertIn("--force", self.vbios("trim", rom, out, status=1))
        self.assertIn("nothing to cut", self.vbios("trim", "--force", out, out))
        self.assertEqual(self.content("out"), roms.CARD)
        self.assertEqual(sorted(os.listdir(self.folder)), ["out", "rom"])

    def test_what_is_no_rom(self):
        for data, words in ((b"", "it is empty"), (b"\xff" * 99, "all its bytes are ff"),
                            (bytes(99), "all its bytes are 00"), (b"GIF89a", "no 55 AA header"),
                            (roms.CARD[:0x30], "it is cut off")):
            path = self.file("rom", data)
            self.assertIn(words, self.vbios("info", path, status=1))
            self.assertIn(words, self.vbios("trim", path, self.file("out"), status=1))
        self.assertIn("none does", self.vbios("trim", self.file("rom", roms.CARD[:1024]),
                                              self.file("out"), status=1))
        self.assertFalse(os.path.exists(self.file("out")))
        for path in (self.folder, self.file("absent"), "/dev/zero"):
            self.assertIn(path, self.vbios("info", path, status=1))

    def test_broken_ones_are_shown(self):
        broken = bytearray(roms.CARD)
        broken[0x100] += 1
        done = subprocess.run([ENGINE, "vbios", "info", self.file("rom", broken)], text=True,
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Problem: the checksum of image 1 is wrong", done.stdout)

    def test_dump(self):
        out = self.file("out")
        host = self.host(None)
        self.assertIn("2 images", self.vbios("dump", "--host", host, "01:00.0", out))
        self.assertEqual(self.content("out"), roms.CARD)
        self.assertIn("it is there already",
                      self.vbios("dump", "--host", host, "01:00.0", out, status=1))
        first = self.vbios("dump", "--force", "--host", self.host(None, boot_vga=True), "01:00.0", out)
        self.assertRegex(first, r"^Note: 0000:01:00.0 showed .*\n  (.*\n  )*.*first\.\nout: ")
        host = self.host("nvidia")
        os.unlink(out)
        self.assertIn("has the driver nvidia",
                      self.vbios("dump", "--host", host, "01:00.0", out, status=1))
        self.assertFalse(os.path.exists(out))
        self.vbios("dump", "--force", "--host", host, "pci_0000_01_00_0", out)
        self.assertEqual(self.content("out"), roms.CARD)
        self.assertIn("0000:02:00.0", self.vbios("dump", "--host", host, "02:00.0", out, status=1))

    def test_what_is_no_display(self):
        """Only one that has a ROM is worth to be taken from its driver."""
        out, rom = self.file("out"), "/sys/bus/pci/devices/0000:01:00.0/rom"
        network = {"class": "0x020000"}
        for files, words in (((), "is no display controller, and has no ROM"),
                             ((rom,), "has the driver nvidia")):
            host = self.host("nvidia", files, **network)
            self.assertIn(words, self.vbios("dump", "--host", host, "01:00.0", out, status=1))
        self.assertIn("2 images", self.vbios("dump", "--host", self.host(None, **network), "01:00.0",
                                             out))

    def test_usage(self):
        for arguments, words in ((("dump", "01:00.0"), "dump ADDRESS FILE"),
                                 (("info", "a", "b"), "info FILE"), (("trim", "a"), "trim IN OUT"),
                                 (("burn", "a"), "dump ADDRESS FILE, info FILE, or trim IN OUT")):
            self.assertIn("vbios takes: " + words, self.vbios(*arguments, status=64))

    def test_roms_of_packages(self):
        if not ROMS:
            self.skipTest("no package with option ROMs")
        for path in ROMS:
            with self.subTest(rom=path):
                found = json.loads(self.vbios("info", "--json", path))
                name = os.path.basename(path)
                self.assertEqual((found["start"], found["problems"]), (0, []))
                self.assertTrue(all(one["checksum_ok"] for one in found["images"]
                                    if one["type"] == "x86"))
                self.assertEqual("EFI" in [one["type"] for one in found["images"]],
                                 name.startswith("efi-"))
                padded = self.file("padded", b"\x11" * 700 + open(path, "rb").read() + b"\xff" * 100)
                out = self.file("out")
                self.vbios("trim", "--force", padded, out)
                again = json.loads(self.vbios("info", "--json", out))
                self.assertEqual(again["images"], found["images"])
                self.assertNotIn("after", again)


if __name__ == "__main__":
    tap.main()
