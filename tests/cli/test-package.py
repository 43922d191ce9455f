# SPDX-License-Identifier: GPL-2.0-or-later
"""The packages: built by conf/package, installed and removed in a copy of this machine's root that forgets."""
import hashlib
import json
import os
import re
import shutil
import unittest

import overlay
from overlay import CLONE, HOOKS, ROOT, STATE, inside, read, write

FOREIGN = "#!/bin/sh\n# somebody's dispatcher\n"
NIX = """
let recipe = import %s;
    wanted = builtins.functionArgs recipe;
    names = builtins.mapAttrs (name: _: name) wanted;
in recipe (names // {
    lib = { cleanSource = toString; licenses.gpl2Plus = "GPL-2.0-or-later"; platforms.linux = [ ]; };
    stdenv.mkDerivation = attributes: attributes;
})
"""
OUT = "/tmp/packages"
DEB = OUT + "/virt-handoff_*.deb"


def digests(directory):
    return {name: hashlib.sha256(open(f"{ROOT}{directory}/{name}", "rb").read()).hexdigest()
            for name in os.listdir(ROOT + directory)}


class Recipes(unittest.TestCase):
    def test_versions(self):
        """All recipes make the version that meson.build names."""
        version = re.search(r"version: '(.*?)'", read(ROOT + CLONE + "/meson.build")).group(1)
        for name, pattern in (("debian/changelog", r"virt-handoff \((.*?)-\d"),
                              ("virt-handoff.spec", r"Version: *(.*)"), ("PKGBUILD", r"pkgver=(.*)"),
                              ("default.nix", r'version = "(.*)"')):
            with self.subTest(recipe=name):
                text = read(f"{ROOT}{CLONE}/conf/packages/{name}")
                self.assertEqual(re.search(pattern, text).group(1), version)

    def test_nix(self):
        """Evaluated, with names in place of nixpkgs' packages."""
        if not shutil.which("nix-instantiate"):
            self.skipTest("no nix-instantiate")
        done = inside("nix-instantiate", "--eval", "--strict", "--json", "--store", "dummy://", "-E",
                      NIX % (CLONE + "/conf/packages/default.nix"))
        self.assertEqual(done.returncode, 0, done.stdout)
        recipe = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual(os.path.normpath(recipe["src"]), CLONE)
        self.assertLessEqual({"glib", "json-glib", "kmod", "libconfig", "libvirt", "libxml2", "pciutils", "systemd"},
                             set(recipe["buildInputs"]))
        options = read(ROOT + CLONE + "/meson_options.txt")
        for flag in recipe["mesonFlags"]:
            self.assertIn(f"option('{flag[2:].partition('=')[0]}'", options)

    def test_libraries(self):
        """Each recipe asks for all that the build does."""
        meson = read(ROOT + CLONE + "/meson.build") + read(ROOT + CLONE + "/lib/domain/meson.build")
        libraries = set(re.findall(r"dependency\('(.*?)'", meson))
        self.assertIn("libvirt", libraries)
        spec = read(ROOT + CLONE + "/conf/packages/virt-handoff.spec")
        self.assertEqual(set(re.findall(r"^BuildRequires: +pkgconfig\((.*?)\)", spec, re.M)), libraries)
        # Packages that every Debian package may count on are not named.
        wanted = set(read(ROOT + CLONE + "/conf/build-depends").splitlines()[1:]) - {"gcc", "libc6-dev"}
        control = re.search(r"^Build-Depends: (.*?)\n\S", read(ROOT + CLONE + "/conf/packages/debian/control"),
                            re.M | re.S).group(1)
        self.assertEqual(wanted - set(re.findall(r"[\w.+-]+", control)), set())

    def test_usage(self):
        for wrong in ([], ["dep"], ["deb", "a", "b"]):
            self.assertEqual(inside(CLONE + "/conf/package", *wrong).returncode, 64)


class Packages(unittest.TestCase):
    """From the first build to the last removal, in the order of the names."""

    def good(self, *command):
        done = inside(*command)
        self.assertEqual(done.returncode, 0, done.stdout[-4000:])
        return done.stdout

    def shell(self, command):
        return self.good("sh", "-ec", command)

    def test_1_deb(self):
        self.good(CLONE + "/conf/package", "deb", OUT)
        listed = self.shell(f"dpkg-deb -c {DEB}")
        for path in ("./etc/libvirt/hooks/qemu", "./usr/sbin/virt-handoff",
                     "./usr/share/man/man8/virt-handoff.8.gz"):
            self.assertIn(path, listed)
        # dpkg asks about changed conffiles; a program is none.
        self.assertNotIn("conffiles", self.shell(f"dpkg-deb --ctrl-tarfile {DEB} | tar -t"))

    def test_2_hardened(self):
        """What the compiler and the linker can do for two programs that run as root."""
        self.shell(f"dpkg-deb -x {DEB} {OUT}-tree")
        for name in ("/usr/sbin/virt-handoff", "/etc/libvirt/hooks/qemu"):
            said = self.good("readelf", "-hldnsW", OUT + "-tree" + name)
            for sign in (r"Type: +DYN", r"GNU_RELRO", r"Flags:.* NOW", r"GNU_STACK .* RW "):
                with self.subTest(program=name, sign=sign):
                    self.assertRegex(said, sign)
        engine = self.good("readelf", "-snW", OUT + "-tree/usr/sbin/virt-handoff")
        for sign in ("__stack_chk_fail", "printf_chk@"):
            self.assertIn(sign, engine)
        if os.uname().machine == "x86_64":
            # endbr64: where indirect jumps may land, before nearly every function
            with open(f"{ROOT}{OUT}-tree/usr/sbin/virt-handoff", "rb") as file:
                self.assertGreater(file.read().count(b"\xf3\x0f\x1e\xfa"), 500)

    def test_2_reproducible(self):
        """The same source gives the same bytes, in whatever directory it is built."""
        self.good(CLONE + "/conf/package", "deb", OUT + "-again")
        self.assertEqual(digests(OUT), digests(OUT + "-again"))

    def test_3_install(self):
        write(HOOKS + "/qemu", FOREIGN, 0o755)
        said = self.shell(f"dpkg -i {DEB} 2>&1")
        self.assertIn("kept as /etc/libvirt/hooks/qemu.before-virt-handoff", said)
        self.assertEqual(read(HOOKS + "/qemu.before-virt-handoff"), FOREIGN)
        self.good("/etc/libvirt/hooks/qemu", "x", "prepare", "begin", "-")
        self.assertIn("virt-handoff", self.good("virt-handoff", "--version"))
        self.assertIn("win10", self.good("virt-handoff", "rehearse", "win10"))

    def test_4_upgrade(self):
        """Nothing is asked, the per-VM files stay, and the foreign hook is not moved again."""
        write(HOOKS + "/kvm.conf.d/win10.conf", "timeout = 30;\n")
        write(STATE + "/x.journal", "")
        said = self.shell(f"dpkg -i {DEB} 2>&1 </dev/null")
        self.assertNotIn("Another hook", said)
        self.assertEqual(read(HOOKS + "/kvm.conf.d/win10.conf"), "timeout = 30;\n")
        self.assertEqual(read(HOOKS + "/qemu.before-virt-handoff"), FOREIGN)

    def test_4b_over_another(self):
        """A hook that came after ours is kept as well, and the first one is not forgotten."""
        write(HOOKS + "/qemu", FOREIGN + "# 2\n", 0o755)
        said = self.shell(f"dpkg -i {DEB} 2>&1 </dev/null")
        self.assertIn("kept as /etc/libvirt/hooks/qemu.before-virt-handoff.later", said)
        self.assertEqual(read(HOOKS + "/qemu.before-virt-handoff.later"), FOREIGN + "# 2\n")
        self.assertEqual(read(HOOKS + "/qemu.before-virt-handoff"), FOREIGN)
        self.good("/etc/libvirt/hooks/qemu", "x", "prepare", "begin", "-")
        os.unlink(HOOKS + "/qemu.before-virt-handoff.later")

    def test_5_held(self):
        done = inside("dpkg", "-r", "virt-handoff")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("end it first", done.stdout)
        self.good("virt-handoff", "--version")
        self.assertTrue(os.path.exists(HOOKS + "/qemu"))
        os.unlink(STATE + "/x.journal")

    def test_5b_removed_under_another(self):
        write(HOOKS + "/qemu", FOREIGN + "# 2\n", 0o755)
        self.assertIn("stays", self.good("dpkg", "-r", "virt-handoff"))
        self.assertEqual(read(HOOKS + "/qemu"), FOREIGN + "# 2\n")
        self.assertEqual(read(HOOKS + "/qemu.before-virt-handoff"), FOREIGN)
        os.unlink(HOOKS + "/qemu")
        self.shell(f"dpkg -i {DEB} 2>&1 </dev/null")

    def test_6_remove(self):
        self.assertIn("is back", self.good("dpkg", "-r", "virt-handoff"))
        self.assertEqual(read(HOOKS + "/qemu"), FOREIGN)
        self.assertFalse(os.path.exists(ROOT + "/usr/sbin/virt-handoff"))
        self.assertEqual(read(HOOKS + "/kvm.conf.d/win10.conf"), "timeout = 30;\n")

    def test_7_purge(self):
        self.good("dpkg", "-P", "virt-handoff")
        self.assertEqual(os.listdir(HOOKS), ["qemu"])

    def test_8_rpm(self):
        if not shutil.which("rpmbuild"):
            self.skipTest("no rpmbuild")
        self.good(CLONE + "/conf/package", "rpm", OUT + "-rpm")
        listed = self.shell(f"rpm -qlp {OUT}-rpm/*.rpm")
        for path in ("/etc/libvirt/hooks/qemu", "/usr/sbin/virt-handoff"):
            self.assertIn(path + "\n", listed)

    def test_9_arch(self):
        if not shutil.which("makepkg"):
            self.skipTest("no makepkg")
        self.good(CLONE + "/conf/package", "arch", OUT + "-arch")
        listed = self.shell(f"bsdtar -tf {OUT}-arch/virt-handoff-[0-9]*.pkg.tar*")
        for path in ("etc/libvirt/hooks/qemu", "usr/bin/virt-handoff", ".INSTALL"):
            self.assertIn(path + "\n", listed)


if __name__ == "__main__":
    overlay.main()
