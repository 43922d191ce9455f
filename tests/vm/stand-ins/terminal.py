#!/usr/bin/python3
"""A terminal of the desktop, xterm -e COMMAND ARGUMENT…, and somebody before it who knows root's password and agrees.
What it showed is in ~/shown."""
import os
import pathlib
import pty
import sys

answers = [(b'assword: ', b'secret\n'), (b'[y/N] ', b'y\n')]
shown = b''


def read(terminal):
    global shown
    data = os.read(terminal, 1024)
    shown += data
    (pathlib.Path.home() / 'shown').write_bytes(shown)
    if answers and answers[0][0] in shown:
        os.write(terminal, answers.pop(0)[1])
    return data


if sys.argv[1] != '-e':
    sys.exit(f'no command in {sys.argv}')
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[2:], read)))
