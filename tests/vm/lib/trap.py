"""Kills or freezes the engine at one exact point of its journal (trap.c), whoever started it."""

import json
import pathlib
import shlex

from .host import require

HERE = pathlib.Path(__file__).resolve().parent
POINTS = (HERE / 'points.sh').read_text(encoding='utf-8')

# In the engine's place: hands on to it, with the trap that is set for this operation, once.
WRAPPER = """#!/bin/sh
operation=$1
[ "$1" = hook ] && operation=$3
if [ -e /run/trap/$operation ]; then
    read -r trap </run/trap/$operation
    rm /run/trap/$operation
    export LD_PRELOAD=/usr/lib/trap.so VIRT_HANDOFF_TRAP="$trap" VIRT_HANDOFF_TRAP_TOLD=/run/trap/told
    case $operation in release | recover) export VIRT_HANDOFF_TRAP_GUARDED=yes ;; esac
fi
exec /usr/sbin/virt-handoff.real "$@"
"""


def steps_of(journal):
    """Kind and subject of each of its records, by number."""
    return {line['begin']: (line['kind'], line['subject']) for line in journal if 'begin' in line}


class Point:
    """Where it sprang: `side` (before or after) a line of the journal, and at what of which step; and whether the
    desktop was up then."""

    def __init__(self, text, journal):
        _, desktop, self.side, self.text = text.split(' ', 3)
        self.up = desktop == 'up'
        line = json.loads(self.text) if self.text.startswith('{') else {}
        steps = steps_of(journal)
        self.at = {(key, steps[line[key]]) for key in ('begin', 'done', 'undone') if key in line}

    def __repr__(self):
        return f'{self.side} {self.text}'


class Trap:
    def __init__(self, host):
        self.host = host
        host.sh('mkdir -p /run/trap; mv /usr/sbin/virt-handoff /usr/sbin/virt-handoff.real')
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

    def at_points(self, operation, act, points, until='-'):
        """Springs it at these points of that operation of the hook, until there is none any more, or behind the step
        of kind `until`, and recovers after each. Where it sprang; and the journal of the last prepare."""
        words = ' '.join(shlex.quote(str(point)) for point in points)
        result = self.host.ssh.run(f"sh -s '{operation}' {act} {until} {words}", timeout=400, stdin=POINTS)
        require(result.returncode == 0, (result.stdout + result.stderr)[-2000:])
        found, lines, journal = [], [], []
        for kind, text in (line.partition(' ')[::2] for line in result.stdout.splitlines()):
            if kind == 'journal':
                lines.append(json.loads(text))
            elif kind == 'point':
                found.append(Point(text, lines))
                lines = []
            journal = lines or journal
        return found, journal
