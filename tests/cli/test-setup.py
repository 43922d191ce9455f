# SPDX-License-Identifier: GPL-2.0-or-later
"""conf/setup, for real: in a copy of this machine's root that forgets what is written."""
import os
import subprocess
import unittest

import overlay
from overlay import CLONE, HOOKS, ROOT, STATE, inside, read, tree, write

FOREIGN = "#!/bin/sh\n# somebody's dispatcher\n"


def setup(*arguments):
    return inside(CLONE + "/conf/setup", *arguments)


class Refusals(unittest.TestCase):
    def test_not_root(self):
        done = subprocess.run(["chroot", "--userspec=65534:65534", ROOT, CLONE + "/conf/setup"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("root", done.stderr)

    def test_usage(self):
        for wrong in (["--unistall"], ["--purge"], ["--force"], ["now"]):
            done = setup(*wrong)
            self.assertEqual(done.returncode, 64, done.stdout)
            self.assertIn("Usage:", done.stdout)
            self.assertIn(wrong[0], done.stdout.splitlines()[0])
        self.assertEqual(setup("--help").returncode, 0)


class Life(unittest.TestCase):
    """One installation from the first to the last, in the order of the names."""
    maxDiff = None

    def good(self, *arguments):
        done = setup(*arguments)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_1_failing_build(self):
        write(HOOKS + "/qemu", FOREIGN, 0o755)
        Life.before = tree()
        os.rename(ROOT + CLONE + "/hook/qemu.c", ROOT + CLONE + "/hook/away.c")
        done = setup()
        os.rename(ROOT + CLONE + "/hook/away.c", ROOT + CLONE + "/hook/qemu.c")
        self.assertEqual(done.returncode, 1)
        self.assertIn("Build ... failed\n", done.stdout)
        self.assertIn("qemu.c", done.stdout)
        self.assertEqual(tree(), Life.before)

    def test_2_install(self):
        said = self.good()
        self.assertIn("kept as /etc/libvirt/hooks/qemu.before-virt-handoff", said)
        for stage in ("Packages to build with", "Build", "Installation"):
            self.assertIn(stage + " ... done\n", said)
        self.assertIn("missing  IOMMU", said)
        self.assertIn("virt-handoff rehearse win10", said)
        self.assertEqual(read(HOOKS + "/qemu.before-virt-handoff"), FOREIGN)
        self.assertIn("qemu.before-virt-handoff is the hook that was there before",
                      inside("/usr/sbin/virt-handoff", "check", "--json").stdout)
        self.assertEqual(inside("/etc/libvirt/hooks/qemu", "x", "prepare", "begin", "-").returncode,
                         0)
        self.assertTrue(os.path.isdir(HOOKS + "/kvm.conf.d"))

    def test_3_again(self):
        """The same once more, and now libvirt and an IOMMU are there."""
        os.makedirs(ROOT + "/sys/kernel/iommu_groups/0")
        write(ROOT + "/usr/local/bin/virsh", """#!/bin/sh
case $* in
    *"list --all --name") printf 'win10\\na b\\nplain\\n\\n' ;;
    *plain) echo "<domain/>" ;;
    *) echo "<hostdev mode='subsystem' type='pci' managed='yes'>" ;;
esac
""", 0o755)
        write(HOOKS + "/kvm.conf.d/win10.conf", "")
        before = tree()
        said = self.good()
        self.assertNotIn("Another hook", said)
        self.assertEqual(tree(), before)
        self.assertEqual(read(HOOKS + "/qemu.before-virt-handoff"), FOREIGN)
        for line in ("ready    hook /etc/libvirt/hooks/qemu", "ready    IOMMU with 1 groups",
                     "missing  libvirt's daemon does not run",
                     "ready    guest win10: 1 PCI device(s); see: virt-handoff plan win10",
                     "missing  guest a b: 1 PCI device(s), and no per-VM file yet: "
                     "touch '/etc/libvirt/hooks/kvm.conf.d/a b.conf'",
                     "-        guest plain: no PCI devices"):
            self.assertIn(line, said)
        self.assertNotIn("rehearse", said)
        os.unlink(ROOT + "/usr/local/bin/virsh")

    def test_4_held(self):
        write(STATE + "/x.journal", "")
        write(STATE + "/lock", "")
        before = tree()
        done = setup("--uninstall")
        self.assertEqual(done.returncode, 1)
        self.assertIn("holds devices", done.stdout)
        self.assertEqual(tree(), before)

    def test_5_uninstall(self):
        said = self.good("--uninstall", "--force")
        self.assertIn("is back", said)
        self.assertIn("Kept: the per-VM files", said)
        self.assertIn("Kept: what virtual machines hold", said)
        self.assertEqual(read(HOOKS + "/qemu"), FOREIGN)
        kept = {HOOKS + "/kvm.conf.d", HOOKS + "/kvm.conf.d/win10.conf", STATE,
                STATE + "/x.journal"}
        database = ROOT + "/var/lib/systemd/catalog/database"
        self.assertEqual(tree() - {database}, (Life.before | kept) - {database})
        self.assertFalse(os.path.exists(ROOT + CLONE + "/build-release"))

    def test_6_nothing_there(self):
        os.unlink(STATE + "/x.journal")
        self.assertIn("is not installed", self.good("--uninstall", "--force"))
        self.assertIn("is not installed", self.good("--uninstall", "--force", "--purge"))
        self.assertEqual(os.listdir(HOOKS), ["qemu"])
        self.assertFalse(os.path.exists(STATE))
        # The per-VM files were all that was left of what had been installed.
        os.unlink(HOOKS + "/qemu")
        write(HOOKS + "/kvm.conf.d/win10.conf", "")
        self.good("--uninstall", "--purge")
        self.assertFalse(os.path.exists(HOOKS))


if __name__ == "__main__":
    overlay.main()
