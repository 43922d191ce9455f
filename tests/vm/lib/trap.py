"""Kills or freezes the engine at one exact point of its journal (trap.c), whoever started it."""

import pathlib

from .host import require

HERE = pathlib.Path(__file__).resolve().parent
SOURCE, POINTS = ((HERE / name).read_text(encoding='utf-8') for name in ('trap.c', 'points.sh'))

# In the engine's place: hands on to it, with the trap that is set for this operation, once.
WRAPPER = """#!/bin/sh
operation=$1
[ "$1" = hook ] && operation=$3
if [ -e /run/trap/$operation ]; then
    read -r trap </run/trap/$operation
    rm /run/trap/$operation
    export LD_PRELOAD=/usr/lib/trap.so VIRT_HANDOFF_TRAP="$trap" VIRT_HANDOFF_TRAP_TOLD=/run/trap/told
fi
exec /usr/sbin/virt-handoff.real "$@"
"""


class Trap:
    def __init__(self, host):
        self.host = host
        host.write('/root/trap.c', SOURCE)
        host.sh('mkdir -p /run/trap; gcc -shared -fPIC -O1 -o /usr/lib/trap.so /root/trap.c -ldl', timeout=120)
        host.sh('mv /usr/sbin/virt-handoff /usr/sbin/virt-handoff.real')
        host.write('/usr/sbin/virt-handoff', WRAPPER, '755')

    def set(self, operation, act, number):
        """For the next call of that operation of the hook, or that verb."""
        self.host.sh(f'rm -f /run/trap/told; echo {act} {number} >/run/trap/{operation}')

    def told(self):
        """[PID, 'before' or 'after', LINE] once it has sprung, else None."""
        text = self.host.try_sh('cat /run/trap/told').stdout
        return text.split(' ', 2) if text else None

    def wait(self):
        """Until it has sprung; the pid."""
        return int(self.host.wait('the trap has sprung', self.told)[0])

    def at_every_point(self, operation, act, last=99, sign=1):
        """Springs it at each point of that operation of the hook, and recovers; how many there were."""
        result = self.host.ssh.run(f"sh -s '{operation}' {act} {sign} {last}", timeout=400, stdin=POINTS)
        require(result.returncode == 0, (result.stdout + result.stderr)[-2000:])
        return result.stdout.count('\npoint ') + result.stdout.startswith('point ')
