"""The guide as commands, against the tools that people use by hand: lspci, lsusb, virsh, sysfs."""

import json
import pathlib
import re
import shutil
import subprocess
import xml.etree.ElementTree as tree

from lib.domains import UUIDS
from lib.host import GPU, SOUND, USB, require
from lib.runner import scenario

TERMINAL = pathlib.Path(__file__).parent.parent / 'stand-ins' / 'terminal.py'
DEVICES = '/sys/bus/pci/devices'


def verb(host, command, status=0):
    """What the verb wrote to stdout; its exit status is the one demanded."""
    result = host.try_sh(f'virt-handoff {command}', 120)
    require(result.returncode == status,
            f'virt-handoff {command}: {result.returncode}, not {status}: {result.stdout}{result.stderr}')
    return result.stdout + (result.stderr if status else '')


def require_same(what, ours, theirs):
    require(ours == theirs, f'{what}: {ours} is not {theirs}')


@scenario()
def groups_and_ports(host):
    """iommu says what lspci and the guide's iommu.sh say, usb what lsusb says, each device where sysfs has it"""
    text = verb(host, 'iommu')
    lines = host.sh('lspci -D -nn -A linux-sysfs').splitlines()
    require_same('lines of lspci', sorted(re.findall(r'^(?: {8}|\[NORES\] )(0000:\S+ .*)$', text, re.M)), sorted(lines))
    stuck = host.sh(f'cd {DEVICES}; for d in *; do [ -e $d/reset ] || echo $d; done').split()
    require_same('functions without a reset', sorted(re.findall(r'^\[NORES\] (\S+)', text, re.M)), sorted(stuck))
    members = host.sh('cd /sys/kernel/iommu_groups; for d in */devices/*; do echo $d; done').split()
    found = [f"{group['group']}/devices/{device['address']}" for group in json.loads(verb(host, 'iommu --json'))
             for device in group['devices']]
    require_same('members of groups', sorted(found), sorted(members))

    ours, theirs = set(), set()
    for bus in json.loads(verb(host, 'usb --json')):
        path = host.sh(f"readlink -f /sys/bus/usb/devices/usb{bus['bus']}")
        require(f"/{bus['controller']['address']}/" in path, f'bus {bus["bus"]} is below {path}')
        ours |= {(bus['bus'], device['number'], device['vendor'][2:], device['product'][2:])
                 for device in bus['devices']}
    for line in host.sh('lsusb').splitlines():
        match = re.match(r'Bus (\d+) Device (\d+): ID (\w+):(\w+)', line)
        if match[3] != '1d6b':
            theirs.add((int(match[1]), int(match[2]), match[3], match[4]))
    require(theirs, 'lsusb shows no device')
    require_same('USB devices', ours, theirs)
    require('[keyboard]' in verb(host, 'usb'), 'no keyboard is marked')
    plugging(host)


def plugging(host):
    """What comes and goes is seen by usb --watch, with the port that sysfs has and its controller."""
    for name, option in (('watched', ''), ('watched.json', '--json')):
        host.sh(f'systemd-run --quiet --unit={name} --property=StandardOutput=file:/root/{name} '
                f'virt-handoff usb --watch {option}')
    host.wait_command('both look', "grep -q Ctrl-C /root/watched && pgrep -f 'usb --watch --json' && sleep 1")
    host.machine.monitor.execute('device_add', driver='usb-mouse', id='plugged', bus='usb.0')
    host.wait_command('it came', 'grep -q -A1 ^came /root/watched && grep -q came /root/watched.json')
    port = host.sh('cd /sys/bus/usb/devices; grep -l Mouse */product').partition('/')[0]
    came, where = host.sh('grep -A1 ^came /root/watched').splitlines()
    require(came.split()[1] == port and came.endswith('QEMU USB Mouse [mouse]'), f'{port}: {came}')
    require(re.fullmatch(rf' +Bus {port.partition("-")[0]} --> {USB} \(IOMMU group \d+\)', where), where)
    host.machine.monitor.execute('device_del', id='plugged')
    host.wait_command('it went', 'grep -q ^went /root/watched && grep -q went /root/watched.json')
    events = [json.loads(line) for line in host.sh('cat /root/watched.json').splitlines()]
    require_same('events', [(event['event'], event['controller']['address'], event['device']['port'],
                             event['device']['mouse']) for event in events],
                 [('came', USB, port, True), ('went', USB, port, True)])
    host.sh('systemctl stop watched watched.json')


def findings(host, guest, status):
    report = json.loads(verb(host, f'check --json {guest}', status))
    return {one['id']: one['state'] for one in report['findings']}


@scenario()
def doctor(host):
    """check before and after its advice is followed, and init: what it writes changes nothing"""
    require_same('the host', findings(host, '', 2)['virtualization'], 'failure')
    require_same('a guest without a file', findings(host, 'win10', 2)['file'], 'failure')
    verb(host, 'init win10')
    require('--force' in verb(host, 'init win10', 1), 'a file that is there was replaced')
    states = findings(host, 'win10', 1)
    for name in ('iommu', 'vfio', 'daemon', 'hook', 'apparmor', 'display-manager', 'holders', 'file', 'domain',
                 'plan', 'reset', 'virtualization'):
        require_same(name, states[name], 'ok')
    require_same('machine type pc', states['machine'], 'warning')
    host.sh('chmod 0744 /etc/libvirt/hooks/qemu')
    require_same('a hook not executable for all', findings(host, 'win10', 2)['hook'], 'failure')
    host.sh('chmod 0755 /etc/libvirt/hooks/qemu; systemctl reload libvirtd.service')
    require_same('after a reload', findings(host, 'win10', 1)['hook-loaded'], 'ok')
    plan = verb(host, 'plan --json win10')
    host.sh(': >/etc/libvirt/hooks/kvm.conf.d/win10.conf')
    require_same('the plan of a new file and of an empty one', plan, verb(host, 'plan --json win10'))


def hostdevs(host, guest):
    domain = tree.fromstring(host.virsh(f'dumpxml --inactive {guest}'))
    return domain, [':'.join(address.get(part)[2:] for part in ('domain', 'bus', 'slot')) + '.'
                    + address.get('function')[2:] for address in domain.findall('.//hostdev/source/address')]


@scenario()
def attaching(host):
    """attach shows first, then libvirt has the whole group; bridges, the host's disk and its network stay"""
    before = host.virsh('dumpxml --inactive plain')
    shown = verb(host, 'attach plain 01:00.0')
    require_same('hostdevs shown', len(re.findall(r'^\+ *<hostdev', shown, re.M)), 2)
    require_same('a definition only shown', host.virsh('dumpxml --inactive plain'), before)
    for address, words in (('00:02.0', 'is a bridge'), ('00:04.0', 'stays with the host'),
                           ('00:05.0', 'stays with the host'), ('00:1f.7', 'no PCI function')):
        require(words in verb(host, f'attach --yes plain {address}', 1), f'{address} was not refused')
    require_same('a definition after refusals', host.virsh('dumpxml --inactive plain'), before)
    verb(host, 'attach --yes --hide-kvm --vendor-id 1234567890ab plain 01:00.1')
    domain, addresses = hostdevs(host, 'plain')
    require_same('the group', addresses, [GPU, SOUND])
    require_same('kvm hidden', domain.find('./features/kvm/hidden').get('state'), 'on')
    require_same('vendor', domain.find('./features/hyperv/vendor_id').get('value'), '1234567890ab')
    require('already' in verb(host, 'attach --yes plain 01:00.0', 1), 'it was added twice')
    _, addresses = hostdevs(host, 'win10')
    require('already' in verb(host, 'attach --yes win10 01:00.0', 1), f'win10 has {addresses} and got more')


@scenario()
def roms(host):
    """vbios on the option ROMs of SeaBIOS, and on those that the emulated cards have"""
    no_rom = verb(host, 'vbios info /usr/share/seabios/vgabios-isavga.bin', 1)
    require('no PCIR structure' in no_rom, f'a ROM of the ISA bus: {no_rom}')
    for path in host.sh('ls /usr/share/seabios/vgabios-*.bin | grep -Ev "isavga|ramfb"').split():
        found = json.loads(verb(host, f'vbios info --json {path}'))
        require_same(path, (len(found['images']), found['start'], found['problems']), (1, 0, []))
        host.sh('rm -f /root/cut; '
                f'(head -c 1536 /dev/urandom | tr U V; cat {path}; head -c 999 /dev/zero) >/root/padded')
        verb(host, 'vbios trim /root/padded /root/cut')
        cut = json.loads(verb(host, 'vbios info --json /root/cut'))
        require_same('images of the cut one', cut['images'], found['images'])
    host.configure('win10')
    require('has the driver bochs-drm' in verb(host, f'vbios dump {GPU} /root/card.rom', 1), 'a driven card was read')
    for device in ('0000:00:05.0', GPU):
        read = host.try_sh(f'cd {DEVICES}/{device}; echo 1 >rom; sha256sum <rom; code=$?; echo 0 >rom; exit $code')
        own = host.try_sh(f'virt-handoff vbios dump --force {device} /root/{device}.rom && sha256sum </root/{device}.rom')
        # What sysfs does not give either is an error with a sentence, and no file.
        if read.returncode == 0 and not read.stdout.startswith('e3b0c442'):
            require(own.stdout.endswith(read.stdout), f'{device}: {own.stdout}{own.stderr} is not {read.stdout}')
        else:
            require(device in own.stderr and not host.sh(f'ls /root | grep {device} || true'), f'{device}: {own}')
        require(host.try_sh(f'cat {DEVICES}/{device}/rom').returncode != 0, f'the ROM of {device} was left enabled')


def require_picture(svg):
    """Well-formed, a bar for each step, and drawn where there is something that draws."""
    root = tree.fromstring(svg)
    require(len(root.findall('{http://www.w3.org/2000/svg}rect')) > 10, f'no bars in {svg}')
    if shutil.which('rsvg-convert'):
        drawn = subprocess.run(['rsvg-convert'], input=svg.encode(), check=True, stdout=subprocess.PIPE).stdout
        require(drawn.startswith(b'\x89PNG'), 'no picture was drawn')


def rehearsed(host, before):
    """A copy of this host goes through it, well and ill; the host itself stays as it is."""
    processes = host.sh('pgrep -l "Xorg|openbox|wireplumber"')
    for options, words in (
            ('', ('prepare: done', f'hand {GPU} from bochs-drm to vfio-pci', 'release: done')),
            ("--fail 'module_unload bochs'", ('prepare: failed', 'everything is back')),
            (f"--kill 'pci_probe {SOUND}'", ('prepare: killed', 'release: done')),
            ('--hold jackd', ('prepare: failed', 'jackd (pid'))):
        said = verb(host, f'rehearse {options} win10')
        for word in ('Simulated copy of this host as it is now', *words, 'The host is as it was.'):
            require(word in said, f'rehearse {options}: {word} is not in: {said}')
    require_same('the host after rehearsals', host.facts().essence(), before)
    require_same('processes', host.sh('pgrep -l "Xorg|openbox|wireplumber"'), processes)
    require_same('what was logged', host.messages(), '')


def double_click(host, guest):
    """The launcher, as anna's desktop runs it: in a terminal, which goes with her session, as all that she started."""
    verb(host, f'start --desktop-entry {guest}')
    host.write('/usr/local/bin/xterm', TERMINAL.read_text(), mode='755')
    host.sh('echo root:secret | chpasswd')
    session = host.sh("loginctl list-sessions --no-legend | awk '/anna.*seat0/ {print $1; exit}'")
    group = f'/sys/fs/cgroup/user.slice/user-1000.slice/session-{session}.scope/cgroup.procs'
    host.sh(f"cd /; sh -c 'echo $$ >{group}; exec runuser -u anna -- env HOME=/home/anna DISPLAY=:0 "
            f"gio launch /usr/local/share/applications/virt-handoff-{guest}.desktop'")


@scenario()
def start_from_the_desktop(host):
    """rehearse touches nothing; a double click asks, and goes on when the session is gone; then status, timeline"""
    before = host.facts().essence()
    host.configure('win10')
    rehearsed(host, before)
    host.sh("systemd-run --quiet --unit=burner systemd-inhibit --what=shutdown --mode=block --who=burner "
            "--why='a disc' sleep infinity")
    host.wait('the inhibitor is there', lambda: 'burner' in host.sh('systemd-inhibit --list --no-legend'))
    said = verb(host, 'start win10 </dev/null', 1)
    for words in (f'takes: {GPU}', 'of anna, openbox', 'ends: Xorg', 'ends: wireplumber',
                  'asks not to be disturbed: burner (a disc)', '--yes'):
        require(words in said, f'{words} is not in: {said}')
    require(host.facts().desktop(), 'the desktop ended before anybody agreed')
    double_click(host, 'win10')
    host.wait('the guest runs', lambda: host.state('win10') == 'running', deadline=150)
    host.require_given('win10')
    shown = host.sh('cat /home/anna/shown')
    for words in ("needs an administrator's password", f'takes: {GPU}', 'Go on? [y/N] y', 'Enter closes this window'):
        require(words in shown, f'the terminal did not show {words}: {shown}')
    status = json.loads(verb(host, 'status --json'))['guests'][0]
    require_same('status', (status['guest'], status['uuid'], status['state']), ('win10', UUIDS['win10'], 'running'))
    require_same('devices', {device['address']: device['driver'] for device in status['devices']},
                 {GPU: 'vfio-pci', SOUND: 'vfio-pci'})
    require(f'  {GPU}  vfio-pci\n' in verb(host, 'status win10'), 'status does not say it to people')
    host.virsh('destroy win10')
    host.wait_same(before)
    require('No guest holds a device.' in verb(host, 'status'), 'somebody still holds something')
    runs = json.loads(verb(host, 'timeline --json win10'))['runs']
    require_same('runs', [(run['operation'], run['result']) for run in runs],
                 [('prepare', 'done'), ('release', 'done')])
    steps = {step['step'] for run in runs for step in run['steps']}
    require({'unit', 'holders', 'console', 'module', 'device'} <= steps, f'steps: {steps}')
    require('hand 0000:01:00.0 from bochs-drm' in verb(host, 'timeline win10'), 'no bar for the card')
    verb(host, 'timeline win10 --svg /root/picture.svg')
    require_picture(host.sh('cat /root/picture.svg'))
