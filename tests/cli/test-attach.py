# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb attach: whole groups into a definition, and what it refuses."""
import os
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

import tap

ENGINE = os.environ["ENGINE_UNDER_TEST"]
HOSTS = os.path.join(os.environ["SOURCE_ROOT"], "conf", "hosts")
ROM = "/usr/share/vgabios/rtx3060ti.rom"
DOMAIN = """<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>win10</name>
  <uuid>11111111-2222-3333-4444-555555555555</uuid>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <graphics type='vnc' passwd='geheim&amp;1'/>
  </devices>
  <qemu:commandline>
    <qemu:arg value='-no-hpet'/>
  </qemu:commandline>
</domain>
"""


class Attach(unittest.TestCase):
    def attach(self, *arguments, text=DOMAIN, host="nvidia-desktop"):
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
            file.write(text)
            file.flush()
            return subprocess.run(
                [ENGINE, "attach", "--host", os.path.join(HOSTS, host + ".json"), "--xml", file.name,
                 "win10", *arguments], capture_output=True, text=True, timeout=60, check=False)

    def edited(self, *arguments, **options):
        result = self.attach("--yes", *arguments, **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout, xml.etree.ElementTree.fromstring(result.stdout)

    def test_difference(self):
        result = self.attach("09:00.0")
        self.assertEqual(result.returncode, 0)
        self.assertIn("0000:09:00.1 comes along: a guest gets IOMMU group 16 whole", result.stderr)
        self.assertNotIn("0000:09:00.0 comes", result.stderr)
        self.assertIn("Nothing is changed yet", result.stderr)
        lines = result.stdout.splitlines()
        self.assertEqual([line for line in lines if line.startswith("-")], [])
        self.assertEqual(len([line for line in lines if line.startswith("+    <hostdev ")]), 2)
        self.assertEqual(lines[:2], ["     <emulator>/usr/bin/qemu-system-x86_64</emulator>",
                                     '     <graphics type="vnc" passwd="…"/>'])
        self.assertEqual(lines[-2:], ["   </devices>", "   <qemu:commandline>"])

    def test_whole_group(self):
        text, domain = self.edited("pci_0000_09_00_1")
        devices = domain.findall("./devices/hostdev")
        self.assertEqual([device.attrib for device in devices],
                         [{"mode": "subsystem", "type": "pci", "managed": "yes"}] * 2)
        self.assertEqual([device.find("./source/address").attrib for device in devices],
                         [{"domain": "0x0000", "bus": "0x09", "slot": "0x00", "function": f"0x{i}"}
                          for i in (0, 1)])
        self.assertEqual(domain.find("./devices/graphics").get("passwd"), "geheim&1")
        self.assertIn('<qemu:arg value="-no-hpet"/>', text)
        result = self.attach("09:00.0", text=text)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("already", result.stderr)

    def test_options(self):
        _, domain = self.edited("09:00.1", "0b:00.3", "--hide-kvm", "--vendor-id", "1234567890ab")
        self.assertEqual(len(domain.findall("./devices/hostdev")), 3)
        self.assertEqual(domain.find("./features/kvm/hidden").get("state"), "on")
        self.assertEqual(domain.find("./features/hyperv/vendor_id").get("value"), "1234567890ab")

    def test_rom(self):
        """It is the card's, whichever of its functions is named."""
        _, domain = self.edited("09:00.1", "--rom", ROM)
        roms = [device.find("rom") for device in domain.findall("./devices/hostdev")]
        self.assertEqual(roms[0].get("file"), ROM)
        self.assertIsNone(roms[1])

    def test_refusals(self):
        for arguments, status, words in (
                (["7f:1f.7"], 1, "0000:7f:1f.7"),
                (["00:03.1"], 1, "is a bridge"),
                (["01:00.0"], 1, "uses it: mount /dev/nvme0n1p2 (/)"),
                (["04:00.0"], 1, "uses it: route enp4s0"),
                (["09:00.0", "02:00.0"], 1, "0000:04:00.0 (IOMMU group 14) stays with the host"),
                (["nonsense"], 64, "nonsense"),
                (["09:00.0", "--rom", "/no/such.rom"], 1, "/no/such.rom"),
                (["09:00.0", "--rom", "such.rom"], 64, "absolute"),
                (["09:00.0", "--vendor-id", "more than twelve"], 64, "--vendor-id"),
                (["09:00.0", "--vendor-id", "a,b"], 64, "--vendor-id"),
                (["09:00.0", "--vendor-id", ""], 64, "--vendor-id"),
                ([], 64, "attach takes: GUEST ADDRESS")):
            with self.subTest(arguments=arguments):
                result = self.attach("--yes", *arguments)
                self.assertEqual((result.returncode, result.stdout), (status, ""))
                self.assertIn(words, result.stderr)

    def test_no_iommu(self):
        with open(HOSTS + "/nvidia-desktop.json", encoding="utf-8") as sample, \
                tempfile.NamedTemporaryFile("w", suffix=".json") as host:
            host.write(sample.read().replace('"driver": "nvidia", "group": 16',
                                             '"driver": "nvidia"'))
            host.flush()
            result = self.attach("09:00.0", host=host.name[:-5])
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("in no IOMMU group", result.stderr)

    def test_no_domain(self):
        for text in ("", "<domain/>", "nonsense"):
            result = self.attach("09:00.0", "--yes", text=text)
            self.assertEqual((result.returncode, result.stdout), (1, ""))
            self.assertIn("domain XML", result.stderr)

    def test_hidden_verbs(self):
        """Whoever runs the tests has no such guest, and no domain is nonsense."""
        for verb, text in (("definition", ""), ("define-xml", "nonsense")):
            result = subprocess.run([ENGINE, verb, *(["no such guest"] if not text else [])],
                                    input=text, capture_output=True, text=True, timeout=60,
                                    check=False)
            self.assertEqual((result.returncode, result.stdout), (1, ""))
            self.assertIn("libvirt", result.stderr)


if __name__ == "__main__":
    tap.main()
