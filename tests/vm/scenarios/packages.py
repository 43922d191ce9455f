"""The Debian package comes, is updated and goes while a VM has a device."""

import json

from lib.host import PER_VM, USB, require
from lib.runner import scenario

HOOK = '/etc/libvirt/hooks/qemu'
CONFIG = '# mine\n'


def dpkg(host, arguments):
    """Nobody is there to answer."""
    return host.sh(f'dpkg --force-unsafe-io {arguments} 2>&1 </dev/null', timeout=150)


def version(host):
    return host.sh("dpkg-query -W -f '${Version}' virt-handoff")


@scenario(packages=True)
def packages(host):
    """the package installed, updated while a VM runs, and refused to be removed until that VM has ended"""
    before = host.facts().essence()
    foreign = host.sh(f'cat {HOOK}')
    host.configure('usbvm', CONFIG)
    said = dpkg(host, '-i /root/now.deb')
    require('Another hook was installed' in said, f'the hook that was there is not mentioned: {said}')
    installed = version(host)
    require('virt-handoff-recover.service' in host.sh('systemctl show -P Wants libvirtd.service'),
            'a libvirtd that starts anew brings no recovery with it')
    host.virsh('start usbvm')
    require(host.require_given('usbvm', (USB,)).journals(), 'there is no journal')
    pid = host.qemu_pid('usbvm')

    said = dpkg(host, '-i /root/later.deb')
    require('Another hook' not in said, f'our own hook was taken for another: {said}')
    require(version(host) == installed + '+later', f'{installed} became {version(host)}')
    require('usbvm' in host.sh('virt-handoff status'), 'the new version knows nothing of the guest')
    refused = host.try_sh('dpkg -r virt-handoff', timeout=150)
    require(refused.returncode and 'end it first' in refused.stderr, f'removed, or refused without a reason: {refused}')
    require(host.require_given('usbvm', (USB,)).journals(), 'the journal is gone')
    require(host.qemu_pid('usbvm') == pid, 'the guest is another')
    host.virsh('destroy usbvm')
    host.wait_same(before)
    loaded = next(found for found in json.loads(host.try_sh('virt-handoff check --json').stdout)['findings']
                  if found['id'] == 'hook-loaded')
    require(loaded['state'] == 'ok', f'check doubts that libvirt knows the hook: {loaded}')

    dpkg(host, '-r virt-handoff')
    require(host.sh(f'cat {HOOK}') == foreign, 'the hook that was there before is not back')
    require(host.sh(f'cat {PER_VM}/usbvm.conf') == CONFIG.strip(), 'the per-VM file is not as it was')
    require(host.try_sh('virt-handoff --version').returncode, 'the program is still there')
    require(host.try_sh('ls /run/virt-handoff').returncode, 'something is left in /run/virt-handoff')
