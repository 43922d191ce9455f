"""The engine is killed at any moment: what it wrote down before is enough to bring everything back."""

import json

from lib.host import GPU, SOUND, require
from lib.runner import scenario
from lib.trap import Trap, steps_of

STAND_IN = '[Service]\nExecStart=/usr/bin/sleep infinity\n'
# In place of a desktop, which takes half a minute to end and to come back.
QUICK = 'stop = [ "stand-in.service" ];\ntimeout = 60;\n'

HOOK = '/etc/libvirt/hooks/qemu {} {} - </root/{}.xml'
# The caller ends with its call, and so looks like a libvirtd that was killed.
CALL = "sh -c '" + HOOK + "; exit $?'"


def without_desktop(host, guest='win10'):
    host.sh('systemctl stop lightdm.service user@1000.service')
    host.write('/run/systemd/system/stand-in.service', STAND_IN)
    host.sh('systemctl daemon-reload; systemctl start stand-in.service')
    host.configure(guest, QUICK)
    host.wait('nobody has the sound card', lambda: not host.facts().holders('/dev/snd/control'))


def state(host):
    """The essence, and the units that a hand-over stops and starts here."""
    units = host.sh('systemctl is-active stand-in.service || true; '
                    'systemctl list-units -q --plain --no-legend "virt-handoff-awake@*"')
    return host.facts().essence(), units


def call(host, operation, guest='win10'):
    """One call of the hook by a daemon that is gone afterwards."""
    return host.try_sh(CALL.format(guest, operation, guest), timeout=120)


def recover(host):
    said = host.try_sh('virt-handoff recover', timeout=120)
    require(said.returncode == 0, f'recover exited {said.returncode}: {said.stderr}')


def require_same(host, before, when):
    now = state(host)
    differences = [f'{key}: {before[0][key]} became {now[0][key]}' for key in before[0] if before[0][key] != now[0][key]]
    if before[1] != now[1]:
        differences.append(f'units: {before[1]} became {now[1]}')
    require(not differences, f'{when}: ' + '; '.join(differences))


# What of a hand-over is the desktop's own comes first on the way out and last on the way back. These boundaries are
# tried with the desktop, which takes half a minute to come back each time; all others, where it has been stopped.
DESKTOP = ('driver', 'awake', 'front', 'unit', 'sessions', 'holders')
LAST = 'holders'


def planned(host):
    """(kind, subject) of each step of the real plan; of sessions that end with the display manager nothing is written."""
    plan = json.loads(host.sh('virt-handoff plan --json win10'))
    steps = {(step['step'], step['subject']) for step in plan['steps'] if step['step'] != 'sessions'}
    require({'driver', 'awake', 'front', 'unit', 'holders', 'console', 'display', 'module', 'settings', 'device'}
            == {kind for kind, _ in steps}, f'the real plan has {steps}')
    return steps


def require_killed(points, steps, *keys):
    """It was killed at those lines ("begin", "done", "undone") of each of the steps."""
    killed = set().union(*(point.at for point in points))
    missing = {(key, step) for key in keys for step in steps} - killed
    require(not missing, f'never killed at {missing}')


def real(host):
    host.configure('win10', 'timeout = 60;\n')
    steps = planned(host)
    own = {step for step in steps if step[0] in DESKTOP}
    return own, steps - own


def stopped_desktop(host):
    """Of the same plan, what is not the desktop's."""
    _, others = real(host)
    without_desktop(host)
    host.configure('win10', 'stop = [];\ntimeout = 60;\n')
    return others


@scenario()
def killed_in_prepare(host):
    """the engine killed with -9 at prepare's step boundaries with the desktop: recover brings it back each time"""
    trap, (own, _) = Trap(host), real(host)
    points, _ = trap.at_points('prepare begin', 'kill', range(1, 40), until=LAST)
    last, _ = trap.at_points('prepare begin', 'match', ['"prepared":true'])
    require_killed(points, own, 'begin', 'done')
    down = [point for point in points + last if not point.up]
    require(len(down) >= 4 and last[0] in down, f'the desktop was down at {down} only')


@scenario()
def killed_in_release(host):
    """the engine killed with -9 at release's step boundaries with the desktop: recover brings it back each time"""
    trap, (own, _) = Trap(host), real(host)
    # Before the display manager is started, and after; what comes then does not concern it.
    kinds = ('holders', 'unit', 'front')
    points, _ = trap.at_points('release end', 'match', [f'undone:{kind}' for kind in kinds])
    require_killed(points, {step for step in own if step[0] in kinds}, 'undone')
    require(not points[0].up, 'the desktop was up though nobody had started it')


@scenario()
def killed_once(host):
    """the engine killed with -9 in a release while libvirtd lives: it begins again, and the desktop comes back"""
    trap, before = Trap(host), host.facts().essence()
    host.configure('win10', 'timeout = 120;\n')
    host.virsh('start win10')
    host.require_given('win10')
    trap.set('release', 'once', 4)
    host.virsh('destroy win10')
    require(trap.told(), 'nothing was killed')
    host.wait_same(before)
    said = [event for event in host.events() if 'killed by signal 9' in event['MESSAGE']]
    require(len(said) == 1 and 'begins again' in said[0]['MESSAGE'], f'it said {said}')


@scenario(late=True)
def killed_on_the_way(host):
    """the engine killed with -9 at all other step boundaries of prepare and release: recover brings the rest back"""
    trap, others = Trap(host), stopped_desktop(host)
    # Behind the first line, two of driver and one of awake, where it has been killed with the desktop.
    known = 1 + 2 + 1
    points, journal = trap.at_points('prepare begin', 'kill', range(known + 1, 99))
    require_killed(points, others, 'begin', 'done')
    require(known + len(points) == len(journal), f'{len(points)} points for {len(journal)} lines')
    points, journal = trap.at_points('release end', 'kill', range(1, 99))
    # With what is the same without the display manager: loading the driver, staying awake.
    same = {step for step in steps_of(journal).values() if step[0] in ('driver', 'awake')}
    require(len(same) == 2, f'{same} only')
    require_killed(points, others | same, 'undone')
    require([point.side for point in points[-2:]] == ['before', 'after'] and 'removal' in points[-1].text,
            f'ended at {points[-1]}')


@scenario()
def killed_while_acting(host):
    """the engine killed while a child of it acts on the kernel: recover waits for that act, then brings everything back"""
    trap = Trap(host)
    without_desktop(host)
    host.configure('win10', QUICK + 'sleep = "allow";\n')
    for operation, sign, last in (('prepare begin', 1, 6), ('release end', -1, 4)):
        points, _ = trap.at_points(operation, 'orphan', [sign * number for number in range(1, last + 1)])
        require(len(points) == last, f'{operation} has {len(points)} acts only')


def require_on_vfio(host, when):
    facts = host.facts()
    for device in (GPU, SOUND):
        require(facts.driver(device) == 'vfio-pci', f'{when}: {device} is on {facts.driver(device)}')


@scenario()
def recover_leaves_alone(host):
    """recover during prepare, between prepare and QEMU, and beside a running VM: nothing is taken from it"""
    trap = Trap(host)
    without_desktop(host)
    before = state(host)
    # In the midst of prepare: it waits for its end, and finds a daemon that lives.
    trap.set('prepare', 'stop', 10)
    host.sh("systemd-run -q --unit=daemon sh -c '" + HOOK.format('win10', 'prepare begin', 'win10') +
            "; echo $? >/run/prepared; exec sleep infinity'")
    pid = trap.wait()
    recovering = host.ssh.start('virt-handoff recover')
    host.wait('recover waits', lambda: host.try_sh('pgrep -f "virt-handoff.real recover"').returncode == 0)
    host.sh(f'kill -CONT {pid}')
    host.wait('prepare has ended', lambda: host.try_sh('cat /run/prepared').stdout)
    require(host.sh('cat /run/prepared') == '0', 'prepare failed')
    require(recovering.wait(60) == 0, f'recover failed: {recovering.stderr.read()}')
    require_on_vfio(host, 'recover during prepare')
    # Between prepare and QEMU.
    recover(host)
    require_on_vfio(host, 'recover between prepare and QEMU')
    host.virsh('start win10')
    host.sh('systemctl stop daemon.service')
    # The daemon of the hand-over is gone, but the guest runs.
    recover(host)
    host.require_given('win10')
    host.virsh('destroy win10')
    require_same(host, before, 'after the end of the guest')
    # The daemon dies between prepare and QEMU.
    require(call(host, 'prepare begin').returncode == 0, 'prepare failed')
    require_on_vfio(host, 'after prepare')
    recover(host)
    require_same(host, before, 'the daemon died between prepare and QEMU')


@scenario()
def frozen(host):
    """the hook frozen until after its deadline: then it gives back and fails; others are told that it still runs"""
    trap = Trap(host)
    without_desktop(host)
    host.configure('win10', QUICK.replace('60', '16'))
    host.configure('usbvm', 'timeout = 4;\n')
    before = state(host)
    trap.set('prepare', 'stop', 9)
    start = host.ssh.start(CALL.format('win10', 'prepare begin', 'win10'))
    pid = trap.wait()
    host.sh('cut -d. -f1 /proc/uptime >/run/frozen')
    refused = host.try_sh(CALL.format('usbvm', 'prepare begin', 'usbvm'))
    require(refused.returncode == 1 and 'another hand-over still runs' in refused.stderr,
            f'a second guest was told: {refused.stderr}')
    recovering = host.ssh.start('virt-handoff recover')
    host.wait('the deadline has passed', lambda: host.sh(
        'echo $(($(cut -d. -f1 /proc/uptime) - $(cat /run/frozen) > 16))') == '1')
    require(recovering.poll() is None, 'recover did not wait')
    host.sh(f'kill -CONT {pid}')
    said = start.communicate(timeout=60)[1]
    require(start.returncode == 1, f'prepare exited {start.returncode}')
    require('time' in said, f'prepare said: {said}')
    require(recovering.wait(60) == 0, f'recover failed: {recovering.stderr.read()}')
    require_same(host, before, 'after the hook went on')


@scenario()
def takes_turns(host):
    """a second VM for a held card is refused, naming the first; one that starts while the first ends waits its turn"""
    trap = Trap(host)
    without_desktop(host)
    host.configure('win10-unmanaged', QUICK)
    before = state(host)
    require(call(host, 'prepare begin').returncode == 0, 'prepare failed')
    refused = call(host, 'prepare begin', 'win10-unmanaged')
    require(refused.returncode == 1 and 'win10' in refused.stderr.replace('win10-unmanaged', ''),
            f'the second guest was told: {refused.stderr}')
    require_on_vfio(host, 'after the second guest was refused')
    trap.set('release', 'stop', 2)
    first = host.ssh.start(CALL.format('win10', 'release end', 'win10'))
    pid = trap.wait()
    second = host.ssh.start(CALL.format('win10-unmanaged', 'prepare begin', 'win10-unmanaged'))
    host.wait('the second waits', lambda: host.try_sh('pgrep -f "hook win10-unmanaged prepare"').returncode == 0)
    host.sh(f'kill -CONT {pid}')
    require(first.wait(60) == 0, f'release failed: {first.stderr.read()}')
    require(second.wait(60) == 0, f'the second prepare failed: {second.stderr.read()}')
    require(host.facts().journals() == [f"{host.uuid('win10-unmanaged')}.journal"], 'not the second has the card')
    require_on_vfio(host, 'after the second prepare')
    require(call(host, 'release end', 'win10-unmanaged').returncode == 0, 'release failed')
    require_same(host, before, 'after the second release')


@scenario()
def files_deleted(host):
    """the per-VM file, then the drop-in deleted while the VM runs: release still comes, or gives back by hand"""
    before = host.facts().essence()
    host.configure('win10', 'timeout = 120;\n')
    host.virsh('start win10')
    host.require_given('win10')
    host.sh('rm /etc/libvirt/hooks/kvm.conf.d/win10.conf')
    host.virsh('destroy win10')
    host.wait_same(before)
    host.configure('win10', 'timeout = 120;\n')
    host.virsh('start win10')
    host.require_given('win10')
    host.sh('rm /etc/libvirt/hooks/kvm.conf.d/win10.conf /etc/libvirt/hooks/qemu')
    host.virsh('destroy win10')
    require(host.facts().journals(), 'the journal is gone, though nobody released')
    require('virt-handoff release win10' in host.sh('virt-handoff status'), 'status does not say what to type')
    host.sh('virt-handoff release win10')
    host.wait_same(before)


def mount_state(host, size):
    host.sh(f'mount -t tmpfs -o size={size},mode=700 tmpfs /run/virt-handoff')


def require_refused(host, before, problem):
    result = call(host, 'prepare begin')
    require(result.returncode == 1 and problem in result.stderr, f'exit {result.returncode}: {result.stderr}')
    require(len(result.stderr.strip().splitlines()) == 1, f'more than a line: {result.stderr}')
    require_same(host, before, problem)


@scenario()
def no_room_to_write(host):
    """/run full or read-only: refused before anything is touched, rolled back in the middle, and release still works"""
    without_desktop(host)
    host.sh('cp /run/systemd/system/stand-in.service /run/systemd/system/stand-in@.service; systemctl daemon-reload')
    before = state(host)
    host.sh('mkdir -p -m 700 /run/virt-handoff')
    mount_state(host, '4k')
    host.sh('head -c 4096 /dev/zero >/run/virt-handoff/full')
    require_refused(host, before, 'No space left on device')
    # One page, which is full when the console and the module have gone already.
    host.sh('rm /run/virt-handoff/full')
    others = ', '.join(f'"stand-in@{"x" * 120}{number}.service"' for number in range(7))
    host.configure('win10', QUICK.replace(' ];', f', {others} ];'))
    require_refused(host, before, 'No space left on device')
    require(host.events('STEP=module'), 'it was full before anything had been touched')
    host.sh('umount /run/virt-handoff')
    host.configure('win10', QUICK)
    mount_state(host, '64k')
    host.sh('mount -o remount,ro /run/virt-handoff')
    require_refused(host, before, 'Read-only file system')
    host.sh('mount -o remount,rw /run/virt-handoff')
    require(call(host, 'prepare begin').returncode == 0, 'prepare failed')
    host.sh('mount -o remount,ro /run/virt-handoff')
    released = call(host, 'release end')
    require(released.returncode == 1 and 'Read-only file system' in released.stderr, f'release said {released.stderr}')
    host.sh('mount -o remount,rw /run/virt-handoff')
    now = state(host)
    require(now[0].pop('journals'), 'a journal was removed from a read-only file system')
    require(now == ({key: value for key, value in before[0].items() if key != 'journals'}, before[1]),
            f'read-only at release: {now}')
    recover(host)
    require_same(host, before, 'after recover')
    require(call(host, 'prepare begin').returncode == 0, 'prepare failed')
    host.try_sh('head -c 65536 /dev/zero >/run/virt-handoff/full')
    require(call(host, 'release end').returncode == 0, 'release failed on a full file system')
    host.sh('rm /run/virt-handoff/full')
    require_same(host, before, 'full at release')
    host.sh('umount /run/virt-handoff')
