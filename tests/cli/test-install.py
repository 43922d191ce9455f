# SPDX-License-Identifier: GPL-2.0-or-later
"""What an installation consists of, where it goes, and that the options say so."""
import json
import os
import shutil
import stat
import subprocess
import tempfile
import unittest

import tap

MESON = os.environ["MESON"].split()
BUILD, SOURCE = os.environ["MESON_BUILD_ROOT"], os.environ["SOURCE_ROOT"]
MAN = os.environ["MAN_PAGES"] == "yes"

# Path and mode. HOOKS, SBIN and SHARE stand for what the options make of them.
FILES = {
    "HOOKS/qemu": 0o755,
    "LIB/systemd/catalog/virt-handoff.catalog": 0o644,
    "LIB/systemd/system/virt-handoff-awake@.service": 0o644,
    "LIB/systemd/system/virt-handoff-recover.service": 0o644,
    "SBIN/virt-handoff": 0o755,
    "SHARE/bash-completion/completions/virt-handoff": 0o644,
    "SHARE/fish/vendor_completions.d/virt-handoff.fish": 0o644,
    "SHARE/zsh/site-functions/_virt-handoff": 0o644,
    "SHARE/doc/virt-handoff/CHANGELOG.md": 0o644,
    "SHARE/doc/virt-handoff/examples/commands.conf": 0o644,
    "SHARE/doc/virt-handoff/examples/sound-server.conf": 0o644,
    "SHARE/doc/virt-handoff/examples/usb-controller.conf": 0o644,
    "SHARE/doc/virt-handoff/examples/win10.conf": 0o644,
}
PAGES = {
    "SHARE/man/man5/virt-handoff-kvm.conf.5": 0o644,
    "SHARE/man/man7/virt-handoff-hook.7": 0o644,
    "SHARE/man/man7/virt-handoff-internals.7": 0o644,
    "SHARE/man/man7/virt-handoff-security.7": 0o644,
    "SHARE/man/man8/virt-handoff.8": 0o644,
}
DIRECTORIES = {"HOOKS/kvm.conf.d": 0o755}


def expected(files, prefix, hooks):
    places = {"HOOKS": hooks, "SBIN": prefix + "/sbin", "SHARE": prefix + "/share",
              "LIB": prefix + "/lib"}
    return {places[name.split("/")[0]] + name[name.index("/"):]: mode
            for name, mode in files.items()}


def introspect(build, what):
    return json.loads(subprocess.run([*MESON, "introspect", what, build], capture_output=True,
                                     check=True).stdout)


class Temporary(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.temporary)


class Staging(Temporary):
    """An installation of this very build below a DESTDIR."""
    def setUp(self):
        super().setUp()
        subprocess.run([*MESON, "install", "-C", BUILD, "--no-rebuild", "--quiet",
                        "--destdir", self.temporary], check=True, capture_output=True)
        options = {option["name"]: option["value"]
                   for option in introspect(BUILD, "--buildoptions")}
        self.prefix = options["prefix"]
        self.hooks = options["hooksdir"] or os.path.join(
            self.prefix, options["sysconfdir"], "libvirt/hooks")

    def installed(self):
        files, directories = {}, {}
        for path, names, leaves in os.walk(self.temporary):
            for found, these in ((directories, names), (files, leaves)):
                for name in these:
                    full = os.path.join(path, name)
                    mode = stat.S_IMODE(os.lstat(full).st_mode)
                    found[full.removeprefix(self.temporary)] = mode
        return files, directories

    def test_files_and_modes(self):
        files, directories = self.installed()
        files = {name: mode for name, mode in files.items()
                 if not name.startswith(self.prefix + "/share/virt-handoff/hosts/")}
        wanted = FILES | (PAGES if MAN else {})
        self.maxDiff = None
        self.assertEqual(files, expected(wanted, self.prefix, self.hooks))
        for name, mode in expected(DIRECTORIES, self.prefix, self.hooks).items():
            self.assertEqual(directories.get(name), mode)
            self.assertEqual(os.listdir(self.temporary + name), [])

    def test_hook_runs(self):
        done = subprocess.run([self.temporary + self.hooks + "/qemu", "no-such-guest", "prepare",
                               "begin", "-"], check=False, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0)

    def test_nothing_of_the_build(self):
        """No installed file names the machine's folders it was built in."""
        for name in self.installed()[0]:
            if not name.endswith("/qemu") and "/sbin/" not in name:
                with open(self.temporary + name, "rb") as file:
                    self.assertNotIn(os.fsencode(SOURCE), file.read(), name)

    def test_unit(self):
        name = self.temporary + self.prefix + "/lib/systemd/system/virt-handoff-recover.service"
        with open(name, encoding="utf-8") as file:
            text = file.read()
        self.assertIn(f"\nExecStart={self.prefix}/sbin/virt-handoff recover\n", text)
        self.assertNotRegex(text, r"@[A-Z_]+@")

    def test_unit_is_sandboxed(self):
        """As far as its work allows, which is the undo of people's own commands, too: systemd
        counts exposure from 0 to 100."""
        if shutil.which("systemd-analyze") is None:
            self.skipTest("no systemd-analyze")
        name = self.temporary + self.prefix + "/lib/systemd/system/virt-handoff-recover.service"
        done = subprocess.run(["systemd-analyze", "security", "--no-pager", "--offline=yes",
                               "--threshold=47", name], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout[-300:] + done.stderr)

    def test_sample_hosts(self):
        """Each has its domain beside it."""
        path = self.temporary + self.prefix + "/share/virt-handoff/hosts"
        names = sorted(os.listdir(path))
        self.assertIn("nvidia-desktop.json", names)
        for name in names:
            self.assertIn(name.rpartition(".")[0] + ".xml", names)
            self.assertEqual(stat.S_IMODE(os.lstat(os.path.join(path, name)).st_mode) & 0o444,
                             0o444)

    def test_catalog_compiles(self):
        if shutil.which("journalctl") is None:
            self.skipTest("no journalctl")
        os.makedirs(self.temporary + "/usr/lib/systemd", exist_ok=True)
        os.makedirs(self.temporary + "/var/lib/systemd/catalog")
        catalog = self.temporary + "/usr/lib/systemd/catalog"
        if not os.path.exists(catalog):
            os.rename(self.temporary + self.prefix + "/lib/systemd/catalog", catalog)
        done = subprocess.run(["journalctl", "--root", self.temporary, "--update-catalog"],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        database = os.path.join(self.temporary, "var/lib/systemd/catalog/database")
        with open(database, "rb") as file, \
                open(os.path.join(SOURCE, "conf/virt-handoff.catalog"), encoding="utf-8") as source:
            compiled = file.read()
            for line in source:
                if line.startswith("Subject: "):
                    self.assertIn(line.strip().encode(), compiled)


class Options(Temporary):
    """Where other options put things, without building."""
    def configure(self, *options):
        return subprocess.run([*MESON, "setup", "-Dtests=false", *options,
                               self.temporary, SOURCE], capture_output=True, text=True,
                              check=False)

    def check(self, options, prefix, hooks):
        done = self.configure(*options)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        found = set(introspect(self.temporary, "--installed").values())
        wanted = FILES | (PAGES if MAN else {})
        self.assertLessEqual(set(expected(wanted, prefix, hooks)), found)
        with open(self.temporary + "/build-config.h", encoding="utf-8") as file:
            text = file.read()
        for line in (f'HOOKS_DIR "{hooks}"', f'ENGINE "{prefix}/sbin/virt-handoff"',
                     f'DATA_DIR "{prefix}/share/virt-handoff"',
                     'STATE_DIR "/run/virt-handoff"'):
            self.assertIn(f"#define {line}\n", text)

    def test_usr(self):
        self.check(["--prefix=/usr"], "/usr", "/etc/libvirt/hooks")

    def test_prefix_and_sysconfdir(self):
        self.check(["--prefix=/opt/x", "--sysconfdir=/opt/etc"], "/opt/x", "/opt/etc/libvirt/hooks")

    def test_hooksdir(self):
        self.check(["--prefix=/usr", "-Dhooksdir=/var/lib/hooks"], "/usr", "/var/lib/hooks")

    def test_systemd_directories(self):
        done = self.configure("--prefix=/usr", "-Dcatalogdir=/x/catalog",
                              "-Dsystemdsystemunitdir=/x/units", "-Dman=disabled")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        found = set(introspect(self.temporary, "--installed").values())
        self.assertIn("/x/catalog/virt-handoff.catalog", found)
        self.assertIn("/x/units/virt-handoff-recover.service", found)
        self.assertEqual([name for name in found if "/man/" in name], [])

    def test_security_modules(self):
        for tool in ("checkmodule", "semodule_package"):
            if shutil.which(tool) is None:
                self.skipTest("no " + tool)
        done = self.configure("--prefix=/usr/local", "--sysconfdir=/etc", "-Dselinux=enabled",
                              "-Dapparmor=enabled")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        subprocess.run([*MESON, "compile", "-C", self.temporary, "selinux-package"],
                       check=True, capture_output=True)
        with open(self.temporary + "/conf/virt-handoff.apparmor", encoding="utf-8") as file:
            self.assertIn("\n/usr/local/sbin/virt-handoff PUx,\n", file.read())
        found = set(introspect(self.temporary, "--installed").values())
        self.assertLessEqual({"/etc/apparmor.d/abstractions/virt-handoff",
                              "/usr/local/share/selinux/packages/virt-handoff.pp"}, found)

    def test_wrong_options(self):
        for option in ("-Dman=perhaps", "-Dtests=perhaps", "-Dhookdir=/x"):
            self.assertNotEqual(self.configure(option).returncode, 0, option)


if __name__ == "__main__":
    tap.main()
