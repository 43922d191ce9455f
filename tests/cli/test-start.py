# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb start: what it says while there is a screen, and whom it asks."""
import fcntl
import json
import os
import pty
import shutil
import struct
import subprocess
import tempfile
import termios
import unittest

import tap

ENGINE = os.environ["ENGINE_UNDER_TEST"]
HOSTS = os.path.join(os.environ["SOURCE_ROOT"], "conf", "hosts")
HOST = os.path.join(HOSTS, "nvidia-desktop")
# Of this machine; other tests write per-VM files at the same time, none for that one.
GUEST = "evening"
DOMAIN = ("<domain type='kvm'><name>{name}</name><uuid>11111111-2222-3333-4444-555555555555</uuid>"
          "<devices>{}</devices></domain>")
ABSENT = ("<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' "
          "bus='0x7f' slot='0x1f' function='0x7'/></source></hostdev>")


def run(*arguments, engine=ENGINE, **options):
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([engine, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, check=False, **options)


class Start(unittest.TestCase):
    def xml(self, devices="", name=GUEST):
        file = tempfile.NamedTemporaryFile("w", suffix=".xml")
        self.addCleanup(file.close)
        file.write(DOMAIN.format(devices, name=name))
        file.flush()
        return file.name

    def test_what_ends(self):
        result = run("start", "--xml", HOST + ".xml", "--host", HOST + ".json", "win10")
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        for words in (b"Starting win10 takes 3 devices", b"takes: 0000:09:00.0, ",
                      b"ends: session 2 of anna, KDE",
                      b"ends: Xorg (pid 962, user root), which has /dev/dri/card0 open",
                      b"ends: pipewire (pid 1301, user anna)", b"nothing is started"):
            self.assertIn(words, result.stdout)
        self.assertNotIn(b"blocks", result.stdout)
        for line in result.stdout.decode().splitlines():
            self.assertTrue(len(line) <= 80 or "/" in line, line)

    def host(self, change, name="nvidia-desktop"):
        with open(os.path.join(HOSTS, name + ".json"), encoding="utf-8") as file:
            host = json.load(file)
        change(host)
        file = tempfile.NamedTemporaryFile("w", suffix=".json")
        self.addCleanup(file.close)
        json.dump(host, file)
        file.flush()
        return file.name

    def test_running_already(self):
        def run_it(host):
            host["guests"] = [{"name": "win10", "pid": host["processes"][0]["pid"]}]
        result = run("start", "--xml", HOST + ".xml", "--host", self.host(run_it), "win10")
        self.assertEqual((result.returncode, result.stdout), (1, b""))
        self.assertEqual(result.stderr, b"virt-handoff: win10: the guest is running already\n")

    def config(self, text):
        file = tempfile.NamedTemporaryFile("w", suffix=".conf")
        self.addCleanup(file.close)
        file.write(text)
        file.flush()
        return ["--config", file.name]

    def said(self, change, *options, name="nvidia-desktop"):
        """Exit status, and what it said on lines of any length."""
        result = run("start", "--xml", os.path.join(HOSTS, name + ".xml"), "--host",
                     self.host(change, name), *options, "win10")
        return result.returncode, " ".join(result.stdout.decode().split()), result.stderr.decode()

    def test_who_blocks(self):
        """What has no session and no unit that stops. --force goes on."""
        def change(host):
            host["processes"] += [{"pid": 78, "command": "stray", "uid": 0, "nodes": ["/dev/nvidia0"]}]
        status, text, error = self.said(change)
        self.assertEqual(status, 1)
        for words in ("blocks: stray (pid 78, user root), which has /dev/nvidia0 open: end it first "
                      "(kill 78)", "ends: wireplumber", "ends: Xorg", "ends: session 2 of anna"):
            self.assertIn(words, text)
        self.assertEqual(text.count("stray (pid 78"), 1, text)
        self.assertIn("not started, as what blocks the start is named above (--force", error)
        self.assertEqual(self.said(change, "--force")[0], 0)

    def test_sound_server_stays(self):
        """Of a user who lingers, or who is logged in from elsewhere, too: the start cannot succeed."""
        def lingers(host):
            for user in host["users"]:
                user["linger"] = user["name"] == "anna"

        def remote(host):
            host["sessions"].append({"id": "9", "uid": 1000, "type": "tty", "class": "user"})
        for change, why in ((lingers, "(anna lingers, so services stay)"),
                            (remote, "(session 9 of anna stays, and services with it)")):
            status, text, _ = self.said(change, "--force")
            self.assertEqual(status, 1)
            self.assertIn("cannot: wireplumber (pid 1303, user anna, wireplumber.service) keeps "
                          '/dev/snd/controlC1 open: add "wireplumber.service" to stop_user in the '
                          "guest's file " + why, text)
            self.assertEqual(text.count("wireplumber (pid 1303"), 1, text)
            status, text, _ = self.said(change, *self.config(
                'stop_user = [ "wireplumber.service", "pipewire*" ];'))
            self.assertEqual(status, 0, text)

    def test_user_service_stays(self):
        """As a container that computes on the card; what its manager ends with the desktop is none."""
        def change(tied):
            def of(host):
                for user in host["users"]:
                    user["linger"] = user["name"] == "anna"
                host["processes"].append({
                    "pid": 78, "command": "ollama", "uid": 1000, "unit": "user@1000.service",
                    "user_unit": "ollama.service", "nodes": ["/dev/nvidia0"], "of_desktop": tied})
            return of
        mute = self.config('stop_user = [ "wireplumber.service", "pipewire*" ];')
        status, text, _ = self.said(change(False), "--force", *mute)
        self.assertEqual(status, 1)
        self.assertIn("cannot: ollama (pid 78, user anna, ollama.service) keeps /dev/nvidia0 open: add "
                      '"ollama.service" to stop_user in the guest\'s file (anna lingers', text)
        status, text, _ = self.said(change(True), *mute)
        self.assertEqual(status, 0, text)
        self.assertIn("ends: ollama", text)

    def test_desktop_of_user_units(self):
        """GNOME's shell is a user's service and ends with its session; logind's copies of the card
        are with it and with systemd, and nobody has to end them."""
        def change(host):
            host["sessions"].append({"id": "9", "uid": 1000, "type": "tty", "class": "user"})
            for process in host["processes"]:
                if process["command"] == "kwin_x11":
                    process.update(command="gnome-shell", user_unit="org.gnome.Shell@wayland.service",
                                   unit="user@1000.service", nodes=["/dev/dri/card0"])
                if process["command"] == "systemd-logind":
                    process["nodes"] = ["/dev/dri/card0"]
            host["units"].append({"id": "init.scope", "active": "active"})
            host["processes"].append({"pid": 2, "command": "systemd", "uid": 0, "unit": "init.scope",
                                      "nodes": ["/dev/dri/card0"]})
        status, text, error = self.said(change, *self.config(
            'stop_user = [ "wireplumber.service", "pipewire*" ];'))
        self.assertEqual(status, 0, text + error)
        self.assertIn("ends: gnome-shell", text)
        self.assertNotIn("systemd", text)

    def test_what_never_goes(self):
        """It is a reason of the plan's, in spite of which nothing starts."""
        def change(host):
            host["units"].append({"id": "ollama.service", "active": "active"})
            host["processes"] += [{"pid": 77, "command": "worker", "uid": 0, "unit": "ollama.service",
                                   "nodes": ["/dev/nvidia0"]}]
        status, text, _ = self.said(change, "--force")
        self.assertEqual(status, 1)
        self.assertIn("cannot: worker (pid 77, user root, ollama.service) keeps /dev/nvidia0 open: add "
                      '"ollama.service" to stop', text)
        status, text, _ = self.said(change, *self.config('holders = "terminate";'))
        self.assertEqual(status, 0)
        self.assertIn("is stopped: worker (pid 77, user root)", text)

    def test_another_guest(self):
        """It is not ended, whatever the guest's file says, and not said to be."""
        def change(host):
            host["units"].append({"id": "machine-qemu-x.scope", "active": "active"})
            host["processes"] += [{"pid": 79, "command": "qemu-system-x86", "uid": 0,
                                   "unit": "machine-qemu-x.scope", "nodes": ["/dev/nvidia0"]},
                                  {"pid": 78, "command": "stray", "uid": 0, "nodes": ["/dev/nvidia0"]}]
        for file in ("", 'holders = "terminate";'):
            status, text, _ = self.said(change, *self.config(file))
            self.assertEqual(status, 1)
            self.assertIn("cannot: qemu-system-x86 (pid 79, user root, machine-qemu-x.scope) keeps "
                          "/dev/nvidia0 open: shut that guest down first", text)
            self.assertNotIn("terminated: qemu", text)

    def test_desktop_stays(self):
        """It draws on the other card, and the plan stops only the driver's own daemon."""
        def change(host):
            for process in host["processes"]:
                if process["command"] == "gnome-shell":
                    process["nodes"] = ["/dev/dri/card0", "/dev/dri/renderD128"]
        status, text, _ = self.said(change, name="laptop-hybrid")
        self.assertEqual(status, 1)
        for words in ("ends: session 3", "ends: wireplumber", "ends: gnome-shell"):
            self.assertNotIn(words, text)
        self.assertIn("cannot: wireplumber (pid 1262, user anna, wireplumber.service) keeps", text)
        self.assertIn("(session 3 of anna stays, and services with it)", text)

    def test_text_console(self):
        """A compositor begun there: nothing of the plan ends it, unless sessions says so."""
        def change(host):
            host["units"] = [one for one in host["units"] if one["id"] != "sddm.service"]
            for session in host["sessions"]:
                del session["desktop"], session["unit"]
                session.update(type="tty", process="kwin_wayland")
            gone = ("sddm", "Xorg", "sddm-helper", "startplasma-x11")
            host["processes"] = [one for one in host["processes"] if one["command"] not in gone]
            for process in host["processes"]:
                if process["command"] == "kwin_x11":
                    del process["unit"], process["user_unit"]
                    process.update(command="kwin_wayland", session="2")
                    process["nodes"].append("/dev/dri/card0")
        status, text, error = self.said(change)
        self.assertEqual(status, 1)
        self.assertIn("blocks: nothing that is stopped ends session 2 of anna", text)
        self.assertEqual(text.count("ends session 2 of anna"), 1, text)
        for words in ("ends: plasmashell", "ends: firefox", "ends: pipewire", "session-2.scope",
                      "blocks: kwin_wayland"):
            self.assertNotIn(words, text)
        self.assertIn("goes with its session: plasmashell", text)
        self.assertIn("--force", error)
        status, text, _ = self.said(change, *self.config('sessions = "terminate";'))
        self.assertEqual(status, 0)
        self.assertIn("ends: session 2 of anna", text)
        self.assertIn("ends: kwin_wayland", text)

    def test_check_is_asked(self):
        """A failure that only the doctor finds refuses; --force goes on."""
        def change(host):
            host["files"] = [one for one in host.get("files", []) if "/proc/" not in one["path"]]
            host["files"] += [{"path": "/proc/cmdline", "text": "quiet rd.driver.pre=vfio-pc"},
                              {"path": "/run/x", "text": "y"}]
        start = ["start", "--xml", HOST + ".xml", "--host", self.host(change), "win10"]
        result = run(*start)
        self.assertEqual(result.returncode, 1)
        for words in (b"  failure: guest's networks: network default is not active\n",
                      b"    -> sudo virsh net-start default && sudo virsh net-autostart default\n",
                      b"  warning: kernel parameters: rd.driver.pre names no module: vfio-pc\n",
                      b"Starting win10 takes"):
            self.assertIn(words, result.stdout)
        self.assertIn(b"--force", result.stderr)
        self.assertEqual(run(*start, "--force").returncode, 0)

    def test_refusals(self):
        result = run("start", "--yes", "--xml", self.xml(ABSENT, "win10"), "--host", HOST + ".json", "win10")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr.count(b"\n"), 1)
        self.assertIn(b"not started", result.stderr)
        self.assertIn(b"cannot: ", result.stdout)
        self.assertIn(b"0000:7f:1f.7", result.stdout)
        self.assertNotIn(b"takes", result.stdout)
        forced = run("start", "--force", "--xml", self.xml(ABSENT, "win10"), "--host", HOST + ".json", "win10")
        self.assertEqual(forced.returncode, 1)

    def test_nobody_to_ask(self):
        result = run("start", "--xml", self.xml(), GUEST)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"--yes", result.stderr)

    def test_no(self):
        for answer in (b"n\n", b"\n", b"\x04", b"nonsense that is longer than any answer\n"):
            with self.subTest(answer=answer):
                master, slave = pty.openpty()
                os.write(master, answer)
                result = run("start", "--xml", self.xml(), GUEST, stdin=slave)
                os.close(slave)
                os.close(master)
                self.assertEqual(result.returncode, 1)
                self.assertIn(b"Go on? [y/N] ", result.stdout)
                self.assertIn(b"not started", result.stderr)

    def test_yes_starts_it(self):
        """Without systemd by ourselves; whoever runs the tests has no guest of that name."""
        if os.path.exists("/run/systemd/system"):
            self.skipTest("this host's systemd would really be asked")
        master, slave = pty.openpty()
        os.write(master, b"y\n")
        result = run("start", "--xml", self.xml(), GUEST, stdin=slave)
        os.close(slave)
        os.close(master)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"start evening (see: virsh start evening): ", result.stderr)

    def test_narrow_terminal(self):
        """As over SSH from a telephone, which the guide recommends."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 50, 0, 0))
        done = subprocess.run([ENGINE, "start", "--xml", HOST + ".xml", "--host", HOST + ".json", "win10"],
                              stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.PIPE, timeout=60,
                              check=False, env={**os.environ, "NO_COLOR": "1"})
        os.close(slave)
        text = os.read(master, 65536).decode()
        os.close(master)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertGreater(len(text.splitlines()), 10)
        # A path is one word.
        self.assertLessEqual(max(len(line) for line in text.splitlines() if " " in line.strip()), 50, text)

    def test_desktop_entry(self):
        """Never over another; valid for the desktops; each guest has a file of its own."""
        with tempfile.TemporaryDirectory() as root:
            directory = root + os.path.join(os.environ["ENGINE_ROOT"], "launchers")
            for guest in ("win10", 'a "b" `c` $d \\e %f/\n', "x" * 250):
                result = run("start", "--desktop-entry", "--root", root, guest)
                self.assertEqual((result.returncode, result.stderr), (0, b""))
                again = run("start", "--desktop-entry", "--root", root, guest)
                self.assertEqual(again.returncode, 1)
                self.assertIn(b"--force", again.stderr)
            names = sorted(os.listdir(directory))
            self.assertEqual(len(names), 3)
            with open(os.path.join(directory, "virt-handoff-win10.desktop"),
                      encoding="utf-8") as file:
                text = file.read()
            self.assertRegex(text, r'(?m)^Exec=/\S+/virt-handoff start-asked -- "win10"$')
            self.assertIn("\nTerminal=true\n", text)
            if shutil.which("desktop-file-validate"):
                for name in names:
                    done = subprocess.run(["desktop-file-validate", os.path.join(directory, name)],
                                          capture_output=True, text=True, check=False)
                    self.assertEqual((done.returncode, done.stdout), (0, ""), name)

    def asked(self, engine=ENGINE, **options):
        """The terminal does not close before somebody has read what came of it."""
        master, slave = pty.openpty()
        os.write(master, b"\n")
        result = run("start-asked", "--", "no such guest", stdin=slave, engine=engine, **options)
        os.close(slave)
        os.close(master)
        self.assertIn(b"Enter closes this window", result.stdout)
        return result

    @unittest.skipIf(os.geteuid(), "only root is not asked for a password")
    def test_launcher_of_root(self):
        result = self.asked()
        self.assertEqual(result.returncode, 1)
        self.assertNotIn(b"password", result.stdout)
        self.assertIn(b"no such guest", result.stderr)

    def test_launcher_asks_for_a_password(self):
        """By the first program that this host has for that; what that program says is the end."""
        nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o755)
            # Where nobody may go.
            engine = shutil.copy(ENGINE, directory)
            options = {"engine": engine, "env": {"PATH": directory}, **nobody}
            result = self.asked(**options)
            self.assertEqual(result.returncode, 1)
            self.assertIn(b"no such guest: only root may start it, and there is no pkexec, sudo",
                          result.stderr)
            start = ["start", "--", "no such guest"]
            for status, (name, before) in enumerate((
                    ("su", ["-s", "/bin/sh", "-c", 'exec "$0" "$@"', "--", "root"]), ("sudo", []),
                    ("pkexec", [])), start=2):
                path = os.path.join(directory, name)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(f"#!/bin/sh\nprintf '<%s>' {name} \"$@\"\nexit {status}\n")
                os.chmod(path, 0o755)
                result = self.asked(**options)
                # An engine that counts its lines complains that nobody may write the counts.
                errors = [line for line in result.stderr.splitlines() if not line.startswith(b"profiling:")]
                self.assertEqual((result.returncode, errors), (status, []))
                self.assertIn("".join(f"<{word}>" for word in [name, *before, engine, *start]),
                              result.stdout.decode())

    def test_start_now_of_no_guest(self):
        result = run("start-now", "no such guest")
        self.assertEqual((result.returncode, result.stdout), (1, b""))
        self.assertIn(b"libvirt", result.stderr)

    def test_tell_without_systemd(self):
        """Nobody waits where no unit was made for it."""
        with tempfile.TemporaryDirectory() as root:
            result = run("tell", "--root", root, "--", "a text")
        self.assertEqual((result.returncode, result.stdout), (1, b""))
        self.assertIn(b"systemd does not run this host", result.stderr)


if __name__ == "__main__":
    tap.main()
