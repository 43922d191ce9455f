# SPDX-License-Identifier: GPL-2.0-or-later
"""The unit operations against real OpenRC, runit and sysvinit, and the sessions of elogind, in Debian
trees in namespaces of their own. The trees are made once; where they cannot be (not root, no network)
the tests are skipped."""
import os
import re
import shutil
import subprocess
import time
import unittest

import tap

TREES, PROBE = os.environ["INIT_TREES"], os.environ["PROBE"]
TOOLS = "dash,coreutils,sed,grep,mount"
# OpenRC and sysvinit's scripts for run levels exclude each other.
PACKAGES = {
    "openrc": "openrc,runit",
    "sysvinit": "sysvinit-core,sysv-rc,init-system-helpers,dpkg,elogind,dbus-daemon",
}
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
# Its init is process 1 here and calls the two scripts below; it goes when the namespace does.
SYSVINIT = """
mount --bind /dev/null /dev/console && mkdir -p /run/dbus /run/lock && : >/run/utmp || exit 91
mount -t cgroup2 none /sys/fs/cgroup || exit 92
{ echo "LOADER=$LOADER LIBRARIES=$LIBRARIES"; sed '/^mount/d' /begin; } >/run/begin
exec /sbin/init
"""
INITTAB = """id:2:initdefault:
l0:0:wait:/etc/init.d/rc 0
l2:2:wait:/etc/init.d/rc 2
do:2:once:/in-level-2
"""
IN_LEVEL_2 = """#!/bin/sh
. /run/begin
dbus-daemon --config-file=/bus.conf --fork --nopidfile
/lib/elogind/elogind -D
(probe sysvinit) >/said 2>&1
echo "status $?" >>/said
init 0
"""
IN_LEVEL_0 = """#!/bin/sh
. /run/begin
(probe stopping) >>/said 2>&1
echo "status $?" >>/said
echo >/over
"""
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
  </policy>
</busconfig>
"""
PASSWD = "root:x:0:0::/root:/bin/sh\nanna:x:1000:1000::/:/bin/sh\n"
DAEMON = """#!/sbin/openrc-run
command=/bin/sleep
command_args=1000
command_background=yes
pidfile=/run/sddm.pid
"""
BROKEN = "#!/sbin/openrc-run\nstart() {\n    eerror 'no screen'\n    return 1\n}\n"
# As Debian's scripts are: they come back before the daemon has ended, and say that all is well.
LSB_DAEMON = """#!/bin/sh
. /lib/lsb/init-functions
case $1 in
start)
    start-stop-daemon --start --background --make-pidfile --pidfile /run/sddm.pid --exec /bin/sh -- \
        -c 'trap "sleep 1; exit" TERM; while :; do sleep 0.1; done' ;;
stop) start-stop-daemon --stop --quiet --pidfile /run/sddm.pid ;;
status) status_of_proc -p /run/sddm.pid /bin/sh sddm && exit 0 || exit $? ;;
esac
exit 0
"""
LSB_BROKEN = "#!/bin/sh\ncase $1 in start) echo no screen; exit 1 ;; status) exit 3 ;; esac\n"


def write(tree, path, text):
    path = tree + path
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o755)


def empty(directory):
    for name in os.listdir(directory):
        shutil.rmtree(os.path.join(directory, name))


def furnish_openrc(tree):
    # A link that would lead out of the tree.
    service = tree + "/etc/service"
    if os.path.islink(service):
        os.unlink(service)
    os.symlink("sv", service)
    empty(tree + "/etc/sv")
    write(tree, "/etc/init.d/sddm", DAEMON)
    write(tree, "/etc/init.d/broken", BROKEN)
    write(tree, "/etc/sv/sddm/run", "#!/bin/sh\nexec sleep 1000\n")
    # Nobody supervises what is in here.
    write(tree, "/var/service/broken/run", "#!/bin/sh\n")


def furnish_sysvinit(tree):
    # That runit is installed as well is no sign that it runs the host.
    os.makedirs(tree + "/etc/service")
    write(tree, "/usr/bin/sv", "#!/bin/sh\nexit 1\n")
    write(tree, "/etc/init.d/sddm", LSB_DAEMON)
    write(tree, "/etc/init.d/broken", LSB_BROKEN)
    write(tree, "/etc/init.d/in-level-0", IN_LEVEL_0)
    for level, link in (("2", "S01sddm"), ("0", "K01in-level-0")):
        os.makedirs(f"{tree}/etc/rc{level}.d", exist_ok=True)
        os.symlink("../init.d/" + link[3:], f"{tree}/etc/rc{level}.d/{link}")
    write(tree, "/etc/inittab", INITTAB)
    write(tree, "/in-level-2", IN_LEVEL_2)
    write(tree, "/begin", BEGIN)
    write(tree, "/bus.conf", BUS)
    write(tree, "/etc/passwd", PASSWD)
    os.symlink("/run", tree + "/var/run")


FURNISH = {"openrc": furnish_openrc, "sysvinit": furnish_sysvinit}


def make_tree(name):
    tree = os.path.join(TREES, name)
    done = tree + ".done"
    if os.path.exists(done):
        return tree
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(TREES, exist_ok=True)
    result = subprocess.run(["mmdebstrap", "--mode=root", "--variant=extract",
                             f"--include={TOOLS},{PACKAGES[name]}", "bookworm", tree],
                            capture_output=True, text=True, timeout=300, check=False)
    if result.returncode != 0:
        raise unittest.SkipTest("no tree: " + result.stderr.strip().splitlines()[-1])
    for directory in ("proc", "run", "here", "dev/shm", "sys/fs/cgroup"):
        os.makedirs(os.path.join(tree, directory), exist_ok=True)
    FURNISH[name](tree)
    with open(done, "w", encoding="utf-8"):
        pass
    return tree


def libraries():
    """The probe's loader and the directories of its libraries, below /here."""
    found = subprocess.run(["ldd", PROBE], capture_output=True, text=True, check=True).stdout
    paths = ["/here" + os.path.realpath(path) for path in re.findall(r"(/\S+) \(0x", found)]
    loader = next(path for path in paths if os.path.basename(path).startswith("ld-"))
    return loader, ":".join(sorted({os.path.dirname(path) for path in paths}))


def begin_in(tree, script):
    """The script as process 1 of its namespace, which ends with the process that is returned."""
    outside = f'mount --rbind / "{tree}/here" && exec chroot "{tree}" /bin/sh -c "$SCRIPT"'
    loader, directories = libraries()
    return subprocess.Popen(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "/bin/sh", "-c", outside],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SCRIPT": BEGIN + script,
             "LOADER": loader, "LIBRARIES": directories},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


class InitSystems(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("only root can make the trees")
        if not shutil.which("mmdebstrap"):
            raise unittest.SkipTest("no mmdebstrap")

    def run_in_tree(self, name, script):
        with begin_in(make_tree(name), script) as process:
            said, _ = process.communicate(timeout=300)
        self.assertEqual(process.returncode, 0, said)
        self.assertEqual(said.count("\nok "), 4, said)

    def test_openrc(self):
        self.run_in_tree("openrc", OPENRC)

    def test_runit(self):
        self.run_in_tree("openrc", RUNIT)

    def test_sysvinit_and_elogind(self):
        tree = make_tree("sysvinit")
        for name in ("said", "over"):
            if os.path.exists(f"{tree}/{name}"):
                os.unlink(f"{tree}/{name}")
        with begin_in(tree, SYSVINIT) as process:
            until = time.monotonic() + 200
            while not os.path.exists(tree + "/over") and process.poll() is None and time.monotonic() < until:
                time.sleep(0.1)
            process.kill()
            printed, _ = process.communicate()
        said = printed
        if os.path.exists(tree + "/said"):
            with open(tree + "/said", encoding="utf-8") as file:
                said += file.read()
        self.assertEqual(said.count("\nstatus 0"), 2, said)
        self.assertEqual(said.count("\nok "), 5, said)
        self.assertNotIn("SKIP", said)


if __name__ == "__main__":
    tap.main()
