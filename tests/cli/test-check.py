# SPDX-License-Identifier: GPL-2.0-or-later
"""check from outside: what it prints, and its exit status."""
import json
import os
import subprocess
import tempfile
import unittest

import tap

# Only a name here: what is below it are files of the snapshots.
ROOT = os.environ["ENGINE_ROOT"]
ENGINE = os.environ["ENGINE_UNDER_TEST"]
HOSTS = os.path.join(os.environ["SOURCE_ROOT"], "conf", "hosts")
HOOKS = os.path.join(ROOT, "hooks")
SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
RESET = "/sys/bus/pci/devices/0000:%s/reset_method"
FILES = {
    "/proc/cpuinfo": "vendor_id : AuthenticAMD\nflags : fpu svm",
    "/proc/cmdline": "ro quiet iommu=pt",
    "/proc/iomem": "00000000-00000fff : Reserved",
    "/proc/meminfo": "MemTotal: 33554432 kB\nHugepagesize: 2048 kB",
    "/proc/stat": "cpu 1\nbtime 1700000000",
    "/sys/kernel/security/lockdown": "[none] integrity confidentiality",
    "/sys/module/apparmor/parameters/enabled": "N",
    "/sys/fs/cgroup/x": "",
    "/etc/passwd": "root:x:0:0::/:\nanna:x:1000:1000::/home/anna:",
    "/etc/group": "libvirt:x:140:anna\nkvm:x:109:anna\ninput:x:104:anna",
    "/etc/libvirt/qemu/networks/default.xml": "<network/>",
    "/etc/libvirt/qemu/networks/autostart/default.xml": "<network/>",
    "/etc/libvirt/qemu/win10.xml": "<domain/>",
    "/etc/systemd/system/libvirtd.service.wants/virt-handoff-recover.service": "",
    "/run/libvirt/network/default.xml": "<networkstatus/>",
    "/run/libvirtd.pid": "810",
    "/var/lib/libvirt/images/win10.qcow2": "",
    HOOKS + "/kvm.conf.d/win10.conf": "# all defaults",
    RESET % "09:00.0": "bus", RESET % "09:00.1": "bus", RESET % "0b:00.3": "flr",
}


def machine(**changes):
    """The sample host with files, as they are on one where all is well, and changes to them."""
    with open(os.path.join(HOSTS, "nvidia-desktop.json"), encoding="utf-8") as file:
        host = json.load(file)
    files = {**FILES, **changes.get("files", {})}
    host["files"] = [{"path": path, "text": text} if text else {"path": path}
                     for path, text in files.items() if text is not None]
    host["files"] += [
        {"path": SECURE_BOOT, "hex": "0600000000"},
        {"path": HOOKS + "/qemu", "text": "ELF " + ROOT + "/virt-handoff", "mode": "0755",
         "changed": 1700000000},
        {"path": ROOT + "/virt-handoff", "text": "ELF", "mode": "0755"}]
    return host


class Check(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.dir = scratch.name

    def check(self, host, *arguments, status=0):
        path = os.path.join(self.dir, "host.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(host, file)
        done = subprocess.run([ENGINE, "check", "--host", path, *arguments], capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (status, ""), done.stdout)
        return done.stdout

    def states(self, host, *arguments, status=0):
        report = json.loads(self.check(host, "--json", *arguments, status=status))
        self.assertEqual(report["state"], ["ok", "warning", "failure"][status])
        return {(one["about"], one["id"]): one["state"] for one in report["findings"]}

    def guest(self, *changes):
        with open(os.path.join(HOSTS, "nvidia-desktop.xml"), encoding="utf-8") as file:
            text = file.read()
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        path = os.path.join(self.dir, "guest.xml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return ["--xml", path, "win10"]

    def test_well(self):
        states = self.states(machine(), *self.guest())
        self.assertEqual({key for key, state in states.items() if state != "ok"}, set())
        self.assertEqual(len([key for key in states if key[0] == "host"]), 21)
        self.assertEqual(len([key for key in states if key[0] == "guest"]), 15)
        text = self.check(machine(), *self.guest())
        self.assertIn("\nAll is well.\n", text)
        self.assertRegex(text, r"(?m)^ok +plan +\d+ steps, nothing against it$")

    def test_host_only(self):
        states = self.states(machine())
        self.assertEqual({about for about, _ in states}, {"host"})

    def test_emulated_guest(self):
        """It needs no help of the processor."""
        host = machine(files={"/proc/cpuinfo": "flags : fpu sse"})
        self.assertEqual(self.states(host, status=2)[("host", "virtualization")], "failure")
        states = self.states(host, *self.guest(("<domain type='kvm'", "<domain type='qemu'")))
        self.assertEqual(states[("host", "virtualization")], "ok")

    def finding(self, host, name, *arguments, status=1):
        report = json.loads(self.check(host, "--json", *arguments, status=status))
        return [one for one in report["findings"] if one["id"] == name]

    def test_reset_of_a_sibling(self):
        """The sound of a card is reset with its bus, which is all passed; not so when something
        on it stays with the host, or when nothing of the card can be reset."""
        together = "0000:09:00.1 is reset together with all that is passed beside it"
        none = "the kernel has no reset for 0000:09:00."
        for methods, beside, wanted in (("flr", False, [together]), ("pm", False, [together]),
                                        ("flr", True, [none + "1"]), ("", False, [none + "0", none + "1"])):
            host = machine(files={RESET % "09:00.0": methods, RESET % "09:00.1": ""})
            if beside:
                host["functions"].append({"address": "0000:09:00.2", "class": "0x0c8000",
                                          "vendor": "0x10de", "device": "0x1ad9", "group": 17})
            report = json.loads(self.check(host, "--json", *self.guest(),
                                           status=0 if wanted == [together] else 1))
            self.assertEqual([one["what"] for one in report["findings"] if one["id"] == "reset"],
                             wanted)

    def test_no_domain(self):
        """Why is said once, with what to do, and it is not all well."""
        text = self.check(machine(), "win11", status=2)
        self.assertEqual(" ".join(text.split()).count("the snapshot has no domain of guest win11"), 1)
        self.assertIn("--xml FILE", text)
        host = machine(files={HOOKS + "/kvm.conf.d/win11.conf": ""})
        self.assertEqual(self.states(host, "win11", status=1)[("guest", "domain")], "warning")

    def test_who_is_not_stopped(self):
        """Neither another guest nor a part of the system is to be added to stop."""
        host = machine()
        host["units"].append({"id": "machine-qemu-x.scope", "active": "active"})
        host["processes"].append({"pid": 79, "command": "qemu-system-x86", "uid": 0,
                                  "unit": "machine-qemu-x.scope", "nodes": ["/dev/nvidia0"]})
        # logind's copies of its sessions' cards, with systemd.
        host["units"].append({"id": "init.scope", "active": "active"})
        host["processes"].append({"pid": 2, "command": "systemd", "uid": 0, "unit": "init.scope",
                                  "nodes": ["/dev/dri/card0"]})
        for one in host["processes"]:
            if one["command"] == "systemd-logind":
                one["nodes"] = ["/dev/dri/card0"]
        for arguments, status in (([], 1), (self.guest(), 2)):
            mends = [one["mend"] for one in self.finding(host, "holders", *arguments, status=status)
                     if one["state"] != "ok"]
            self.assertEqual(mends, ["shut that guest down first"])

    def test_as_the_plan_has_it(self):
        """A service that prepare stops is no warning, and one of the system's stays one."""
        host = machine(files={HOOKS + "/kvm.conf.d/win10.conf": 'stop = [ "a", "display-manager" ];'})
        host["units"].append({"id": "a.service", "active": "active"})
        host["processes"].append({"pid": 79, "command": "a", "uid": 0, "unit": "a.service",
                                  "nodes": ["/dev/nvidia0"]})
        found = self.finding(host, "holders", *self.guest(), status=0)
        self.assertIn("a.service, which prepare stops, holds 0000:09:00.0",
                      [one["what"] for one in found])
        found = self.finding(host, "holders")
        self.assertIn('add "a.service" to stop in the guest\'s file, so that it is stopped for as long as '
                      "the guest runs, or: sudo systemctl stop a.service",
                      [one.get("mend") for one in found])

    def test_text_console(self):
        """A compositor begun there is a desktop that nothing stops, with a display manager or not."""
        for manager in (True, False):
            host = machine()
            for session in host["sessions"]:
                session.pop("unit", None)
                session.update(type="tty", process="kwin_wayland")
            gone = ("Xorg", "sddm-helper", "startplasma-x11") + (() if manager else ("sddm",))
            host["processes"] = [one for one in host["processes"] if one["command"] not in gone]
            host["processes"].append({"pid": 80, "command": "kwin_wayland", "uid": 1000,
                                      "session": "2", "nodes": ["/dev/dri/card0"]})
            if not manager:
                host["units"] = [one for one in host["units"] if one["id"] != "sddm.service"]
            found = self.finding(host, "display-manager", *self.guest())
            self.assertEqual([(one["state"], one["what"]) for one in found], [
                ("warning", "sddm.service is active, but anna has a desktop that does not end with it "
                            "(session 2)" if manager else
                 "there is none, but anna has a desktop (session 2)")])
            self.assertIn("log out first", found[0]["mend"])
            host["files"] = [one for one in host["files"] if not one["path"].endswith("win10.conf")]
            host["files"].append({"path": HOOKS + "/kvm.conf.d/win10.conf",
                                  "text": 'sessions = "terminate";'})
            found = self.finding(host, "display-manager", *self.guest(), status=0)
            self.assertEqual([one["state"] for one in found], ["ok"])

    def test_warning(self):
        host = machine(files={"/proc/cmdline": "quiet rd.driver.pre=vfio-pc"})
        self.assertEqual(self.states(host, status=1)[("host", "parameters")], "warning")
        text = self.check(host, status=1)
        self.assertIn(
            "warning  kernel parameters           rd.driver.pre names no module: vfio-pc\n"
            "         A slip goes unnoticed, and one that is right may do harm all the same.\n"
            "         -> write rd.driver.pre=vfio-pci instead of rd.driver.pre=vfio-pc\n", text)
        self.assertIn("\nIt can work, with what is said above in mind.\n", text)

    def test_failure(self):
        host = machine(files={"/run/libvirt/network/default.xml": None, "/run/x": "y"})
        states = self.states(host, *self.guest(), status=2)
        self.assertEqual(states[("host", "default-network")], "warning")
        self.assertEqual(states[("guest", "networks")], "failure")
        text = self.check(host, *self.guest(), status=2)
        self.assertIn("-> sudo virsh net-start default", text)
        self.assertTrue(text.endswith("\n\nIt will not work like this.\n"), text)

    def test_refusals_are_failures(self):
        moved = self.guest(("bus='0x09' slot='0x00' function='0x1'",
                            "bus='0x0c' slot='0x00' function='0x1'"))
        self.assertEqual(self.states(machine(), *moved, status=2)[("guest", "plan")], "failure")
        self.assertIn("shares IOMMU group 16", " ".join(self.check(machine(), *moved,
                                                                   status=2).split()))

    def test_what_the_host_runs_on(self):
        """Its disk and its network are no devices for a guest."""
        for bus, slot, words in (("0x01", "0x00", "/dev/nvme0n1p2"), ("0x04", "0x00", "enp4s0")):
            moved = self.guest(("bus='0x0b' slot='0x00' function='0x3'",
                                f"bus='{bus}' slot='{slot}' function='0x0'"))
            report = json.loads(self.check(machine(), "--json", *moved, status=2))
            whats = [one["what"] for one in report["findings"] if one["id"] == "plan"]
            self.assertTrue(any(words in what for what in whats), whats)

    def test_apparmor_of_another_prefix(self):
        """libvirt's profile lets programs of /usr/sbin run: this build's is elsewhere."""
        host = machine(files={
            "/sys/module/apparmor/parameters/enabled": "Y",
            "/sys/kernel/security/apparmor/profiles": "libvirtd (enforce)"})
        report = json.loads(self.check(host, "--json", status=2))
        found = [one for one in report["findings"] if one["id"] == "apparmor"]
        self.assertEqual((found[0]["state"], found[0]["mend"]),
                         ("failure", "install virt-handoff with prefix /usr"))

    def test_bad_file(self):
        host = machine(files={HOOKS + "/kvm.conf.d/win10.conf": "timeout = 0;\nfoo = 1;"})
        report = json.loads(self.check(host, "--json", *self.guest(), status=2))
        wrong = [one["what"] for one in report["findings"] if one["id"] == "file"]
        self.assertEqual(len(wrong), 2)
        self.assertIn("win10.conf:1: timeout: ", wrong[0])
        text = " ".join(self.check(host, *self.guest(), status=2).split())
        for once in ("With a slip in this file the guest does not start.", "-> correct it"):
            self.assertEqual(text.count(once), 1, text)
        self.assertNotIn("leaves alone a guest", text)

    def test_what_cannot_be_measured(self):
        """A snapshot without files: much is unknown, nothing is claimed, and that is no failure."""
        path = os.path.join(HOSTS, "nvidia-desktop.json")
        with open(path, encoding="utf-8") as file:
            text = self.check(json.load(file))
        self.assertRegex(text, r"\nAll is well; \d+ of 21 could not be measured\.\n")
        self.assertNotIn("failure", text)

    def test_every_sample(self):
        for name in sorted(os.listdir(HOSTS)):
            if not name.endswith(".json"):
                continue
            with self.subTest(host=name), open(os.path.join(HOSTS, name),
                                               encoding="utf-8") as file:
                host = json.load(file)
                for line in self.check(host).splitlines():
                    longest = max(map(len, line.split(" ")), default=0)
                    self.assertTrue(len(line) <= 80 or longest > 40, line)

    def test_tree(self):
        """Another root: this machine's bus and files are not asked."""
        tree = os.path.join(self.dir, "tree")
        os.makedirs(os.path.join(tree, "proc"))
        with open(os.path.join(tree, "proc/cmdline"), "w", encoding="utf-8") as file:
            file.write("quiet amd_iommu=off\n")
        done = subprocess.run([ENGINE, "check", "--json", "--root", tree], capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (2, ""))
        found = {one["id"]: one["state"] for one in json.loads(done.stdout)["findings"]}
        self.assertEqual((found["parameters"], found["daemon"], found["hook"], found["virtualization"]),
                         ("failure", "unknown", "unknown", "unknown"))

    def test_no_snapshot(self):
        done = subprocess.run([ENGINE, "check", "--host", "/nonexistent"], capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("/nonexistent", done.stderr)


if __name__ == "__main__":
    tap.main()
