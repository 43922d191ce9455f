"""Hosts that are not idle or not well: a busy libvirtd, units in trouble, no D-Bus, sessions that stay, a card gone."""

from lib.host import GPU, SOUND, require
from lib.runner import scenario
from scenarios.refusals import hold, require_named

# A hand-over with libvirt's XML but without libvirt.
HOOK = 'timeout 90 /etc/libvirt/hooks/qemu win10 {} - </root/win10.xml 2>&1'
FLAKY = """[Unit]
StartLimitIntervalSec=1h
StartLimitBurst=1

[Service]
ExecStart=/bin/sleep infinity
"""
# Keeps the VFIO group of a process ($ARGV[0]) open until a file ($ARGV[1]) is there, for which who removed a device from
# the bus came back: Linux 6.1 stumbles when the group is taken from its container in the moment in which the device's
# IOMMU data has been freed and the device is still in the group.
KEEP_GROUP = r'''my ($pidfd_open, $pidfd_getfd) = (434, 438);
my ($group) = grep { (readlink // '') =~ m{^/dev/vfio/[0-9]} } glob "/proc/$ARGV[0]/fd/*" or die "no group";
my $process = syscall $pidfd_open, $ARGV[0] + 0, 0;
syscall($pidfd_getfd, $process, ($group =~ /([0-9]+)$/)[0] + 0, 0) >= 0 or die "pidfd_getfd: $!";
select undef, undef, undef, 0.005 until -e $ARGV[1];
'''
# How often the kernel has found the GPU on the bus.
SEEN = f'dmesg | grep -c "pci {GPU}: .1234:1111."'
DROP_IN = '/etc/systemd/system/lightdm.service.d/slow.conf'


def by_hand(host, operation):
    host.sh('virsh dumpxml win10 >/root/win10.xml')
    return host.try_sh(HOOK.format(operation), timeout=120)


def must(host, operation):
    done = by_hand(host, operation)
    require(done.returncode == 0, f'{operation}: {done.stdout}')


@scenario()
def libvirtd_busy(host):
    """all workers of libvirtd are blocked on the guest while the hook runs: the VM starts as ever"""
    before = host.facts().essence()
    hold(host, '/dev/dri/card0')
    host.configure('win10', 'timeout = 100;\n')
    start = host.ssh.start('virsh start win10')
    host.wait('prepare is under way', lambda: host.facts().pairs('unit')['lightdm.service'] == 'inactive')
    host.sh("systemd-run --quiet --unit=askers sh -c 'for i in $(seq 30); do virsh dominfo win10 & done; wait'")
    host.wait('no worker is left', lambda: host.try_sh('timeout 10 virsh domstate plain').returncode == 124)
    host.sh('systemctl stop holder.scope')
    said = start.communicate(timeout=200)[1]
    require(start.returncode == 0, f'the start failed: {said}')
    host.require_given('win10')
    host.virsh('destroy win10')
    host.wait_same(before)


@scenario()
def units_in_trouble(host):
    """a display manager that stops too slowly, a unit with no start left, one that fails: refused, or started again"""
    before = host.facts().essence()
    host.write(DROP_IN, '[Service]\nExecStop=/bin/sleep 40\nTimeoutStopSec=60\n')
    host.sh('systemctl daemon-reload')
    host.configure('win10', 'timeout = 16;\n')
    said = by_hand(host, 'prepare begin')
    require(said.returncode == 1, f'prepare ended with {said.returncode}: {said.stdout}')
    require_named(said.stdout, 'cannot stop lightdm.service', 'in time')
    host.sh(f'rm {DROP_IN}; systemctl daemon-reload')
    host.wait_desktop()
    host.sh('virt-handoff release win10')
    host.wait_same(before)
    # It has used up its starts; the second unit fails whenever its file is not there.
    host.write('/etc/systemd/system/flaky.service', FLAKY)
    host.write('/etc/systemd/system/failing.service',
               '[Service]\nExecStartPre=/bin/test -e /run/may-start\nExecStart=/bin/sleep infinity\n')
    host.sh('systemctl daemon-reload; touch /run/may-start; systemctl start flaky.service failing.service')
    host.configure('win10', 'stop = [ "flaky.service", "failing.service", "lightdm.service" ];\ntimeout = 60;\n')
    must(host, 'prepare begin')
    host.sh('rm /run/may-start')
    said = by_hand(host, 'release end')
    require(said.returncode == 1, 'a unit that fails is no failure')
    require_named(said.stdout, 'failing.service')
    require(host.sh('systemctl is-active flaky.service') == 'active', 'flaky.service was not started again')
    host.wait_desktop()
    host.sh('touch /run/may-start; virt-handoff release win10')
    require(host.sh('systemctl is-active failing.service') == 'active', 'failing.service was not started again')
    host.wait_same(before)


def bus(host, signal):
    host.sh(f'kill -{signal} $(systemctl show -P MainPID dbus.service)')


@scenario()
def bus_gone(host):
    """no D-Bus at the start: refused, nothing touched; none at the end: devices come back, `release` does the rest"""
    before = host.facts().essence()
    host.configure('win10', 'timeout = 60;\n')
    host.sh('virsh dumpxml win10 >/root/win10.xml')
    desktop = host.sh('systemctl show -P MainPID lightdm.service')
    bus(host, 'STOP')
    said = host.try_sh(HOOK.format('prepare begin'), timeout=120)
    bus(host, 'CONT')
    require(said.returncode == 1, f'prepare ended with {said.returncode}: {said.stdout}')
    require_named(said.stdout, 'system bus')
    require_named(host.messages(), 'nothing was touched')
    require(host.sh('systemctl show -P MainPID lightdm.service') == desktop, 'the display manager was restarted')
    host.wait_same(before)
    must(host, 'prepare begin')
    host.sh('systemctl mask --quiet --runtime dbus.socket dbus.service; systemctl stop dbus.socket dbus.service')
    said = host.try_sh(HOOK.format('release end'), timeout=120)
    require(said.returncode == 1, f'release ended with {said.returncode}: {said.stdout}')
    facts = host.facts()
    require(facts.driver(GPU) == 'bochs-drm' and facts.driver(SOUND) == 'snd_hda_intel', 'the devices are not back')
    require(facts.consoles() and facts.journals(), 'no console, or nobody remembers the display manager')
    require_named(host.sh('virt-handoff status win10 || true'), 'lightdm.service')
    host.sh('systemctl unmask --quiet --runtime dbus.socket dbus.service; systemctl start dbus.socket')
    host.sh('systemctl reset-failed; systemctl restart systemd-logind.service', timeout=90)
    host.wait_command('logind is back', 'timeout 5 loginctl list-sessions')
    host.sh('virt-handoff release win10', timeout=90)
    host.wait_same(before)


@scenario()
def closing_session(host):
    """a session that stays in closing, for a process that minds no SIGTERM and holds no device: not waited for"""
    before = host.facts().essence()
    host.sh("systemd-run --quiet --unit=stays --uid=anna sh -c 'trap \"\" TERM HUP; exec sleep infinity'")
    pid = host.sh('systemctl show -P MainPID stays.service')
    host.sh(f'echo {pid} >"$(ls -d /sys/fs/cgroup/user.slice/user-1000.slice/session-*.scope)/cgroup.procs"')
    host.configure('win10', 'timeout = 60;\n')
    must(host, 'prepare begin')
    require(host.facts().driver(GPU) == 'vfio-pci', 'the GPU was not handed over')
    require(host.try_sh(f'kill -0 {pid}').returncode == 0, 'the process was ended')
    require('closing' in ' '.join(host.facts().rows['session']), 'no session is closing')
    must(host, 'release end')
    host.sh(f'kill -9 {pid}')
    host.wait_same(before)


@scenario()
def device_gone(host):
    """the GPU vanishes from the bus while the VM runs: release looks for it on the bus again, and all comes back"""
    before = host.facts().essence()
    host.configure('win10', 'timeout = 60;\n')
    host.virsh('start win10')
    host.require_given('win10')
    device = f'/sys/bus/pci/devices/{GPU}'
    host.write('/root/keep-group', KEEP_GROUP)
    host.sh(f'systemd-run --quiet --unit=keeper perl /root/keep-group {host.qemu_pid("win10")} /run/removed')
    host.wait('the group is kept', lambda: 'perl' in host.facts().holders('/dev/vfio/'))
    host.sh(f'systemd-run --quiet --unit=removal sh -c "echo 1 >{device}/remove; : >/run/removed"')
    host.wait_command('somebody waits for the VM to let go', 'dmesg | grep -q "device is stalled\\|Relaying device request"')
    seen = host.sh(SEEN)
    host.virsh('destroy win10')
    host.wait_same(before)
    require(host.sh(SEEN) > seen, 'the GPU never left the bus')
