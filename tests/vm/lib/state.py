"""Saved states: the emulated host booted to its desktop, its libvirtd warm, kept as memory and disk; and the same with
the project installed, as systemd takes an emulated CPU some seconds to read its units anew."""

import pathlib
import subprocess

from . import cache, domains, host, image, machine, project

HERE = pathlib.Path(__file__).resolve().parent
BOOT = 420


def name(suite, shape):
    """Not the scenarios, not the project: only what the state is made of, and who saved it."""
    version = subprocess.run(['qemu-system-x86_64', '--version'], capture_output=True, text=True,
                             check=True).stdout.splitlines()[0]
    made_of = [HERE / file for file in ('machine.py', 'state.py', 'domains.py')]
    return f'{image.name(suite)}-{shape}-{cache.digest(version, *made_of)}'


def ensure(suite, shape, fresh=False):
    base = image.ensure(suite)
    path = cache.directory() / name(suite, shape)
    return base, cache.kept(path, lambda into: build(base, shape, into), fresh)


def with_project(base, path, shape, tree):
    """`path` is the state without it, whose disk is below the new one's: made anew, it is another."""
    made_of = tree, HERE / 'project.py', str((path / 'disk.qcow2').stat().st_mtime_ns)
    installed = path.with_name(f'{path.name}-{cache.digest(*made_of)}')
    return base, cache.kept(installed, lambda into: install(base, path, shape, tree, into))


def install(base, path, shape, tree, into):
    there = restore(base, path, shape)
    try:
        project.install(there, tree)
        keep(there, into)
    finally:
        there.machine.end()


def keep(there, into):
    there.sh('journalctl --sync; sync', timeout=120)
    there.machine.save(into)


def build(base, shape, into):
    print(f'booting the emulated host ({shape}) to save its state, some minutes', flush=True)
    run = machine.Machine(base, shape, base.disk)
    try:
        run.ssh.connect(BOOT)
        there = host.Host(run)
        there.set_clock()
        SETTLED[shape](there)
        warm(there)
        keep(there, into)
    except BaseException:
        (cache.directory() / f'failed-{shape}.log').write_text(run.log('serial.log'), encoding='utf-8')
        raise
    finally:
        run.end()


def settled_desktop(there):
    there.wait_desktop(host.LATER * 2)
    facts = there.facts()
    host.require(facts.driver(domains.GPU) == 'bochs-drm', 'the GPU is not on its own driver')
    host.require(facts.consoles(), 'no framebuffer console is bound')


def settled_firmware(there):
    there.wait('the firmware framebuffer is bound', lambda: there.facts().rows['framebuffer'], host.LATER)
    facts = there.facts()
    host.require(facts.driver(domains.GPU) == '-', 'the GPU has a driver')


SETTLED = {'desktop': settled_desktop, 'firmware': settled_firmware, 'two-gpus': settled_desktop}


def warm(there):
    """libvirtd probes QEMU once, and everything that a start needs has been read from the disk."""
    there.wait_command('start-up has ended', 'systemctl is-system-running | grep -qv starting', host.LATER)
    there.sh("aa-status --json | grep -q '\"libvirtd\": *\"enforce\"'")
    for guest, xml in domains.GUESTS.items():
        there.write(f'/root/{guest}.xml', xml)
        there.virsh(f'define /root/{guest}.xml')
    there.virsh('start plain', timeout=300)
    there.virsh('destroy plain')
    there.sh("find /lib/modules -name 'vfio*.ko*' -exec cat {} + >/dev/null")


def restore(base, path, shape):
    """The emulated host of the saved state, with today's clock."""
    run = machine.Machine(base, shape, path / 'disk.qcow2', path / 'memory')
    try:
        run.ssh.connect(60)
        there = host.Host(run)
        there.set_clock()
        return there
    except BaseException:
        run.end()
        raise
