"""What cannot be handed over is refused with a name, and the desktop comes back."""

import re

from lib.host import require
from lib.runner import scenario

# The holder is waited for until the time is up; enough for a desktop to stop on a slow machine.
BRIEF = 'timeout = 40;\n'


def hold(host, node):
    """A process of anna's, in no session and of no service, that keeps a node open; its pid."""
    host.sh(f"setsid systemd-run --scope --quiet --unit=holder --uid=anna "
            f"sh -c 'exec 9<>{node}; exec sleep infinity' </dev/null >/dev/null 2>&1 &")
    host.wait('the holder has the node', lambda: 'sleep' in host.facts().holders(node))
    return host.sh('cat /sys/fs/cgroup/system.slice/holder.scope/cgroup.procs')


def hold_as_service(host, node):
    """The same as a service, which is known beforehand to stay; its pid."""
    host.sh(f"systemd-run --quiet --unit=holder --uid=anna -p KillMode=control-group "
            f"sh -c 'exec 9<>{node}; exec sleep infinity'")
    host.wait('the holder has the node', lambda: 'sleep' in host.facts().holders(node))
    return host.sh('systemctl show -P MainPID holder.service')


def hook_line(stderr):
    """What the hook said in a failed start: one line, after libvirt's own words."""
    found = re.search(r'unexpected exit status 1: (.*)', stderr, re.S)
    require(found, f'no word of the hook in: {stderr}')
    lines = [line for line in found.group(1).splitlines() if line.strip()]
    require(len(lines) == 1, f'{len(lines)} lines instead of one: {lines}')
    return lines[0]


def require_named(line, *words):
    for word in words:
        require(word in line, f'"{word}" is not named in: {line}')


@scenario()
def gpu_held(host):
    """a foreign process keeps the GPU open: refused by name, the desktop comes back"""
    pid = hold(host, '/dev/dri/card0')
    before = host.facts().essence()
    host.configure('win10', BRIEF)
    line = hook_line(host.virsh_fails('start win10'))
    require_named(line, '/dev/dri/card0', 'sleep', pid, 'anna', 'holder.scope')
    host.wait_same(before)
    require(host.state('win10') == 'shut off', 'the guest is not off')
    require(host.sh('systemctl is-active holder.scope') == 'active', 'the holder was ended')


@scenario()
def gpu_held_by_service(host):
    """a service keeps the GPU open: refused by name before the desktop is touched"""
    pid = hold_as_service(host, '/dev/dri/card0')
    before = host.facts().essence()
    desktop = host.sh('systemctl show -P MainPID lightdm.service')
    host.configure('win10', BRIEF)
    line = hook_line(host.virsh_fails('start win10'))
    require_named(line, '/dev/dri/card0', 'sleep', pid, 'anna', 'add "holder.service" to stop')
    require(host.sh('systemctl show -P MainPID lightdm.service') == desktop, 'the desktop was stopped')
    require_named(host.messages(), 'nothing was touched')
    host.wait_same(before)
    refused = host.try_sh('virt-handoff start --yes --force win10 2>&1')
    require(refused.returncode == 1, f'started: {refused.stdout}')
    require_named(refused.stdout, 'cannot: sleep')
    require(host.state('win10') == 'shut off', 'the guest is not off')


@scenario()
def sound_held(host):
    """a process keeps the sound card open: refused by name, and libvirtd answers meanwhile"""
    pid = hold(host, '/dev/snd/controlC0')
    before = host.facts().essence()
    host.configure('win10', BRIEF)
    start = host.ssh.start('virsh start win10')
    host.wait('prepare is under way', lambda: host.facts().pairs('unit')['lightdm.service'] == 'inactive')
    # Not `virsh list`: libvirt takes the lock of each guest for it, and the hook's guest is locked.
    host.sh('timeout 10 virsh domstate plain', timeout=20)
    host.sh('timeout 10 virsh nodedev-info pci_0000_01_00_0', timeout=20)
    require(start.poll() is None, 'prepare had ended before libvirtd was asked')
    stderr = start.communicate(timeout=120)[1]
    require_named(hook_line(stderr), '/dev/snd/controlC0', 'sleep', pid, 'anna', 'holder.scope')
    host.wait_same(before)


@scenario()
def module_in_use(host):
    """the kernel itself keeps the GPU's module in use: refused with its name, the desktop comes back"""
    host.sh('insmod /lib/modules/$(uname -r)/extra/pin.ko path=/dev/dri/card0')
    before = host.facts().essence()
    host.configure('win10', BRIEF)
    require_named(hook_line(host.virsh_fails('start win10')), 'module bochs is in use')
    host.wait_same(before)


@scenario()
def bad_file(host):
    """every mistake of a per-VM file with its line; nothing is touched"""
    before = host.facts().essence()
    desktop = host.sh('systemctl show -P MainPID lightdm.service')
    host.configure('win10', '# a comment\ntimeot = 5;\nholders = "shoot";\n')
    line = hook_line(host.virsh_fails('start win10'))
    require_named(line, 'win10.conf:2: timeot: ', 'timeout')
    require(host.facts().essence() == before, 'something changed')
    require(host.sh('systemctl show -P MainPID lightdm.service') == desktop, 'the display manager was restarted')
    require_named(host.messages(), 'win10.conf:3: holders: ')


@scenario()
def foreign_guest(host):
    """a guest without a per-VM file: not even the engine is started"""
    before = host.facts().essence()
    host.sh('mv /usr/sbin/virt-handoff /usr/sbin/virt-handoff.real')
    host.write('/usr/sbin/virt-handoff', '#!/bin/sh\necho "$*" >>/run/engine-calls\n'
               'exec /usr/sbin/virt-handoff.real "$@"\n', '755')
    host.virsh('start plain')
    host.virsh('destroy plain')
    require(host.try_sh('cat /run/engine-calls').returncode != 0, 'the engine was started')
    require(host.facts().essence() == before, 'something changed')
    # The same trap does spring when the guest is ours.
    host.configure('plain')
    host.virsh('start plain')
    host.virsh('destroy plain')
    calls = host.sh('cat /run/engine-calls')
    for operation in ('prepare begin', 'start begin', 'started begin', 'stopped end', 'release end'):
        require(f'hook plain {operation}' in calls, f'{operation} did not reach the engine: {calls}')
    require(host.facts().essence() == before, 'a guest without devices changed something')


