"""The main job: a VM start hands the devices over, a VM stop brings everything back."""

import json

from lib.host import GPU, SOUND, USB, require
from lib.runner import scenario


def require_desktop_down(facts):
    require(facts.pairs('unit')['lightdm.service'] == 'inactive', 'the display manager still runs')
    require(not facts.graphical(), 'a graphical session is left')
    require(not facts.consoles(), f'consoles are still bound: {facts.consoles()}')
    require('bochs' not in facts.pairs('module'), 'module bochs is still loaded')


def cycle(host, guest, before):
    host.virsh(f'start {guest}')
    facts = host.require_given(guest)
    require_desktop_down(facts)
    require(facts.journals() == [f'{host.uuid(guest)}.journal'], f'journals: {facts.journals()}')
    host.virsh(f'destroy {guest}')
    host.wait_same(before)


@scenario()
def full_cycle_twice(host):
    """an empty per-VM file, managed devices: start and destroy, twice in a row"""
    before = host.facts().essence()
    host.configure('win10')
    cycle(host, 'win10', before)
    cycle(host, 'win10', before)


# What the guides have in prepare/begin and release/end, for this host.
START = """#!/bin/bash
set -x
systemctl stop display-manager.service user@1000.service
echo 0 >/sys/class/vtconsole/vtcon1/bind
modprobe -r bochs
modprobe vfio-pci
for device in 0000:01:00.1 0000:01:00.0; do
    echo vfio-pci >/sys/bus/pci/devices/$device/driver_override
    [ ! -e /sys/bus/pci/devices/$device/driver ] || echo $device >/sys/bus/pci/devices/$device/driver/unbind
    echo $device >/sys/bus/pci/drivers_probe
done
"""
REVERT = """#!/bin/bash
set -x
for device in 0000:01:00.1 0000:01:00.0; do
    echo >/sys/bus/pci/devices/$device/driver_override
    echo $device >/sys/bus/pci/devices/$device/driver/unbind
    echo $device >/sys/bus/pci/drivers_probe
done
modprobe bochs
echo 1 >/sys/class/vtconsole/vtcon1/bind
systemctl start display-manager.service
"""


@scenario()
def scripts_of_guides(host):
    """the scripts of the guides left in place beside an empty per-VM file: what they did is theirs to undo"""
    before = host.facts().essence()
    host.configure('win10')
    scripts = '/etc/libvirt/hooks/qemu.d/win10'
    host.sh(f'mkdir -p {scripts}/prepare/begin {scripts}/release/end')
    host.write(f'{scripts}/prepare/begin/start.sh', START, '755')
    host.write(f'{scripts}/release/end/revert.sh', REVERT, '755')
    require('start.sh' in host.sh('virt-handoff plan win10'), 'the plan does not name the script')
    checked = host.try_sh('virt-handoff check win10').stdout
    require('start.sh' in checked, f'check does not name the script: {checked}')
    cycle(host, 'win10', before)
    runs = json.loads(host.sh('virt-handoff timeline win10 --json'))['runs']
    require([run['result'] for run in runs] == ['done', 'done'], f'it went so: {runs}')


@scenario()
def unmanaged(host):
    """managed='no': it is the hook that binds vfio-pci and gives back"""
    before = host.facts().essence()
    host.configure('win10-unmanaged')
    cycle(host, 'win10-unmanaged', before)


@scenario()
def lingering_user_manager(host):
    """a user manager with its sound server that only outlives its session is stopped, not waited for"""
    before = host.facts().essence()
    require('wireplumber' in host.facts().holders('/dev/snd/control'), 'no sound server holds the sound card')
    host.write('/etc/systemd/logind.conf.d/linger.conf', '[Login]\nUserStopDelaySec=1h\n')
    host.sh('systemctl restart systemd-logind.service')
    host.configure('win10')
    host.virsh('start win10')
    host.require_given('win10')
    state = host.try_sh('systemctl is-active user@1000.service').stdout.strip()
    require(state == 'inactive', f'user@1000.service is {state}')
    host.virsh('destroy win10')
    host.wait_same(before)


@scenario()
def services_of_a_user(host):
    """services of a lingering user have the card open: one that goes on costs no desktop, one of the desktop's does"""
    host.configure('win10', 'stop_user = [ "wireplumber.service" ];\n')
    host.sh('loginctl enable-linger anna')
    before = host.facts().essence()
    desktop = host.sh('systemctl show -P MainPID lightdm.service')
    for name, options in (('pod', ''), ('bar', '-p PartOf=graphical-session.target')):
        host.sh(f"systemd-run -q --user --machine=anna@ --unit={name} {options} "
                "sh -c 'exec 9<>/dev/dri/card0; exec sleep infinity'")
    host.virsh_fails('start win10')
    refused = host.events('PRIORITY=3')
    require(any('add "pod.service" to stop_user' in event['MESSAGE'] for event in refused), f'it said {refused}')
    plan = host.try_sh('virt-handoff plan --json win10')
    refusals = json.loads(plan.stdout)['refusals']
    require(len(refusals) == 1 and 'pod.service' in refusals[0], f'what speaks against it: {refusals}')
    require(host.sh('systemctl show -P MainPID lightdm.service') == desktop, 'the display manager was stopped')
    host.sh('systemctl --user --machine=anna@ stop pod bar')
    host.wait_same(before)


@scenario()
def two_guests(host):
    """one VM on the GPU and one on the USB controller, ending independently; USB alone stops no desktop"""
    before = host.facts().essence()
    desktop = host.sh('systemctl show -P MainPID lightdm.service')
    host.configure('win10')
    host.configure('usbvm')
    host.virsh('start usbvm')
    host.require_given('usbvm', (USB,))
    require(host.sh('systemctl show -P MainPID lightdm.service') == desktop, 'the display manager was stopped')
    require(host.facts().desktop(), 'the desktop is gone')
    host.virsh('start win10')
    host.require_given('win10', (GPU, SOUND, USB))
    host.virsh('destroy usbvm')
    host.wait('the USB controller is back', lambda: host.facts().driver(USB) == 'xhci_hcd')
    require_desktop_down(host.require_given('win10'))
    host.virsh('destroy win10')
    host.wait_same(before)


@scenario()
def guest_off_by_itself(host):
    """usbvm first taken while win10 runs, then win10 ends first: each gives back only its own"""
    before = host.facts().essence()
    host.configure('win10')
    host.configure('usbvm')
    host.virsh('start win10')
    host.virsh('start usbvm')
    host.virsh('destroy win10')
    host.wait_desktop()
    host.require_given('usbvm', (USB,))
    host.virsh('destroy usbvm')
    host.wait_same(before)


@scenario()
def not_by_us(host):
    """a VM whose name has a quote gets the USB controller from libvirt alone: a start that needs it costs no desktop;
    then from the hook: a restart of libvirtd takes nothing from it"""
    strange, quoted = "O'Brien & <1>", '"O\'Brien & <1>"'
    before = host.facts().essence()
    desktop = host.sh('systemctl show -P MainPID lightdm.service')
    host.virsh(f'domrename usbvm {quoted}')
    host.sh('virt-handoff attach --yes win10 02:00.0')
    host.configure('win10')
    host.virsh(f'start {quoted}')
    host.virsh_fails('start win10')
    refused = host.events('PRIORITY=3')
    require(any('shut that guest down first' in event['MESSAGE'] for event in refused), f'it said {refused}')
    require(host.facts().desktop(), 'the desktop is gone')
    require(host.sh('systemctl show -P MainPID lightdm.service') == desktop, 'the display manager was stopped')
    host.virsh(f'destroy {quoted}')
    host.wait_same(before)

    host.configure(strange)
    host.virsh(f'start {quoted}')
    host.sh('systemctl restart libvirtd.service && virt-handoff recover')
    host.wait('libvirtd answers', lambda: host.state(quoted) == 'running')
    require(host.facts().driver(USB) == 'vfio-pci', 'the controller was taken from a running guest')
    said = host.sh('virt-handoff status')
    require(f'{strange}: running' in said, f'status does not know that it runs: {said}')
    host.sh(f'! virt-handoff release {quoted}')
    host.virsh(f'destroy {quoted}')
    host.wait_same(before)
