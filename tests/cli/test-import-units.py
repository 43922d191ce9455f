# SPDX-License-Identifier: GPL-2.0-or-later
"""import: what other hooks do with units and keys; what comes of it is rehearsed."""
import json
import os
import shutil
import tempfile
import unittest

import golden
import tap

SYSTEMCTL = "/usr/bin/systemctl"
CARD = "virsh nodedev-detach pci_0000_09_00_0\nvirsh nodedev-detach pci_0000_09_00_1\n"
NAMES_NO_DISPLAY = "list takes the place of"


class Units(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def tree(self, **scripts):
        """Scripts as VFIO-Tools has them, by operation."""
        places = {"prepare": "prepare/begin", "started": "started/begin", "release": "release/end"}
        for operation, text in scripts.items():
            self.file(f"hooks/qemu.d/win10/{places[operation]}/x.sh", "#!/bin/bash\n" + text)
        return os.path.join(self.folder, "hooks")

    def run_import(self, path, host="nvidia-desktop"):
        """The per-VM file without devices and head, and the report."""
        done = golden.run("import", "--host", golden.sample(host), path)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [line for line in done.stdout.splitlines()
                 if not line.startswith(("#", "devices = "))]
        return "\n".join(lines), done.stderr

    def script(self, text, **more):
        return self.run_import(self.file("start.sh", "#!/bin/bash\n" + text), **more)

    def rehearse(self, path):
        """Of what is imported, on a host with systemctl."""
        with open(golden.sample("nvidia-desktop"), encoding="utf-8") as file:
            snapshot = json.load(file)
        snapshot["programs"] = [*snapshot.get("programs", []), {"path": SYSTEMCTL}]
        for unit in ("sunshine.service", "foo-vpn.service"):
            snapshot["units"].append({**snapshot["units"][0], "id": unit})
        host = self.file("host.json", json.dumps(snapshot))
        config = self.file("win10.conf", golden.run("import", "--host", host, path).stdout)
        done = golden.run("rehearse", "--host", host, "--config", config, "--xml",
                          golden.sample("nvidia-desktop").replace(".json", ".xml"), "win10")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_the_desktop_is_stopped(self):
        """However the script did so, or whoever did it."""
        for text, stop in (
                ("systemctl stop nvidia-persistenced\n", ""),
                ("systemctl stop nvidia-persistenced nvidia-powerd.service sddm\n", ""),
                ("DM=$(cat /tmp/dm)\nsystemctl stop $DM\n", ""),
                ("systemctl isolate multi-user.target\n", ""),
                ("systemctl stop display-manager sunshine\n",
                 'stop = [ "display-manager.service", "sunshine.service" ];'),
                ("systemctl stop sunshine nvidia-persistenced\n",
                 'stop = [ "display-manager.service", "sunshine.service" ];'),
                ("systemctl stop sunshine\nsystemctl stop \"$(cat /tmp/dm)\"\n",
                 'stop = [ "display-manager.service", "sunshine.service" ];'),
                ("telinit 3\nsystemctl stop sunshine\n",
                 'stop = [ "display-manager.service", "sunshine.service" ];')):
            with self.subTest(text=text):
                config, report = self.script(text + CARD)
                self.assertEqual(config, stop)
                said = "sunshine" in text and not any(
                    word in text for word in ("display-manager", "dm)", "telinit"))
                self.assertEqual(NAMES_NO_DISPLAY in report, said, report)
                self.assertIn("stop sddm.service", self.rehearse(self.folder + "/start.sh"))

    def test_a_desktop_that_stays(self):
        """A guest that gets no display ends no desktop, unless the script did."""
        usb = "virsh nodedev-detach pci_0000_0b_00_3\n"
        self.assertEqual(self.script("systemctl stop sunshine\n" + usb)[0],
                         'stop = [ "sunshine.service" ];')
        self.assertEqual(self.script("systemctl stop sunshine gdm\n" + usb)[0],
                         'stop = [ "display-manager.service", "sunshine.service" ];')

    def test_started_units_become_commands(self):
        path = self.tree(prepare="systemctl stop sunshine\nsystemctl start foo-vpn\n"
                         "systemctl start libvirt-nosleep@win10\nsystemctl restart chronyd\n"
                         "systemctl stop user.slice\n" + CARD,
                         started="systemctl start late.timer vpn.target\n",
                         release="systemctl stop foo-vpn\nsystemctl stop libvirt-nosleep@win10\n"
                         "systemctl start sunshine display-manager nvidia-persistenced\n"
                         "systemctl start backup.service\nsystemctl stop extra\n")
        config, report = self.run_import(path)
        self.assertEqual(config, f"""\
stop = [ "display-manager.service", "sunshine.service" ];
commands = (
  {{ at = "prepare"; run = [ "{SYSTEMCTL}", "start", "foo-vpn.service" ];
    undo = [ "{SYSTEMCTL}", "stop", "foo-vpn.service" ]; }},
  {{ at = "prepare"; run = [ "{SYSTEMCTL}", "restart", "chronyd.service" ]; }},
  {{ at = "release"; run = [ "{SYSTEMCTL}", "start", "backup.service" ]; }},
  {{ at = "release"; run = [ "{SYSTEMCTL}", "stop", "extra.service" ]; }},
  {{ at = "started"; run = [ "{SYSTEMCTL}", "start", "late.timer" ]; }},
  {{ at = "started"; run = [ "{SYSTEMCTL}", "start", "vpn.target" ]; }}
);""")
        needless = report.partition("No longer needed:")[2].partition("For you")[0]
        for words in ("sunshine.service: what was stopped is started again",
                      "libvirt-nosleep@win10: ", "display-manager: ", "nvidia-persistenced: "):
            self.assertIn(words, needless)
        for words in ("foo-vpn", "chronyd", "backup", "extra", "late"):
            self.assertNotIn(words, needless)

    def test_commands_are_rehearsed(self):
        path = self.tree(prepare="systemctl start foo-vpn\n" + CARD, release="systemctl stop foo-vpn\n")
        text = self.rehearse(path)
        self.assertIn(f"run {SYSTEMCTL} start foo-vpn.service", text)
        self.assertIn("The host is as it was.", text)

    def test_when_is_not_known(self):
        """A script that is called by another: what it starts is shown, with what to write."""
        config, report = self.script("systemctl start foo-vpn\nsystemctl mask udisks2\n"
                                     "systemctl start bar\nsystemctl stop bar\n"
                                     "systemctl is-active sddm\nsystemctl daemon-reload\n" + CARD)
        self.assertEqual(config, "")
        person = report.partition("For you to look at:")[2]
        self.assertIn('start.sh:2: not taken over: systemctl start foo-vpn.service; where it is to run '
                      'when the guest starts, write commands = ( { at = "prepare"; run = [ '
                      f'"{SYSTEMCTL}", "start", "foo-vpn.service" ]; undo = [ "{SYSTEMCTL}", "stop", '
                      '"foo-vpn.service" ]; } );', person)
        for words in ("start.sh:3: not taken over: systemctl mask udisks2",
                      "start.sh:4: not taken over: systemctl start bar.service",
                      "start.sh:5: not taken over: systemctl stop bar.service"):
            self.assertIn(words, person)
        for words in ("is-active", "daemon-reload"):
            self.assertNotIn(words, person)

    def test_units_of_users(self):
        for text in ("systemctl --user stop pipewire.socket plasma-*\n",
                     "systemctl --user --machine=anna@ stop pipewire.socket plasma-*\n",
                     "systemctl --user -M anna@.host stop pipewire.socket 'plasma-*'\n",
                     "sudo -u anna XDG_RUNTIME_DIR=/run/user/1000 systemctl --user stop "
                     "pipewire.socket plasma-*\n",
                     "sudo -u \"$U\" env A=b /bin/systemctl --user stop pipewire.socket plasma-*\n",
                     "runuser -u anna -- systemctl --user stop pipewire.socket plasma-*\n",
                     "su - anna -c 'systemctl --user stop pipewire.socket plasma-*'\n",
                     "A=b systemctl --user stop pipewire.socket plasma-*\n",
                     "systemctl --user stop pipewire.socket\nsystemctl --user stop plasma-*\n"
                     "systemctl --user start pipewire.socket\n"):
            with self.subTest(text=text):
                config, report = self.script(text + CARD)
                self.assertEqual(config, 'stop_user = [ "pipewire.socket", "plasma-*" ];', report)
                self.assertNotIn("For you", report)
        self.assertIn("not taken over: systemctl --user start other.service",
                      self.script("systemctl --user start other\n")[1])
        config, report = self.run_import(self.tree(release="systemctl --user stop late\n"))
        self.assertEqual(config, "")
        self.assertIn("not taken over: systemctl --user stop late.service", report)

    def test_a_key_twice(self):
        """As for a shell, the last one counts; and a name is of one device."""
        done = golden.run("import", "--json", "--host", golden.sample("nvidia-desktop"), self.file(
            "kvm.conf", "VIRSH_GPU_VIDEO=pci_0000_05_00_0\nVIRSH_GPU_VIDEO=pci_0000_09_00_0\n"))
        found = json.loads(done.stdout)
        self.assertEqual(found["devices"], ["0000:09:00.0"])
        self.assertIn(("person", 2, "VIRSH_GPU_VIDEO is assigned again: 0000:05:00.0 is not taken, as the "
                       "last one counts"),
                      [(one["verdict"], one["line"], one["text"]) for one in found["notes"]])
        self.assertNotIn("0000:05:00.0, the display", done.stdout)
        for text, devices in (
                ("GPU=05:00.0\nvirsh nodedev-detach $GPU\nGPU=09:00.0\n", 2), ("GPU=05:00.0\nGPU+=09:00.0\n", 2),
                ("GPU=09:00.0\nGPU=09:00.0\n", 1), ("X=09:00.0\nGPU=05:00.0\nGPU=$X\n", 1)):
            done = golden.run("import", "--json", "--host", golden.sample("nvidia-desktop"),
                              self.file("kvm.conf", text))
            self.assertEqual(len(json.loads(done.stdout)["devices"]), devices, text)

    def test_two_displays(self):
        words = "are both called the display"
        for text, both in (("VIRSH_GPU=09:00.0\nGPU_VIDEO=0c:00.0\n", True),
                           ("VIRSH_GPU=09:00.0\nGPU_VIDEO=09:00.1\n", True),
                           ("VIRSH_GPU=09:00.0\nGPU_VIDEO=09:00.0\n", False),
                           ("VIRSH_GPU=0c:00.0\nVIRSH_GPU=09:00.0\n", False),
                           ("VIRSH_GPU=09:00.0\nGPU_AUDIO=09:00.1\n", False)):
            self.assertEqual(words in self.run_import(self.file("kvm.conf", text))[1], both, text)

    def test_writeback(self):
        report = self.run_import(self.file("lsgp.conf", "writeback=1\n"))[1]
        self.assertIn("host_cpus", report.partition("For you to look at:")[2])
        self.assertNotIn("fixed time", report)
        self.assertNotIn("For you", self.run_import(self.file("lsgp.conf", "writeback=0\n"))[1])
        self.assertNotIn("For you", self.run_import(self.file("lsgp.conf", "host_cpus=0-1\n"
                                                              "writeback=1\n"))[1])


if __name__ == "__main__":
    tap.main()
