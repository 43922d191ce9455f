# SPDX-License-Identifier: GPL-2.0-or-later
"""The unit operations against real OpenRC and runit, in a Debian tree in namespaces of its own. The
tree is made once; where it cannot be (not root, no network) the tests are skipped."""
import os
import re
import shutil
import subprocess
import unittest

import tap

TREE, PROBE = os.environ["INIT_TREE"], os.environ["PROBE"]
PACKAGES = "openrc,runit,dash,coreutils,sed,grep,mount"
# Its own / has no library that the probe needs: that of this machine is at /here.
BEGIN = f"""
mount -t proc proc /proc && mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /dev/shm || exit 90
probe() {{
    exec env ASAN_OPTIONS=detect_leaks=0 "$LOADER" --library-path "$LIBRARIES" /here{PROBE} "$1" --tap
}}
"""
OPENRC = """
for name in starting started stopping stopped inactive wasinactive failed hotplugged daemons options \
    exclusive scheduled init.d tmp; do mkdir -p /run/openrc/$name; done
echo default > /run/openrc/softlevel
rc-service sddm start >&2
probe OpenRC
"""
RUNIT = """
mkdir -p /run/runit
runsvdir -P /etc/service >&2 &
while ! sv status /etc/service/sddm | grep -q ^run:; do sleep 0.1; done
probe runit
"""
DAEMON = """#!/sbin/openrc-run
command=/bin/sleep
command_args=1000
command_background=yes
pidfile=/run/sddm.pid
"""
BROKEN = "#!/sbin/openrc-run\nstart() {\n    eerror 'no screen'\n    return 1\n}\n"


def write(path, text):
    path = TREE + path
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o755)


def make_tree():
    done = TREE + ".done"
    if os.path.exists(done):
        return
    shutil.rmtree(TREE, ignore_errors=True)
    result = subprocess.run(["mmdebstrap", "--mode=root", "--variant=extract",
                             "--include=" + PACKAGES, "bookworm", TREE],
                            capture_output=True, text=True, timeout=300, check=False)
    if result.returncode != 0:
        raise unittest.SkipTest("no tree: " + result.stderr.strip().splitlines()[-1])
    for name in ("proc", "run", "here", "dev/shm"):
        os.makedirs(os.path.join(TREE, name), exist_ok=True)
    # A link that would lead out of the tree.
    service = os.path.join(TREE, "etc/service")
    if os.path.islink(service):
        os.unlink(service)
    os.symlink("sv", service)
    for name in os.listdir(os.path.join(TREE, "etc/sv")):
        shutil.rmtree(os.path.join(TREE, "etc/sv", name))
    write("/etc/init.d/sddm", DAEMON)
    write("/etc/init.d/broken", BROKEN)
    write("/etc/sv/sddm/run", "#!/bin/sh\nexec sleep 1000\n")
    # Nobody supervises what is in here.
    write("/var/service/broken/run", "#!/bin/sh\n")
    with open(done, "w", encoding="utf-8"):
        pass


def libraries():
    """The probe's loader and the directories of its libraries, below /here."""
    found = subprocess.run(["ldd", PROBE], capture_output=True, text=True, check=True).stdout
    paths = ["/here" + os.path.realpath(path) for path in re.findall(r"(/\S+) \(0x", found)]
    loader = next(path for path in paths if os.path.basename(path).startswith("ld-"))
    return loader, ":".join(sorted({os.path.dirname(path) for path in paths}))


class InitSystems(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("only root can make the tree")
        if not shutil.which("mmdebstrap"):
            raise unittest.SkipTest("no mmdebstrap")
        make_tree()

    def run_in_tree(self, script):
        outside = f'mount --rbind / "{TREE}/here" && exec chroot "{TREE}" /bin/sh -c "$SCRIPT"'
        loader, directories = libraries()
        result = subprocess.run(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", outside],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SCRIPT": BEGIN + script,
                 "LOADER": loader, "LIBRARIES": directories},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
        said = result.stdout + result.stderr
        self.assertEqual(result.returncode, 0, said)
        self.assertEqual(result.stdout.count("\nok "), 4, said)

    def test_openrc(self):
        self.run_in_tree(OPENRC)

    def test_runit(self):
        self.run_in_tree(RUNIT)


if __name__ == "__main__":
    tap.main()
