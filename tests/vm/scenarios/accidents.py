"""QEMU or libvirtd dies at a bad moment; libvirtd starts guests by itself."""

from lib.host import require
from lib.runner import scenario
from scenarios.refusals import hold


@scenario()
def qemu_fails(host):
    """QEMU ends right after prepare: everything comes back"""
    before = host.facts().essence()
    host.configure('broken')
    said = host.virsh_fails('start broken')
    require('no-such-option' in said, f'QEMU did not fail as it should: {said}')
    host.wait_same(before)
    require(host.events('STEP=device'), 'no device was handed over before QEMU failed')
    require('libvirt did not start broken' in host.messages(), 'nothing says that it did not start')


@scenario()
def qemu_killed(host):
    """QEMU is killed: everything comes back"""
    before = host.facts().essence()
    host.configure('win10')
    host.virsh('start win10')
    host.require_given('win10')
    host.sh(f"kill -9 {host.qemu_pid('win10')}")
    host.wait_same(before)
    require(host.state('win10') == 'shut off', 'the guest is not off')
    require('did not start' not in host.messages(), 'a guest that ran is said not to have started')


@scenario()
def libvirtd_restarted(host):
    """libvirtd restarts under a running VM: the VM lives on, and its end gives back"""
    before = host.facts().essence()
    host.configure('win10')
    host.virsh('start win10')
    pid = host.qemu_pid('win10')
    host.sh('systemctl restart libvirtd.service')
    host.virsh('version')
    require(host.require_given('win10').journals(), 'the journal is gone')
    require(host.qemu_pid('win10') == pid, 'the guest was restarted')
    host.virsh('destroy win10')
    host.wait_same(before)


@scenario()
def autostart(host):
    """libvirtd starts the VM by itself while it starts up, when it answers nobody"""
    before = host.facts().essence()
    host.configure('win10')
    host.virsh('autostart win10')
    host.sh('rm /run/libvirt/qemu/autostarted')
    host.sh('systemctl restart libvirtd.service')
    host.virsh('version')
    host.wait('the guest runs', lambda: host.state('win10') == 'running')
    host.require_given('win10')
    host.virsh('destroy win10')
    host.wait_same(before)


@scenario()
def libvirtd_killed(host):
    """libvirtd is killed during prepare: the hook, alone, takes everything back"""
    before = host.facts().essence()
    hold(host, '/dev/dri/card0')
    host.configure('win10', 'timeout = 100;\n')
    host.ssh.start('virsh start win10')
    host.wait('prepare is under way', lambda: host.facts().pairs('unit')['lightdm.service'] == 'inactive')
    host.sh('systemctl kill -s KILL libvirtd.service --kill-whom=main')
    host.sh('systemctl stop holder.scope')
    host.wait_same(before)
    host.wait('the guest is off', lambda: host.state('win10') == 'shut off')
    require("libvirt's daemon ended meanwhile" in host.messages(), 'the hook did not see its daemon die')


@scenario()
def orphaned_early(host):
    """libvirtd is killed while the hook waits for its turn: nothing is handed over, for there is nobody to start it"""
    before = host.facts().essence()
    host.configure('win10')
    host.sh('mkdir -p -m 700 /run/virt-handoff; systemd-run -q --unit=other flock /run/virt-handoff/lock sleep infinity')
    host.ssh.start('virsh start win10')
    host.wait_command('the hook waits', "pgrep -f 'virt-handoff hook'")
    host.sh('systemctl kill -s KILL --kill-whom=main libvirtd.service; systemctl stop other.service')
    host.wait('the hook is gone', lambda: host.try_sh("pgrep -f 'virt-handoff hook'").returncode != 0)
    require("libvirt's daemon ended meanwhile" in host.messages(), 'the hook did not see its daemon die')
    require(not host.events('STEP=device'), 'a device was handed over for nobody')
    host.wait_same(before)


@scenario()
def lost_start(host):
    """libvirtd and the hook are both killed during prepare: the next start of libvirtd gives everything back"""
    before = host.facts().essence()
    hold(host, '/dev/dri/card0')
    host.configure('win10', 'timeout = 100;\n')
    host.ssh.start('virsh start win10')
    host.wait('prepare is under way', lambda: host.facts().pairs('unit')['lightdm.service'] == 'inactive')
    host.sh('systemctl kill -s KILL libvirtd.service')
    host.wait('the hook is gone', lambda: host.try_sh('pgrep -x virt-handoff').returncode != 0)
    host.sh('systemctl stop holder.scope')
    host.wait_same(before)
    require(host.events('_SYSTEMD_UNIT=virt-handoff-recover.service'), 'it was not the recovery that gave back')
