# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb usb over recorded hosts, and while devices come and go."""
import json
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import textwrap
import unittest

import golden
import tap
import trees


def wrapped(text):
    """A golden file's text with what is said of the controllers in lines of 80 columns: how long names are is known
    only here."""
    wrapper = textwrap.TextWrapper(80, initial_indent=" " * 4, subsequent_indent=" " * 4, break_long_words=False,
                                   break_on_hyphens=False)
    return re.sub(r"^  (\S.*)$", lambda match: wrapper.fill(match[1])[2:], text, flags=re.MULTILINE)


class Samples(unittest.TestCase):
    maxDiff = None

    def test_golden(self):
        for host in ("nvidia-desktop", "laptop-hybrid"):
            for suffix, arguments, quote in ((".txt", [], str),
                                             (".json", ["--json"], lambda n: json.dumps(n)[1:-1])):
                with self.subTest(host=host, form=suffix):
                    result = golden.run("usb", "--host", golden.sample(host), *arguments)
                    self.assertEqual((result.returncode, result.stderr), (0, ""))
                    wanted = golden.expected(f"usb-{host}{suffix}", quote)
                    self.assertEqual(result.stdout, wanted if arguments else wrapped(wanted))

    def test_no_controller(self):
        with tempfile.TemporaryDirectory() as root:
            result = golden.run("usb", "--root", root)
            self.assertEqual(result.stdout, "This host has no USB controller.\n")
            self.assertEqual(json.loads(golden.run("usb", "--root", root, "--json").stdout), [])

    def test_snapshots_do_not_change(self):
        result = golden.run("usb", "--watch", "--host", golden.sample("nvidia-desktop"))
        self.assertEqual((result.returncode, result.stdout), (64, ""))


class Long(trees.Tree):
    maxDiff = None

    def device(self, port, manufacturer, product):
        for name, text in (("idVendor", "04d9"), ("idProduct", "a0f8"), ("devnum", "2"), ("manufacturer", manufacturer),
                           ("product", product)):
            self.write(f"sys/bus/usb/devices/{port}/{name}", text)

    def test_wrapped(self):
        """Long names and many neighbours, in 80 columns."""
        for slot in range(8):
            self.function(f"0000:02:{slot:02x}.0", "1b36:000d", "0x0c0330" if slot == 0 else "0x020000", 5)
        self.write("sys/bus/pci/devices/0000:02:00.0/usb2/busnum", "2")
        self.device("2-1", "Holtek Semiconductor, Inc.", "Gaming Keyboard with Macro Keys and a Hub of its Own")
        self.device("2-1.10.3", "K" * 56, "Ünïcödé " * 7 + "end")
        result = golden.run("usb", "--root", self.root, env={**os.environ, "LC_ALL": "C.UTF-8"})
        self.assertEqual(result.stdout, golden.expected("usb-long-names.txt"))
        self.assertEqual(max(map(len, result.stdout.splitlines())), 80)


class Watch(trees.Tree):
    def controller(self):
        """Of bus 2."""
        self.function("0000:02:00.0", "1b36:000d", "0x0c0330", 5)
        self.write("sys/bus/pci/devices/0000:02:00.0/usb2/busnum", "2")

    def plug(self, port, **attributes):
        """All at once, as the kernel does: a look sees the whole device or none."""
        directory = f"{self.root}/sys/bus/usb/devices"
        os.makedirs(f"{self.root}/new")
        for name, text in attributes.items():
            with open(f"{self.root}/new/{name}", "w", encoding="utf-8") as file:
                file.write(text + "\n")
        os.makedirs(directory, exist_ok=True)
        os.rename(f"{self.root}/new", f"{directory}/{port}")

    def unplug(self, port):
        directory = f"{self.root}/sys/bus/usb/devices"
        for name in os.listdir(directory):
            if name == port or name.startswith(port + ":"):
                shutil.rmtree(f"{directory}/{name}")

    def watch(self, *arguments):
        process = subprocess.Popen([golden.ENGINE, "usb", "--watch", "--root", self.root,
                                    *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def line(self, process, patience=60):
        """The next line; None when none comes."""
        text = b""
        while not text.endswith(b"\n"):
            if not select.select([process.stdout], [], [], patience)[0]:
                return None
            one = os.read(process.stdout.fileno(), 1)
            self.assertTrue(one, text)
            text += one
        return text.decode().rstrip("\n")

    def end(self, process, number):
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
        self.assertEqual((process.returncode, output, errors), (0, b"", b""))

    def test_text(self):
        self.plug("usb1", idVendor="1d6b", idProduct="0002", devnum="1")
        self.plug("1-1", idVendor="05e3", idProduct="0610", devnum="2", bDeviceClass="09",
                  product="Hub")
        process = self.watch()
        self.assertEqual(self.line(process), "Bus 1")
        self.assertIn("no PCI function", self.line(process))
        self.assertIn("1-1      05e3:0610  Hub [hub]", self.line(process))
        self.assertIn("Plug a device", self.line(process))
        self.plug("1-1.3:1.0", bInterfaceClass="03", bInterfaceProtocol="01")
        self.plug("1-1.3", idVendor="046d", idProduct="c31c", devnum="3", manufacturer="Logitech",
                  product="USB Keyboard")
        self.assertEqual(self.line(process),
                         "came 1-1.3    046d:c31c  Logitech USB Keyboard [keyboard]")
        self.unplug("1-1.3")
        self.assertEqual(self.line(process),
                         "went 1-1.3    046d:c31c  Logitech USB Keyboard [keyboard]")
        self.controller()
        self.plug("2-4", idVendor="0627", idProduct="0001", devnum="2")
        self.assertIn("came 2-4      0627:0001  ", self.line(process))
        self.assertEqual(self.line(process), "     Bus 2 --> 0000:02:00.0 (IOMMU group 5)")
        self.end(process, signal.SIGTERM)

    def test_json(self):
        self.controller()
        self.plug("2-1", idVendor="0781", idProduct="5581", devnum="2", product="Stick\x1b")
        process = self.watch("--json")
        # Nothing tells when the watch has begun, so it is replugged until that is seen.
        for number in range(3, 60):
            with open(f"{self.root}/sys/bus/usb/devices/2-1/devnum", "w", encoding="utf-8") as file:
                file.write(f"{number}\n")
            text = self.line(process, 2)
            if text:
                break
        went, came = json.loads(text), json.loads(self.line(process))
        self.assertEqual((went["event"], came["event"]), ("went", "came"))
        self.assertEqual(came["controller"]["address"], "0000:02:00.0")
        self.assertEqual(went["controller"], came["controller"])
        self.assertEqual(came["device"],
                         {"port": "2-1", "number": number, "vendor": "0x0781",
                          "product": "0x5581", "name": "Stick\\x1b", "hub": False,
                          "keyboard": False, "mouse": False})
        self.end(process, signal.SIGINT)


if __name__ == "__main__":
    tap.main()
