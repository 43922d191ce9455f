# SPDX-License-Identifier: GPL-2.0-or-later
"""import: the configurations of other hooks, as per-VM files and reports."""
import json
import os
import shutil
import stat
import subprocess
import tempfile
import unittest

import tap

ENGINE = os.environ["ENGINE_UNDER_TEST"]
ENGINE_ROOT = os.environ["ENGINE_ROOT"]
FIXTURES = os.path.join(os.environ["SOURCE_ROOT"], "tests", "fixtures", "import")
HEAD = "# Written by virt-handoff import. See virt-handoff-kvm.conf(5) for all keys.\n"


def function(address, kind="0x030000"):
    return {"address": address, "class": kind, "vendor": "0x10de", "device": "0x2489"}


class Import(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def run_import(self, path, *options, status=0, functions=()):
        """The per-VM file and the report of it."""
        host = self.file("host.json", json.dumps({"version": 1, "functions": list(functions)}))
        done = subprocess.run([ENGINE, "import", "--host", host, *options, path], timeout=60,
                              capture_output=True, text=True, check=False, cwd=FIXTURES)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout, done.stderr

    def notes(self, text, name="kvm.conf"):
        """[(verdict, line, text)] and the devices of a file with that text."""
        found = json.loads(self.run_import(self.file(name, text), "--json")[0])
        return ([(one["verdict"], one["line"], one["text"]) for one in found["notes"]],
                found["devices"])

    def test_kvm_conf(self):
        functions = [function("0000:0c:00.0"), function("0000:0c:00.1", "0x040300"),
                     function("0000:02:00.0", "0x060400")]
        config, report = self.run_import("kvm.conf", functions=functions)
        self.assertEqual(config, HEAD + """\
devices = [ "0000:0c:00.0", "0000:0c:00.1", "0000:0c:00.2" ];
host_cpus = "0-1,8-9";
hugepages = "auto";
""")
        self.assertEqual(report, """\
Taken:
  kvm.conf:2: 0000:0c:00.0, the display
  kvm.conf:3: 0000:0c:00.1, the display's sound
  kvm.conf:4: 0000:02:00.0, a USB controller
  kvm.conf:6: 0000:0c:00.2, the card's USB controller
  kvm.conf:12: MEMORY: huge pages are counted from the domain's own memory (hugepages = "auto")
  kvm.conf:13: HOST_CPUS: CPUs that are left to the host
No longer needed:
  kvm.conf:5: VIRSH_GPU_VIDEO_ID: devices are named by their address, not by their ids
  kvm.conf:11: VM_NAME: the guest is the name of the per-VM file
  kvm.conf:14: MODULES: drivers and modules are found from the devices, and come back as they were
For you to look at:
  kvm.conf:6: VRISH_GPU_USB: a slip for VIRSH_GPU_USB; it was taken as that
  kvm.conf:7: VIRSH_NVME_SSD is commented out: it was not imported
  kvm.conf:8: VIRSH_GPU_SERIAL = "pci_0000_00:00.0" is no PCI address (the card's serial bus \
controller); write it as 0000:09:00.0
  kvm.conf:9: VIRSH_SATA has PCI addresses and something else (storage): nothing of it was taken
  kvm.conf:10: EXTRA_THING is not a known key; 0000:06:00.0 was not taken: add it to devices if \
the guest is to have it
  kvm.conf:15: SUM is computed, which is not followed
  this host: 0000:02:00.0 is a bridge, which stays with the host: it was left out
  this host: there is no PCI function 0000:0c:00.2: addresses change with slots and firmware \
settings; correct it in devices
""")

    def test_what_is_none(self):
        """Nothing is known of it: one sentence, and no file."""
        for name, text in (("passwd", "root:x:0:0:root:/root:/bin/bash\n"
                                      "sync:x:4:65534:sync:/bin:/bin/sync\n"),
                           ("many", "some words\n" * 500), ("table.conf", "a: b\nhosts: files\n"),
                           ("other.conf", "A=b\n"),
                           ("services", "discard 9/tcp sink null\n" * 30 + "echo 7/tcp\n")):
            path = self.file(name, text)
            for options in ((), ("--json",)):
                out, err = self.run_import(path, *options, status=1)
                self.assertEqual((out, err.count("\n")), ("", 1), err)
                self.assertIn(name + ": hardly a line of it is understood: ", err)
        # A script may have nothing but commands of its own, and one line is enough for another file.
        self.assertEqual(self.notes("#!/bin/sh\n/opt/tool\n", "x.sh")[0][0][:2], ("person", 2))
        self.assertEqual(len(self.notes("A=b\n/opt/tool\nsleep 1\n", "x")[0]), 2)
        self.assertEqual(self.notes("# nothing\n"), ([], []))

    def test_tree(self):
        config, report = self.run_import("hooks")
        self.assertEqual(config, HEAD + """\
devices = [ "0000:01:00.0", "0000:01:00.1", "0000:07:00.0", "0000:08:00.0" ];
stop = [ "display-manager.service", "sunshine.service" ];
sessions = "terminate";
governor = "performance";
host_cpus = "0,1";
hugepages = "auto";
""")
        start = "hooks/qemu.d/win10/prepare/begin/start.sh"
        for line in ("hooks/qemu: a dispatcher of qemu.d", start + ":12: sleep: what is needed",
                     start + ":10: /sys/class/vtconsole/vtcon0/bind: consoles",
                     start + ":11: /sys/bus/platform/drivers/efi-framebuffer/unbind: the firmware",
                     start + ":14: modprobe -r i2c_dev: this module is none of a display's",
                     start + ":23: /opt/tool --on a b: it is not known",
                     start + ": where it lies in the hooks' directory it is run as before",
                     "hooks/qemu.d/win10/release/end/stop.sh:4: nvidia-xconfig: "):
            self.assertIn("\n  " + line, report)

    def test_several_guests(self):
        for guest in ("a", "b"):
            self.file(f"hooks/qemu.d/{guest}/prepare/begin/x.sh", "sleep 1\n")
        top = os.path.join(self.folder, "hooks")
        self.assertIn("several guests (a and b)", self.run_import(top, status=1)[1])
        self.assertIn("what is needed", self.run_import(top + "/qemu.d/a")[1])
        os.makedirs(top + "/none")
        self.assertIn("there is no file", self.run_import(top + "/none", status=1)[1])

    def test_tables(self):
        self.assertIn('devices = [ "0000:01:00.0", "0000:01:00.1", "0000:02:00.0", "0000:03:00.0" ];',
                      self.run_import("profile.toml")[0])
        self.assertIn('devices = [ "0000:01:00.0", "0000:02:00.0" ];',
                      self.run_import("profile.json")[0])
        notes, devices = self.notes("vm: win10\ngpu: 0000:01:00.0\nextra:\n  - 02:00.0\n", "a.yaml")
        self.assertEqual(devices, ["0000:01:00.0", "0000:02:00.0"])
        self.assertIn("needless", [verdict for verdict, _, _ in notes])

    def test_csv(self):
        notes, devices = self.notes("# mine\nvm,gpu,audio\nwin10,0000:01:00.0,\"01:00.1\"\n"
                                    "other,0000:05:00.0,05:00.1\n", "vms.csv")
        self.assertEqual(devices, ["0000:01:00.0", "0000:01:00.1"])
        self.assertIn(("person", 4, "another guest: it was not taken; import it from a file of its "
                       "own"), notes)
        # What only looks so is read as what it is.
        self.assertEqual(self.notes("GPU=01:00.0,x\nAUDIO=01:00.1,y\n")[1], [])

    def test_case_script(self):
        """hooks/qemu with addresses in it: patterns, functions and parameters are no commands."""
        config, report = self.run_import(self.file("qemu", """#!/bin/bash
GUEST="$1"
stop() { systemctl stop sddm; }
case "$GUEST" in
  win10|win11)
    case $2 in
      prepare)
        (virsh nodedev-detach pci_0000_01_00_0)
        virsh nodedev-detatch pci_0000_0C_00_1
        for id in a b; do mytool "$id" 0000:05:00.0; done
        unknowntool --on
        ;;
    esac ;;
esac
"""))
        self.assertIn('devices = [ "0000:01:00.0", "0000:0c:00.1" ];', config)
        for words in ("qemu:3: sddm: the display manager", "qemu:11: unknowntool --on: it is not known",
                      "qemu:10: mytool: it is not known; 0000:05:00.0 was not taken"):
            self.assertIn(words, report)
        for words in ("GUEST", "win1", "prepare", "stop:", " in:", "esac"):
            self.assertNotIn(words, report)

    def test_calls_of_a_guide(self):
        """hooks/qemu that only calls a guide's scripts, which are not to become commands."""
        _, report = self.run_import(self.file("qemu", """#!/bin/bash
OBJECT="$1"
systemctl start libvirt-nosleep@"$OBJECT"
/usr/local/bin/vfio-startup 2>&1 | tee -a /var/log/libvirt/custom_hooks.log
/root/mine --on
"""))
        self.assertIn("libvirt-nosleep@$1: the host does not sleep", report)
        self.assertIn("/usr/local/bin/vfio-startup: a guide's script", report)
        self.assertNotIn("vfio-startup: it is not known", report)
        self.assertIn("/root/mine --on: it is not known; if it moves devices, import it", report)

    def test_settled_later(self):
        """A variable of an unknown name that a list takes is nothing to look at."""
        notes, devices = self.notes('aud="01:00.1"\nother=02:00.0\ndevices=("$aud")\n')
        self.assertEqual(devices, ["0000:01:00.1"])
        self.assertEqual([text for verdict, _, text in notes if verdict == "person"],
                         ["other is not a known key; 0000:02:00.0 was not taken: add it to devices if "
                          "the guest is to have it"])

    def test_containers(self):
        """The other shapes of section 4: INI, lsgp, YAML, JSON of objects, shell with logic."""
        for name, text, devices in (
                ("config", '[profile "win11"]\nvm = win11\ngpu = 0000:01:00.0\naudio = 01:00.1\n'
                 "extra = 05:00.0, 06:00.0\nmode = single\non_release =\n",
                 ["0000:01:00.0", "0000:01:00.1", "0000:05:00.0", "0000:06:00.0"]),
                ("lsgp.conf", "killswitch=1\nunbind=(0000:01:00.0 0000:01:00.1)\npost=()\n",
                 ["0000:01:00.0", "0000:01:00.1"]),
                ("akeydo.conf", "plugins:\n  gpu:\n    pci: '0000:0a:00.0'\n    audio: 0a:00.1\n",
                 ["0000:0a:00.0", "0000:0a:00.1"]),
                ("a.json", '{"win10": {"devices": [{"address": "01:00.1"}], "gpu": "02:00.0"}}',
                 ["0000:01:00.1", "0000:02:00.0"]),
                ("kvm.conf", "pages() {\n echo 1\n}\nsource other.conf\nif [ $X ]; then "
                 "VIRSH_GPU=01:00.0; fi\nexport AUDIO_PCI='01:00.1'\n",
                 ["0000:01:00.0", "0000:01:00.1"])):
            with self.subTest(name=name):
                notes, found = self.notes(text, name)
                self.assertEqual(found, devices)
                self.assertFalse([one for one in notes if " is empty" in one[2] and "post" in one[2]])

    def test_forms_of_values(self):
        for text, devices in (
                ("VIRSH_GPU=pci_0000_0C_00_3", ["0000:0c:00.3"]), ("gpu=28:00.0", ["0000:28:00.0"]),
                ("VIRSH_GPU='0000:0a:00.0'\r\n", ["0000:0a:00.0"]),
                ("VIRSH_PCI_DEVS=(\n 01:00.0 # a\n 01:00.1\n)", ["0000:01:00.0", "0000:01:00.1"]),
                ("X=01:00\nVIRSH_GPU=${X}.1", ["0000:01:00.1"]),
                ('VFIO_DEVICES="01:00.0 01:00.1,02:00.0"',
                 ["0000:01:00.0", "0000:01:00.1", "0000:02:00.0"]), ('VFIO_DEVICES="01:00.0 x"', []),
                ("X=(1 01:00.0)\nVIRSH_GPU=\"${X[@]}\"", []), ("VIRSH_GPU=", []),
                ("VIRSH_GPU=pci_0000_", []), ("VIRSH_GPU=PCI_0000_0C_00_0", ["0000:0c:00.0"]),
                ("gpu=01:00", ["0000:01:00.0"]), ("gpu=0000:01:00", ["0000:01:00.0"]),
                ("VIRSH_BAD=pci_0000_00:00.0", []), ("slot='0x08'\nbus=09", []), ("VIRSH_GPU=01:00.8", []),
                ("VIRSH_GPU=$(lspci)", []), ("VIRSH_GPU=01:00.0\nVIRSH_GPU=01:00.0",
                                             ["0000:01:00.0"])):
            notes, found = self.notes(text)
            self.assertEqual(found, devices, text)
            if not devices:
                self.assertIn("person", [one[0] for one in notes], text)

    def test_refusals(self):
        for path, words in (("modprobe.conf", "a file of modprobe.d"),
                            (self.file("x.xml", "<domain/>"), "it is XML"),
                            (self.file("bin", b"a\0b"), "it is no text"),
                            (self.file("long", b"#" * 300000), "longer than"),
                            ("absent", "absent: No such file")):
            config, report = self.run_import(path, status=1)
            self.assertEqual(config, "")
            self.assertIn(words, report)

    def test_nothing_is_run_or_smuggled(self):
        mark = os.path.join(self.folder, "mark")
        text = (f"A=$(touch {mark})\n`touch {mark}`\ntouch {mark}\n"
                "cpupower frequency-set -g 'x\"; driver = \"evil'\n"
                "systemctl stop 'a\"; driver = \"evil'\n")
        config = self.run_import(self.file("kvm.conf", text))[0]
        self.assertNotIn("evil", config)
        self.assertFalse(os.path.exists(mark))

    def test_install(self):
        path = self.file("kvm.conf", "VIRSH_GPU=01:00.0\n")
        installed = (self.folder + ENGINE_ROOT + "/hooks/kvm.conf.d/win10.conf")
        options = ("--root", self.folder, "--guest", "win10")

        def install(*more):
            return subprocess.run([ENGINE, "import", *options, *more, path], capture_output=True,
                                  text=True, timeout=60, check=False)
        done = install()
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        with open(installed, encoding="utf-8") as file:
            self.assertEqual(file.read(), HEAD + 'devices = [ "0000:01:00.0" ];\n')
        self.assertEqual(stat.S_IMODE(os.stat(installed).st_mode), 0o644)
        again = install()
        self.assertEqual(again.returncode, 1)
        self.assertIn("it is there already; --force replaces it", again.stderr)
        self.assertEqual(install("--force").returncode, 0)
        for guest in ("a/b", "", "x" * 255):
            options = ("--root", self.folder, "--guest", guest)
            self.assertEqual(install().returncode, 64, guest)
        self.assertEqual(os.listdir(os.path.dirname(installed)), ["win10.conf"])


if __name__ == "__main__":
    tap.main()
