"""The emulated host as a test sees it: its facts, waiting for them, and the acts of its administrator."""

import collections
import json
import pathlib
import shlex
import time

from .domains import GPU, SOUND, USB, UUIDS

FACTS = (pathlib.Path(__file__).resolve().parent / 'facts.sh').read_text(encoding='utf-8')

PER_VM = '/etc/libvirt/hooks/kvm.conf.d'
# Times under emulation of a PC on a machine that does other things too.
SOON, LATER = 60, 150


class Failure(Exception):
    """The emulated host is not as the scenario demands."""


def require(condition, message):
    if not condition:
        raise Failure(message)


class Facts:
    """One look at the host, and the questions that scenarios ask of it."""

    def __init__(self, text):
        self.rows = collections.defaultdict(list)
        for line in text.splitlines():
            kind, _, rest = line.partition(' ')
            self.rows[kind].append(rest)

    def pairs(self, kind):
        return dict(row.partition(' ')[::2] for row in self.rows[kind])

    def driver(self, device):
        return self.pairs('driver').get(device, '-')

    def holders(self, node):
        return {comm for name, comm, _ in (row.split(' ') for row in self.rows['holder']) if name.startswith(node)}

    def consoles(self):
        """Framebuffer consoles that are bound."""
        return [row for row in self.rows['vtcon'] if row.endswith('1 (M) frame buffer device')]

    def desktop(self):
        """A display manager, a session of anna's on the GPU, and her sound server on the sound card."""
        return bool(self.pairs('unit').get('lightdm.service') == 'active' and self.graphical()
                    and 'Xorg' in self.holders('/dev/dri/card') and self.holders('/dev/snd/control'))

    def graphical(self):
        return [row for row in self.rows['session'] if row == 'anna seat0 user x11 active']

    def journals(self):
        return self.rows['journal']

    def essence(self):
        """What must be the same again after a VM has come and gone."""
        modules = {name for name in self.pairs('module') if name != 'vfio_pci'}
        return {'drivers': self.pairs('driver'), 'overrides': self.pairs('override'), 'modules': modules,
                'bound consoles': self.consoles(), 'nodes': set(self.rows['node']),
                'framebuffers': set(self.rows['framebuffer']), 'units': self.pairs('unit'),
                'desktop': self.desktop(), 'guests': set(self.pairs('qemu')), 'journals': self.journals()}


class Host:
    def __init__(self, machine):
        self.machine = machine
        self.ssh = machine.ssh

    def sh(self, command, timeout=60):
        return self.ssh.out(command, timeout).strip()

    def try_sh(self, command, timeout=60):
        return self.ssh.run(command, timeout)

    def write(self, path, text, mode='644'):
        quoted = shlex.quote(path)
        self.ssh.out(f'mkdir -p "$(dirname {quoted})" && cat >{quoted} && chmod {mode} {quoted}', stdin=text)

    def ended(self):
        """Whether it has been switched off."""
        return self.machine.process.poll() is not None

    def facts(self):
        return Facts(self.ssh.out('sh -s', stdin=FACTS))

    def wait(self, what, fact, deadline=SOON, every=0.5):
        """Until fact() is true; its value. What is waited for is a fact, only the looking is paced."""
        until = time.monotonic() + deadline
        while True:
            value = fact()
            if value:
                return value
            if time.monotonic() > until:
                raise Failure(f'{what}: not within {deadline} s')
            time.sleep(every)

    def wait_command(self, what, command, deadline=SOON):
        return self.wait(what, lambda: self.try_sh(command).returncode == 0, deadline)

    def set_clock(self):
        self.sh(f'date -s @{time.time():.0f}')

    def wait_desktop(self, deadline=LATER):
        self.wait('the desktop is up', lambda: self.facts().desktop(), deadline)

    def wait_same(self, before, deadline=LATER):
        """Until everything is as in `before`, the essence of an earlier look."""
        latest = {}

        def same():
            latest.update(self.facts().essence())
            return latest == before
        try:
            self.wait('everything as before', same, deadline)
        except Failure:
            differences = [f'{key}: {before[key]} became {latest[key]}' for key in before
                           if before[key] != latest[key]]
            raise Failure(f'not as before after {deadline} s: ' + '; '.join(differences)) from None

    # Guests

    def configure(self, guest, text=''):
        """The per-VM file that makes a guest ours; empty is complete."""
        self.write(f'{PER_VM}/{guest}.conf', text)

    def virsh(self, command, timeout=120):
        return self.sh(f'virsh {command}', timeout)

    def virsh_fails(self, command, timeout=120):
        """A virsh command that must not succeed; what it said."""
        result = self.try_sh(f'virsh {command}', timeout)
        require(result.returncode != 0, f'virsh {command} succeeded: {result.stdout.strip()}')
        return result.stderr

    def state(self, guest):
        return self.virsh(f'domstate {guest}')

    @staticmethod
    def uuid(guest):
        return UUIDS[guest]

    def qemu_pid(self, guest):
        return int(self.sh(f'cat /run/libvirt/qemu/{guest}.pid'))

    def require_given(self, guest, devices=(GPU, SOUND)):
        """The guest runs, and it is its QEMU that has the devices."""
        facts = self.facts()
        for device in devices:
            require(facts.driver(device) == 'vfio-pci', f'{device} is on {facts.driver(device)}, not vfio-pci')
        require(self.state(guest) == 'running', f'{guest} is {self.state(guest)}')
        require(self.state_of_process(self.qemu_pid(guest)), f'{guest} has no QEMU')
        require(facts.holders('/dev/vfio/'), 'nobody holds a VFIO group')
        return facts

    def state_of_process(self, pid):
        return self.try_sh(f'cut -d" " -f3 /proc/{pid}/stat').stdout.strip()

    # What the project writes

    def messages(self, match=''):
        """Its messages in the systemd journal, as text."""
        return self.sh(f'journalctl -q -o cat -t virt-handoff {match}')

    def events(self, match=''):
        """The same with all their fields."""
        return [json.loads(line) for line in
                self.sh(f'journalctl -q -o json -t virt-handoff {match}').splitlines()]

    def denials(self):
        """AppArmor's refusals since the state was restored that are about our programs."""
        return [line for line in self.sh('journalctl -q -k -o cat --grep "apparmor=.DENIED" || true').splitlines()
                if 'virt-handoff' in line or 'hooks/' in line]


__all__ = ['Facts', 'Failure', 'GPU', 'Host', 'LATER', 'PER_VM', 'SOON', 'SOUND', 'USB', 'require']
