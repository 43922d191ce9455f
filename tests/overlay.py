# SPDX-License-Identifier: GPL-2.0-or-later
"""A copy of this machine's root that forgets what is written: an overlay on a tmpfs, in mount and process namespaces
of its own. A test that works in one calls main() where others call tap.main()."""
import os
import shutil
import subprocess
import sys

import tap

SOURCE = os.environ["SOURCE_ROOT"]
INSIDE = "VH_TEST_INSIDE"
SPACE, ROOT = "/tmp", "/tmp/root"
HOOKS, STATE = ROOT + "/etc/libvirt/hooks", ROOT + "/run/virt-handoff"
CLONE = "/tmp/virt-handoff"


def inside(*command):
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return subprocess.run(["chroot", ROOT, *command], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          env=os.environ | {"PATH": path})


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


def main():
    """Runs the tests of the calling program in such a root; only root can make one."""
    if os.environ.get(INSIDE):
        make_root()
        tap.main()
    elif os.geteuid() != 0:
        print("1..0 # SKIP only root can make a root of its own")
    else:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--pid", "--fork", "--mount-proc",
                              "--propagation", "private", sys.executable, *sys.argv])
