# SPDX-License-Identifier: GPL-2.0-or-later
"""Verbs on another root: a machine whose files are below a directory."""
import json
import os
import re
import unittest

import golden
import tap
import trees

ROOT = os.environ["ENGINE_ROOT"]
UUID = "11111111-2222-3333-4444-555555555555"
DOMAIN = (f"<domain type='kvm'><name>win10</name><uuid>{UUID}</uuid><devices>"
          "<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0' bus='1' "
          "slot='0' function='0'/></source></hostdev></devices></domain>")


class Card(trees.Tree):
    """A card in a group of its own, and a guest that has it."""
    def setUp(self):
        super().setUp()
        for address, number in (("0000:01:00.0", 3), ("0000:02:00.0", 4)):
            self.function(address, "10de:2489", "0x030000", number, reset="")
            devices = f"{self.root}/sys/kernel/iommu_groups/{number}/devices"
            os.makedirs(devices)
            os.symlink(f"../../../../bus/pci/devices/{address}", f"{devices}/{address}")
        os.makedirs(f"{self.root}/sys/bus/pci/drivers/vfio-pci")
        self.write("etc/libvirt/qemu/win10.xml", DOMAIN)

    def verb(self, *arguments, status=0):
        result = golden.run(*arguments, "--root", self.root, stdin=-3)
        self.assertEqual(result.returncode, status, result)
        return result.stdout if status == 0 else result.stdout + result.stderr

    def config(self):
        return self.root + ROOT + "/hooks/kvm.conf.d/win10.conf"


class Root(Card):
    def test_plan(self):
        plan = json.loads(self.verb("plan", "--json", "win10"))
        self.assertEqual([one["address"] for one in plan["devices"]], ["0000:01:00.0"])
        self.assertIn("leaves this guest alone", self.verb("plan", "win10"))
        self.write(self.config().removeprefix(self.root + "/"), "timeout = 0;\nfoo = 1;")
        text = self.verb("plan", "win10", status=1)
        self.assertIn("win10.conf:1: timeout: ", text)
        self.assertIn("win10.conf:2: foo: ", text)

    def test_init(self):
        self.assertIn(self.config(), self.verb("init", "win10"))
        with open(self.config(), encoding="utf-8") as file:
            self.assertIn("#   0000:01:00.0  10de:2489, no driver, IOMMU group 3, a display\n",
                          file.read())
        self.assertIn("--force", self.verb("init", "win10", status=1))
        self.assertNotIn("leaves this guest alone", self.verb("plan", "win10"))

    def test_attach(self):
        text = self.verb("attach", "win10", "02:00.0")
        self.assertIn('+        <address domain="0x0000" bus="0x02"', text)
        done = golden.run("attach", "--yes", "--root", self.root, "win10", "02:00.0")
        self.assertIn("nothing is defined", done.stderr)
        self.assertIn("already", self.verb("attach", "win10", "01:00.0", status=1))
        self.assertIn("no-such-guest", self.verb("attach", "no-such-guest", "02:00.0", status=1))

    def test_status(self):
        self.assertEqual(self.verb("status"), "No guest holds a device.\n")
        self.write("proc/sys/kernel/random/boot_id", "5ca1ab1e")
        self.write(ROOT.lstrip("/") + f"/state/{UUID}.journal", json.dumps(
            {"virt-handoff": 1, "boot": "5ca1ab1e", "guest": "win10", "uuid": UUID, "since": 1,
             "devices": ["0000:01:00.0"]}))
        self.assertRegex(self.verb("status", status=1), r"^win10: unfinished, since ")
        self.assertIn("  0000:01:00.0  no driver\n", self.verb("status", "win10", status=1))
        # Its claim counts for others.
        self.write("etc/libvirt/qemu/other.xml",
                   DOMAIN.replace(UUID, UUID.replace("1", "9")).replace("win10", "other"))
        self.assertIn("win10", self.verb("plan", "other", status=1))

    def test_start(self):
        text = self.verb("start", "win10", "--force")
        self.assertIn("takes: 0000:01:00.0, ", text)
        self.assertIn("nothing is started", text)

    def test_rehearse(self):
        text = self.verb("rehearse", "win10")
        self.assertIn("copy of the host below " + self.root, text)
        self.assertIn("hand 0000:01:00.0, which has no driver, to vfio-pci", text)
        self.assertIn("The host is as it was.", text)
        self.assertIn("no-such-guest", self.verb("rehearse", "no-such-guest", status=1))
        self.assertIn("takes a guest", self.verb("rehearse", status=1))

    def test_timeline(self):
        self.assertIn("cannot open", self.verb("timeline", "win10", status=1))
        os.makedirs(self.root + "/var/log/journal")
        self.assertIn("no run of win10", self.verb("timeline", "win10"))


def keys_of(value):
    """Every name of a field in it; what steps take is theirs."""
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    if isinstance(value, dict):
        return set(value).union(*(keys_of(inner) for key, inner in value.items()
                                  if key != "arguments"))
    return set()


class Manual(Card):
    """Programs rely on the names of fields: those that are written are in the manual."""
    def check(self, verb, text):
        with open(os.path.join(golden.ROOT, "hook/man/virt-handoff.8.scd"), encoding="utf-8") as file:
            page = file.read()
        page = page[page.index("# VERBS"):page.index("# OPTIONS")]
        told = page[re.search(rf"^\*{verb}\*", page, re.M).end():]
        told = re.split(r"^\*(?!vbios)", told, maxsplit=1, flags=re.M)[0]
        keys = keys_of(json.loads(text))
        self.assertGreater(len(keys), 1)
        self.assertEqual([key for key in sorted(keys)
                          if f"_{key}_" not in told and f'"{key}"' not in told], [])

    def test_samples(self):
        host = golden.sample("nvidia-desktop")
        for verb, *more in (("plan", "win10"), ("check", "win10"), ("iommu",), ("usb",)):
            self.check(verb, golden.run(verb, "--json", "--host", host, *more).stdout)

    def test_status(self):
        self.write("proc/sys/kernel/random/boot_id", "5ca1ab1e")
        self.write(ROOT.lstrip("/") + f"/state/{UUID}.journal", json.dumps(
            {"virt-handoff": 1, "boot": "5ca1ab1e", "guest": "win10", "uuid": UUID, "since": 1,
             "devices": ["0000:01:00.0"]}) + """
{"begin":1,"kind":"unit","subject":"a.service","args":{},"prior":{}}
{"stuck":1,"error":"it does not start"}""")
        self.check("status", self.verb("status", "--json", status=1))

    def test_files(self):
        self.write("kvm.conf", "VIRSH_GPU=01:00.0")
        self.check("import", self.verb("import", "--json", self.root + "/kvm.conf"))
        for path in ("/usr/lib/ipxe/qemu/efi-virtio.rom", "/usr/share/seabios/vgabios-stdvga.bin"):
            if os.path.exists(path):
                self.check("vbios", golden.run("vbios", "info", "--json", path).stdout)


class Recorded(Card):
    def test_usb_and_iommu(self):
        """What is recorded of a machine shows what the machine shows, without serial numbers."""
        self.function("0000:03:00.0", "1b36:000d", "0x0c0330", 5, reset="", reset_method="flr pm")
        self.write("sys/bus/pci/devices/0000:03:00.0/usb1/busnum", "1")
        devices = "sys/bus/usb/devices/"
        for name, attributes in (
                ("usb1", {"idVendor": "1d6b", "idProduct": "0002", "bDeviceClass": "09"}),
                ("1-4", {"idVendor": "046d", "idProduct": "c52b", "bDeviceClass": "00", "devnum": "2",
                         "manufacturer": "Logitech", "product": "USB Receiver",
                         "serial": "SECRET-1"}),
                ("1-4:1.0", {"bInterfaceClass": "03", "bInterfaceProtocol": "01"})):
            for attribute, text in attributes.items():
                self.write(devices + name + "/" + attribute, text)
        snapshot = self.verb("snapshot")
        self.assertNotIn("SECRET", snapshot)
        self.write("host.json", snapshot)
        for verb in ("usb", "iommu"):
            shown = self.verb(verb)
            recorded = golden.run(verb, "--host", self.root + "/host.json")
            self.assertEqual((recorded.stdout, recorded.stderr), (shown, ""))
        self.assertIn("1-4      046d:c52b  Logitech USB Receiver [keyboard]", self.verb("usb"))


class Snapshots(unittest.TestCase):
    def test_plan_and_init(self):
        """The domain lies beside the snapshot."""
        for host in ("nvidia-desktop", "amd-desktop", "apu", "laptop-hybrid", "emulated",
                     "two-equal-cards"):
            plan = json.loads(golden.run("plan", "--json", "--host", golden.sample(host),
                                         "win10").stdout)
            text = golden.run("init", "--host", golden.sample(host), "win10").stdout
            for device in plan["devices"]:
                self.assertIn("#   " + device["address"], text)
            for line in text.splitlines():
                self.assertLessEqual(len(line), 80, line)

    def test_what_a_snapshot_does_not_say(self):
        """Sample apu says nothing about resets: that is neither yes nor no."""
        text = golden.run("iommu", "--host", golden.sample("apu")).stdout
        self.assertNotIn("NORES", text)
        self.assertIn("reset: not known", text)
        groups = json.loads(golden.run("iommu", "--json", "--host", golden.sample("apu")).stdout)
        self.assertEqual({one["reset"] for group in groups for one in group["devices"]}, {None})
        usb = golden.run("usb", "--host", golden.sample("apu")).stdout
        self.assertIn("whether the kernel can reset it is not known", usb)
        self.assertIn("Bus not known --> 0000:04:00.3", usb)


if __name__ == "__main__":
    tap.main()
