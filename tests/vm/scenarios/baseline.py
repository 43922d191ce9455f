"""The emulated host itself is sound: the acts of the guides, done by hand, give the GPU away and take it back."""

from lib.host import GPU, SOUND
from lib.runner import scenario

FUNCTIONS = (SOUND, GPU)


def give(host):
    host.sh('systemctl stop lightdm.service')
    host.wait('the session has ended', lambda: not host.facts().graphical())
    host.sh('systemctl stop user@1000.service')
    host.sh('for c in /sys/class/vtconsole/*; do if grep -q "(M) frame" $c/name; then echo 0 >$c/bind; fi; done')
    host.wait_command('bochs is unloaded', 'modprobe -r bochs')
    host.sh('modprobe vfio-pci')
    for device in FUNCTIONS:
        path = f'/sys/bus/pci/devices/{device}'
        host.sh(f'echo vfio-pci >{path}/driver_override; '
                f'if [ -e {path}/driver ]; then echo {device} >{path}/driver/unbind; fi; '
                f'echo {device} >/sys/bus/pci/drivers_probe')


def take_back(host):
    for device in reversed(FUNCTIONS):
        path = f'/sys/bus/pci/devices/{device}'
        host.sh(f'echo >{path}/driver_override; echo {device} >{path}/driver/unbind')
    host.sh('modprobe bochs')
    for device in FUNCTIONS:
        host.sh(f'echo {device} >/sys/bus/pci/drivers_probe')
    host.sh('for c in /sys/class/vtconsole/*; do if grep -q "(M) frame" $c/name; then echo 1 >$c/bind; fi; done')
    host.sh('systemctl start lightdm.service')


@scenario(installed=False)
def baseline(host):
    """without the project: the acts done by hand, a nested guest on the GPU, and back"""
    before = host.facts().essence()
    give(host)
    host.virsh('start win10')
    host.require_given('win10')
    host.virsh('destroy win10')
    take_back(host)
    host.wait_same(before)
