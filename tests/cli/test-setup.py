# SPDX-License-Identifier: GPL-2.0-or-later
"""conf/setup, for real: in a copy of this machine's root that forgets what is written (an overlay
on a tmpfs, in a mount namespace of its own)."""
import os
import shutil
import subprocess
import sys
import unittest

import tap

SOURCE = os.environ["SOURCE_ROOT"]
INSIDE = "VH_TEST_INSIDE"
SPACE, ROOT = "/tmp", "/tmp/root"
HOOKS, STATE = ROOT + "/etc/libvirt/hooks", ROOT + "/run/virt-handoff"
CLONE = "/tmp/virt-handoff"
FOREIGN = "#!/bin/sh\n# somebody's dispatcher\n"


def inside(*command):
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return subprocess.run(["chroot", ROOT, *command], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          env=os.environ | {"PATH": path})


def setup(*arguments):
    return inside(CLONE + "/conf/setup", *arguments)


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def tree():
    """Everything below the directories that an installation could touch."""
    found = set()
    for top in ("/etc", "/usr/sbin", "/usr/lib/systemd", "/usr/share", "/run", "/var/lib"):
        for path, names, leaves in os.walk(ROOT + top):
            found.update(os.path.join(path, name) for name in names + leaves)
    return found


def make_root():
    """The overlay; SystemExit when this machine does not allow one."""
    def do(*command):
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            print("1..0 # SKIP", done.stderr.strip().replace("\n", " "))
            sys.exit(0)
    # The top of the source may be below /tmp.
    do("mount", "--bind", SOURCE, "/mnt")
    do("mount", "-t", "tmpfs", "tmpfs", SPACE)
    for name in ("upper", "work", "root"):
        os.mkdir(f"{SPACE}/{name}")
    do("mount", "-t", "overlay", "overlay", "-o",
       f"lowerdir=/,upperdir={SPACE}/upper,workdir={SPACE}/work", ROOT)
    do("mount", "--rbind", "/dev", ROOT + "/dev")
    do("mount", "-t", "proc", "proc", ROOT + "/proc")
    for name in ("tmp", "run"):
        do("mount", "-t", "tmpfs", "tmpfs", f"{ROOT}/{name}")
    shutil.rmtree(ROOT + "/etc/libvirt", ignore_errors=True)
    shutil.copytree("/mnt", ROOT + CLONE,
                    ignore=shutil.ignore_patterns("build*", ".git", "__pycache__"))
    shutil.copytree("/mnt/conf", ROOT + CLONE + "/conf", dirs_exist_ok=True)


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
        before = tree()
        done = setup("--uninstall")
        self.assertEqual(done.returncode, 1)
        self.assertIn("holds devices", done.stdout)
        self.assertEqual(tree(), before)

    def test_5_uninstall(self):
        said = self.good("--uninstall", "--force")
        self.assertIn("is back", said)
        self.assertIn("Kept: the per-VM files", said)
        self.assertEqual(read(HOOKS + "/qemu"), FOREIGN)
        kept = {HOOKS + "/kvm.conf.d", HOOKS + "/kvm.conf.d/win10.conf", STATE,
                STATE + "/x.journal"}
        database = ROOT + "/var/lib/systemd/catalog/database"
        self.assertEqual(tree() - {database}, (Life.before | kept) - {database})
        self.assertFalse(os.path.exists(ROOT + CLONE + "/build-release"))

    def test_6_nothing_there(self):
        self.assertIn("is not installed", self.good("--uninstall", "--force"))
        self.assertIn("is not installed", self.good("--uninstall", "--force", "--purge"))
        self.assertEqual(os.listdir(HOOKS), ["qemu"])


if __name__ == "__main__":
    if os.environ.get(INSIDE):
        make_root()
        tap.main()
    elif os.geteuid() != 0:
        print("1..0 # SKIP only root can make a root of its own")
    else:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--pid", "--fork", "--mount-proc",
                              "--propagation", "private", sys.executable, *sys.argv])
