"""NVIDIA's stack, stood in for by modules of our own (image/module): nodes that sysfs does not show, usage counts that
follow open files, and an unbind that waits for ever while the card is in use."""

from lib.host import GPU, LATER, SOUND, require
from lib.runner import scenario
from scenarios.refusals import BRIEF, hold, hook_line, require_named

NODES = ('/dev/nvidia0', '/dev/nvidiactl', '/dev/nvidia-modeset', '/dev/nvidia-uvm')
MODULES = ('nvidia_drm', 'nvidia_modeset', 'nvidia_uvm', 'nvidia')
PARAMETERS = '/sys/module/{}/parameters/{}'

# The server that NVIDIA's X driver is part of, in what can be seen of it: it draws nothing and keeps the nodes open.
SERVER = """#!/bin/sh
exec 6<>/dev/dri/card0 7<>/dev/nvidiactl 8<>/dev/nvidia0 9<>/dev/nvidia-modeset
exec /usr/bin/X "$@"
"""
SEAT = '[Seat:*]\nxserver-command=/usr/local/sbin/X-on-nvidia\n'
DEVICE = """Section "Device"
    Identifier "card"
    Driver "dummy"
EndSection
Section "Module"
    Disable "glx"
EndSection
"""

# Of a hand-over by hand, with libvirt's XML but without libvirt.
HOOK = 'timeout 60 /etc/libvirt/hooks/qemu win10 {} - </root/win10.xml 2>&1'


def set_up(host):
    """The host of a user of that driver: its modules, its daemon, a desktop on its nodes. What it is like then."""
    host.write('/usr/local/sbin/X-on-nvidia', SERVER, '755')
    host.write('/etc/lightdm/lightdm.conf.d/60-nvidia.conf', SEAT)
    host.write('/etc/X11/xorg.conf.d/nvidia.conf', DEVICE)
    host.sh('modprobe nvidia-drm && modprobe nvidia-uvm && udevadm settle')
    host.sh('systemctl start nvidia-persistenced.service && systemctl restart lightdm.service')
    host.wait_desktop()
    return essence(host)


def loaded(host):
    return set(host.sh('lsmod | sed -n "s/ .*//; /^nvidia/p"').split())


def essence(host):
    """What must be the same again. Not the framebuffer console: the kernel gives the firmware's up for this boot."""
    facts = host.facts()
    found = facts.essence()
    return {key: found[key] for key in ('drivers', 'overrides', 'units', 'desktop', 'guests', 'journals')} | {
        'stack': loaded(host), 'nvidia': sorted(host.sh('ls /dev/nvidia*').split()),
        'persistenced': host.try_sh('systemctl is-active nvidia-persistenced.service').stdout.strip()}


def require_back(host, before):
    host.wait_desktop()
    after = essence(host)
    changed = [f'{key}: {before[key]} became {after[key]}' for key in before if before[key] != after[key]]
    require(not changed, 'not as before: ' + '; '.join(changed))


def by_hand(host, operation):
    """The hook as libvirt calls it; what it said."""
    return host.try_sh(HOOK.format(operation), timeout=90)


@scenario(shape='firmware')
def nvidia_cycle(host):
    """NVIDIA's four modules and its daemon leave in their order, and all of it is there again after the VM"""
    before = set_up(host)
    require(before['stack'] == set(MODULES) and before['nvidia'] == sorted(NODES), f'not set up: {before}')
    host.configure('win10', 'timeout = 60;\n')
    host.virsh('start win10')
    host.require_given('win10')
    require(not loaded(host), f'modules are left: {loaded(host)}')
    order = [event['DEVICE'] for event in host.events('STEP=module') if 'DEVICE' in event]
    require(order.index('nvidia_drm') < order.index('nvidia_modeset') < order.index('nvidia') and
            order.index('nvidia_uvm') < order.index('nvidia'), f'order of the modules: {order}')
    host.virsh('destroy win10')
    require_back(host, before)


def refused(host, node, before):
    """A start by hand with a foreign process on the node: refused by name, and all is as before."""
    pid = hold(host, node)
    require_named(by_hand(host, 'prepare begin').stdout, node, 'sleep', pid, 'anna', 'holder.scope')
    require(host.sh('systemctl is-active holder.scope') == 'active', 'the holder was ended')
    host.sh('systemctl stop holder.scope')
    require_back(host, before)


@scenario(shape='firmware')
def nvidia_held(host):
    """a process keeps NVIDIA's card, uvm or modeset open: refused by name, libvirtd answers, the desktop comes back"""
    before = set_up(host)
    pid = hold(host, '/dev/nvidia0')
    host.configure('win10', BRIEF)
    start = host.ssh.start('virsh start win10')
    host.wait('prepare is under way', lambda: host.facts().pairs('unit')['lightdm.service'] == 'inactive')
    host.sh('timeout 10 virsh domstate plain', timeout=20)
    require(start.poll() is None, 'prepare had ended before libvirtd was asked')
    line = hook_line(start.communicate(timeout=120)[1])
    require_named(line, '/dev/nvidia0', 'sleep', pid, 'anna', 'holder.scope')
    host.sh('systemctl stop holder.scope')
    require_back(host, before)
    host.sh('virsh dumpxml win10 >/root/win10.xml')
    host.configure('win10', 'timeout = 30;\n')
    for node in ('/dev/nvidia-uvm', '/dev/nvidia-modeset'):
        refused(host, node, before)


# Its own look at the card: facts() would hang, as the kernel holds the lock of a device whose unbind hangs.
RACER = ('until read -r now </sys/module/nvidia/parameters/removing && [ "$now" = Y ]; do sleep 0.2; done; '
         'exec 9<>/dev/nvidia0; exec sleep infinity')
DESKTOP = 'pgrep -x Xorg && loginctl --no-legend list-sessions | grep -q "anna *seat0"'


@scenario(shape='firmware')
def nvidia_unbind_hangs(host):
    """the card is opened in the moment of its unbind, which hangs in the kernel: named, and the rest comes back"""
    before = set_up(host)
    host.sh('virsh dumpxml win10 >/root/win10.xml')
    host.write(PARAMETERS.format('nvidia', 'remove_delay_ms'), '3000')
    host.write('/root/racer.sh', RACER)
    host.sh('systemd-run --quiet --unit=racer -p User=anna sh -c "$(cat /root/racer.sh)"')
    # With its modules kept it is the unbind alone that meets the open node.
    host.configure('win10', 'modules = "keep";\ntimeout = 30;\n')
    said = by_hand(host, 'prepare begin')
    require(said.returncode == 1, f'prepare ended with {said.returncode}: {said.stdout}')
    require_named(said.stdout, 'the kernel did not come back', '/dev/nvidia0', 'sleep',
                  host.sh('systemctl show -P MainPID racer.service'))
    host.sh('timeout 20 virsh version', timeout=30)
    require(host.sh(f'readlink /sys/bus/pci/devices/{SOUND}/driver').endswith('snd_hda_intel'), 'sound is not back')
    host.sh('ls /run/virt-handoff/*.journal')
    host.wait_command('the desktop is back', DESKTOP, LATER)
    stuck = host.try_sh('virt-handoff release win10 2>&1', timeout=90)
    require(stuck.returncode == 1, f'released what still hangs: {stuck.stdout}')
    require_named(host.try_sh('virt-handoff status win10', timeout=90).stdout, f'{GPU}  does not answer')
    host.sh('systemctl stop racer.service lightdm.service nvidia-persistenced.service')
    host.wait_command('the unbind ends', f'grep -q N {PARAMETERS.format("nvidia", "removing")}')
    host.wait_command('all is released', 'virt-handoff release win10', LATER)
    require_back(host, before)


@scenario(shape='firmware')
def module_exit_hangs(host):
    """a module's exit hangs in the kernel: said so, the desktop comes back; when it ends, `release` does the rest"""
    before = set_up(host)
    host.sh('virsh dumpxml win10 >/root/win10.xml')
    host.write(PARAMETERS.format('nvidia_uvm', 'exit_hangs'), '1')
    host.configure('win10', 'timeout = 30;\n')
    said = by_hand(host, 'prepare begin')
    require(said.returncode == 1, f'prepare ended with {said.returncode}: {said.stdout}')
    require_named(said.stdout, 'module nvidia_uvm', 'the kernel did not come back')
    facts = host.facts()
    require(facts.driver(GPU) == 'nvidia' and facts.driver(SOUND) == 'snd_hda_intel', 'the devices are not back')
    require({'nvidia', 'nvidia_modeset', 'nvidia_drm'} <= loaded(host), f'not loaded again: {loaded(host)}')
    require(facts.journals(), 'nobody remembers the module')
    host.wait_desktop()
    # It may be gone with the write: nothing may be done to the file after that.
    host.sh('echo 0 >' + PARAMETERS.format('nvidia_uvm', 'exit_hangs'))
    host.wait('the exit ends', lambda: 'nvidia_uvm' not in loaded(host))
    host.sh('virt-handoff release win10', timeout=90)
    require_back(host, before)
