"""Devices: how they are set, helped and refused; the screen that is in front when they are back."""

import pathlib
import subprocess
import tempfile

from lib.domains import domain
from lib.host import GPU, SOUND, require
from lib.runner import scenario

NIC, GPU2, SATA, NVME = '0000:00:05.0', '0000:03:00.0', '0000:04:00.0', '0000:06:00.0'
PCI = '/sys/bus/pci/devices'


def call(host, guest, operation):
    """The hook as libvirt calls it, without libvirt; what it said."""
    result = host.try_sh(f'/etc/libvirt/hooks/qemu {guest} {operation} - </root/{guest}.xml', timeout=120)
    return result.returncode, result.stderr.strip()


def configure(host, guest, devices, text='', number=90):
    host.configure(guest, text)
    host.write(f'/root/{guest}.xml', domain(guest, number, devices))


def must(host, guest, operation):
    status, said = call(host, guest, operation)
    require(status == 0, f'{operation} of {guest} failed: {said}')


def refused(host, guest, *words):
    status, said = call(host, guest, 'prepare begin')
    require(status == 1, f'{guest} was not refused')
    for word in words:
        require(word in said, f'"{word}" is not in: {said}')


def settings(host, device):
    return host.sh(f'cd {PCI}/{device} && cat d3cold_allowed power/control reset_method 2>/dev/null | tr "\\n" " "; true')


SUSPENDED = 'cat /sys/power/suspend_stats/success'


@scenario()
def power_while_given(host):
    """no power saving while the guest has them; reset = "rtcwake" suspends the host, which wakes; then all as before"""
    host.sh(f'echo auto >{PCI}/{GPU}/power/control; echo 1 >{PCI}/{GPU}/d3cold_allowed')
    before, were = host.facts().essence(), [settings(host, device) for device in (GPU, SOUND)]
    configure(host, 'lent', (GPU, SOUND), 'timeout = 60;\nreset = "rtcwake";\n')
    must(host, 'lent', 'prepare begin')
    for device in (GPU, SOUND):
        now = settings(host, device)
        require(now.startswith('0 on'), f'{device} is set to {now}')
    require(host.sh(SUSPENDED) == '0', 'the host was suspended too early')
    must(host, 'lent', 'release end')
    require(host.sh(SUSPENDED) == '1', 'the host was not suspended')
    require(host.sh('cat /sys/class/rtc/rtc0/wakealarm') == '', 'the alarm is left')
    host.set_clock()
    host.wait_same(before)
    now = [settings(host, device) for device in (GPU, SOUND)]
    require(now == were, f'{were} became {now}')


@scenario()
def removed_and_found(host):
    """reset = "rescan": both functions leave the bus and come back with their drivers"""
    before = host.facts().essence()
    host.sh(f'echo 0 >{PCI}/{SOUND}/d3cold_allowed')
    were = settings(host, SOUND)
    places = [host.sh(f'stat -L -c %i {PCI}/{device}/') for device in (GPU, SOUND)]
    configure(host, 'lent', (GPU, SOUND), 'reset = "rescan";\n')
    must(host, 'lent', 'prepare begin')
    must(host, 'lent', 'release end')
    host.wait_same(before)
    now = [host.sh(f'stat -L -c %i {PCI}/{device}/') for device in (GPU, SOUND)]
    for device, old, new in zip((GPU, SOUND), places, now):
        require(old != new, f'{device} never left the bus')
    require('looking for it again' in host.messages(), 'nothing says that it was removed')
    require(settings(host, SOUND) == were, f'{were} became {settings(host, SOUND)}')


@scenario()
def screen_in_front(host):
    """the VT of the desktop is in front before and after; one that stayed behind is brought to the front"""
    front = 'cat /sys/class/tty/tty0/active'
    before, vt = host.facts().essence(), host.sh(front)
    configure(host, 'lent', (GPU, SOUND), 'timeout = 60;\n')
    # When the display manager counts as started, its X server has been up for long, behind a text console.
    host.write('/etc/systemd/system/lightdm.service.d/behind.conf',
               "[Service]\nExecStartPost=/bin/sh -c 'until pidof Xorg; do sleep 1; done; sleep 10; "
               "busctl call org.freedesktop.login1 /org/freedesktop/login1/seat/seat0 org.freedesktop.login1.Seat "
               "SwitchTo u 5; until grep -qx tty5 /sys/class/tty/tty0/active; do sleep 0.1; done'\n")
    host.sh('systemctl daemon-reload')
    must(host, 'lent', 'prepare begin')
    must(host, 'lent', 'release end')
    require('bring the desktop to the front' in host.messages(), 'the screen was not seen to')
    host.wait_same(before)
    host.wait('the desktop is in front', lambda: host.sh(front) == vt)


@scenario()
def network_needed(host):
    """the card of the default route is refused, and nothing is touched"""
    before = host.facts().essence()
    configure(host, 'lent', (NIC,))
    refused(host, 'lent', NIC, 'way to the network', '10.0.2.2')
    require(host.facts().essence() == before, 'something changed')


def make_file_system(host, disk):
    """Made out here, since not every release of the emulated host has mkfs.ext4."""
    with tempfile.TemporaryDirectory() as directory:
        image = pathlib.Path(directory, 'image')
        subprocess.run(['mkfs.ext4', '-q', image, '2M'], check=True)
        host.ssh.out(f'cat >/dev/{disk}', stdin=image.read_bytes())


@scenario(shape='two-gpus')
def disk_needed(host):
    """a SATA controller: refused while its disk is mounted, swapped on or open, handed over when it is not"""
    disk = host.sh(f'ls -d {PCI}/{SATA}/ata*/host*/target*/*/block/* | sed "s,.*/,,"')
    configure(host, 'lent', (SATA,))
    make_file_system(host, disk)
    host.sh(f'mount /dev/{disk} /mnt')
    refused(host, 'lent', SATA, f'/dev/{disk}', 'mounted on /mnt')
    host.sh(f'umount /mnt && mkswap /dev/{disk} && swapon /dev/{disk}')
    refused(host, 'lent', SATA, f'/dev/{disk}', 'swap')
    host.sh('swapoff -a')
    # As the raw disk of another guest would be.
    host.sh(f'systemd-run --quiet --unit raw.service sh -c "sleep infinity 9</dev/{disk}"')
    refused(host, 'lent', SATA, f'/dev/{disk}', 'raw.service', 'has open')
    host.sh('systemctl stop raw.service')
    before = host.facts().essence()
    must(host, 'lent', 'prepare begin')
    require(host.sh(f'readlink {PCI}/{SATA}/driver').endswith('/vfio-pci'), 'the controller is not on vfio-pci')
    require(host.facts().desktop(), 'the desktop was stopped for a disk')
    must(host, 'lent', 'release end')
    host.wait_command('the disk is back', f'test -b /dev/{disk}')
    host.wait_same(before)


@scenario(shape='two-gpus')
def second_gpu(host):
    """the desktop goes on when its X server leaves the second card alone; that card's node leaves and comes back"""
    host.write('/etc/X11/xorg.conf.d/10-one.conf',
               'Section "ServerFlags"\n  Option "AutoAddGPU" "false"\nEndSection\n')
    host.sh('systemctl restart lightdm')
    host.wait_desktop()
    before, desktop = host.facts().essence(), host.sh('systemctl show -P MainPID lightdm.service')
    node = host.sh(f'ls {PCI}/{GPU2}/drm | grep card')
    configure(host, 'lent', (GPU2,))
    must(host, 'lent', 'prepare begin')
    require(host.sh(f'readlink {PCI}/{GPU2}/driver').endswith('/vfio-pci'), 'the second card is not on vfio-pci')
    require(host.try_sh(f'test -e /dev/dri/{node}').returncode != 0, f'{node} is still there')
    require(host.sh('systemctl show -P MainPID lightdm.service') == desktop, 'the desktop was stopped')
    must(host, 'lent', 'release end')
    host.wait_same(before)


def driver(host, device):
    return host.sh(f'basename "$(readlink {PCI}/{device}/driver || echo -)"')


@scenario(shape='two-gpus')
def virtual_functions(host):
    """a virtual function is handed over and comes back; its card is refused meanwhile, and later goes without any"""
    # Plugged in, since QEMU cannot save the state of one.
    host.machine.monitor.execute('device_add', driver='nvme', bus='nvmeport', serial='one', subsys='subsystem',
                                 sriov_max_vfs=2, sriov_vq_flexible=4, sriov_vi_flexible=2)
    host.wait('the card has its driver', lambda: driver(host, NVME) == 'nvme')
    before, first, second = host.facts().essence(), NVME[:-1] + '1', NVME[:-1] + '2'
    count = f'cat {PCI}/{NVME}/sriov_numvfs'
    host.sh(f'echo 2 >{PCI}/{NVME}/sriov_numvfs')
    host.wait('both functions are there', lambda: host.sh(f'ls -d {PCI}/{NVME[:-1]}*').count('\n') == 2)
    were = [driver(host, device) for device in (NVME, first, second)]

    configure(host, 'card', (NVME,), number=91)
    configure(host, 'lent', (first,))
    must(host, 'lent', 'prepare begin')
    now = [driver(host, device) for device in (NVME, first, second)]
    require(now == [were[0], 'vfio-pci', were[2]], f'{were} became {now}')
    require(host.facts().desktop(), 'the desktop was stopped for a virtual function')
    refused(host, 'card', NVME, first, 'guest lent', f'echo 0 > {PCI}/{NVME}/sriov_numvfs')
    must(host, 'lent', 'release end')
    now = [driver(host, device) for device in (NVME, first, second)]
    require(now == were, f'{were} became {now}')
    require('does not come back' not in host.messages(), 'it was taken for dead')

    # vfio-pci does not take the card as long as it has them.
    must(host, 'card', 'prepare begin')
    require(driver(host, NVME) == 'vfio-pci', 'the card is not on vfio-pci')
    require(host.sh(count) == '0', 'the card has its virtual functions still')
    refused(host, 'lent', first)
    must(host, 'card', 'release end')
    now = [driver(host, device) for device in (NVME, first, second)]
    require(now == were and host.sh(count) == '2', f'{were} became {now}')
    host.sh(f'echo 0 >{PCI}/{NVME}/sriov_numvfs')
    host.wait_same(before)
