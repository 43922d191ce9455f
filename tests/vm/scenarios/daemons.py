"""libvirtd dies or leaves at any moment, the host shuts down: nothing is lost, and nothing waits for ever."""

from lib.host import GPU, SOUND, require
from lib.runner import scenario
from lib.trap import Trap

# Enough for a desktop to stop on a machine that does other things, too.
PATIENT = 'timeout = 120;\n'

KILL = 'systemctl kill -s KILL --kill-whom=main libvirtd.service'


def main_pid(host):
    return host.sh('systemctl show -P MainPID libvirtd.service')


@scenario()
def hook_killed(host):
    """the hook killed during prepare, with the desktop down: libvirtd, which lives, has it all given back"""
    trap = Trap(host)
    before = host.facts().essence()
    host.configure('win10', PATIENT)
    trap.set('prepare', 'kill', 12)
    host.virsh_fails('start win10', timeout=200)
    require(trap.told(), 'the hook was not killed')
    host.wait_same(before)
    require(host.state('win10') == 'shut off', 'the guest is not off')


@scenario()
def libvirtd_killed_later(host):
    """libvirtd killed while the VM runs and again during release: the VM lives on, and release ends its work alone"""
    trap = Trap(host)
    before = host.facts().essence()
    host.configure('win10', PATIENT)
    host.virsh('start win10')
    pid = host.qemu_pid('win10')
    host.sh(KILL)
    host.virsh('version')
    require(host.require_given('win10').journals(), 'the journal is gone')
    require(host.qemu_pid('win10') == pid, 'the guest was restarted')
    trap.set('release', 'stop', 3)
    host.ssh.start('virsh destroy win10')
    hook = trap.wait()
    host.sh(KILL)
    host.virsh('version')
    require(host.facts().journals(), 'release was over before libvirtd was killed')
    host.sh(f'kill -CONT {hook}')
    host.wait_same(before)
    require(host.state('win10') == 'shut off', 'the guest is not off')


@scenario()
def both_killed_in_release(host):
    """libvirtd and the hook both killed during release: the next start of libvirtd gives the rest back"""
    trap = Trap(host)
    before = host.facts().essence()
    host.configure('win10', PATIENT)
    host.virsh('start win10')
    host.require_given('win10')
    trap.set('release', 'stop', 4)
    host.ssh.start('virsh destroy win10')
    trap.wait()
    host.sh('systemctl kill -s KILL libvirtd.service')
    host.wait_same(before)
    require(host.events('_SYSTEMD_UNIT=virt-handoff-recover.service'), 'it was not the recovery that gave back')


@scenario()
def libvirtd_leaves(host):
    """libvirtd, without clients, exits by its --timeout in the middle of release: release ends its work alone"""
    trap = Trap(host)
    before = host.facts().essence()
    host.configure('win10', PATIENT)
    host.write('/etc/default/libvirtd', 'LIBVIRTD_ARGS="--timeout 5"\n')
    host.sh('systemctl restart libvirtd.service')
    host.virsh('start win10')
    daemon = main_pid(host)
    trap.set('release', 'stop', 3)
    host.sh(f"kill -9 {host.qemu_pid('win10')}")
    hook = trap.wait()
    # 5 s without a client, then 30 s in which libvirtd waits for the hook, then it exits all the same.
    host.wait('libvirtd has left', lambda: main_pid(host) != daemon, 90)
    require(host.facts().journals(), 'release was over before libvirtd left')
    host.sh(f'kill -CONT {hook}')
    host.wait_same(before)


STOP_GUESTS = """[Unit]
After=libvirtd.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=/usr/bin/virsh destroy win10
"""


@scenario()
def shutdown(host):
    """the host shuts down with a running VM: its end gives the devices back, starts no desktop and holds nothing up"""
    host.write('/etc/systemd/journald.conf.d/console.conf',
               '[Journal]\nForwardToConsole=yes\nTTYPath=/dev/ttyS0\nMaxLevelConsole=debug\n')
    host.write('/run/systemd/system/stop-guests.service', STOP_GUESTS)
    host.sh('systemctl daemon-reload; systemctl restart systemd-journald.service; systemctl start stop-guests.service')
    host.configure('win10', PATIENT)
    host.virsh('start win10')
    host.require_given('win10')
    host.sh('systemctl poweroff --no-block')
    host.wait('the host is off', host.ended, 150)
    _, _, end = host.machine.log('serial.log').partition('giving everything back')
    require('lightdm.service stays down: the host is shutting down' in end, 'release did not see the shutdown')
    require('everything is back' in end, 'release did not end before the host did')
    require('Starting lightdm' not in end and 'Starting Light Display Manager' not in end, 'the desktop was started')


def bars(host):
    """What the memory decoders of the card and its sound function are set to."""
    return host.sh(f'for device in {GPU} {SOUND}; do '
                   'od -A n -t x4 -j 16 -N 12 /sys/bus/pci/devices/$device/config; done')


@scenario()
def ended_meanwhile(host):
    """the VM ends while libvirtd is away: the recovery leaves it to the next libvirtd, and the card works again after"""
    before, places = host.facts().essence(), bars(host)
    host.configure('win10', PATIENT)
    host.virsh('start win10')
    pid = host.require_given('win10') and host.qemu_pid('win10')
    host.sh('systemctl stop libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket libvirtd.service')
    host.sh(f'kill {pid}')
    host.wait('QEMU is gone', lambda: host.try_sh(f'kill -0 {pid}').returncode != 0)
    refused = host.try_sh('virt-handoff release win10')
    require(refused.returncode == 1 and 'has yet to see that it has ended' in refused.stderr, f'it said {refused}')
    said = ' '.join(host.sh('virt-handoff status win10').split())
    require('virt-handoff release --force win10' in said, f'status would have it released: {said}')
    host.sh('systemctl start libvirtd.socket libvirtd.service')
    host.wait_same(before)
    require(bars(host) == places, f'the card was reset under its driver: {bars(host)}')
    # What was reset so shows when it is to be given back for the next time.
    host.virsh('start win10')
    host.virsh('destroy win10')
    host.wait_same(before)
    require(bars(host) == places, f'the second time, the card was reset: {bars(host)}')


@scenario()
def not_while_it_starts(host):
    """a release by hand while libvirt starts the VM is refused, and not suggested to a second VM; a masked display
    manager is refused beforehand"""
    before = host.facts().essence()
    host.configure('win10', PATIENT)
    host.sh('systemctl mask lightdm.service')
    host.virsh_fails('start win10')
    refused = host.events('PRIORITY=3')
    require(any('systemctl unmask lightdm.service' in event['MESSAGE'] for event in refused), f'it said {refused}')
    host.sh('systemctl unmask lightdm.service')
    host.wait_same(before)
    start = host.ssh.start('virsh start win10')
    host.wait('the GPU is prepared', lambda: host.facts().driver(GPU) == 'vfio-pci')
    released = host.try_sh('virt-handoff release win10')
    require(released.returncode == 1 and ('is starting it' in released.stderr or 'is running' in released.stderr),
            f'it said {released}')
    require(start.wait(120) == 0, 'the start failed')
    host.require_given('win10')
    host.virsh('destroy win10')
    host.wait_same(before)
