"""What a desktop is asked before it ends, and what it is told when it is back. Its own services are stand-ins."""

from lib.host import GPU, require
from lib.runner import scenario
from scenarios.desktop import DEAF, Hand

SAID = '/home/anna/said'


def stand_in(host, name, command=''):
    """A service of anna's desktop, there whenever she is; it writes down what it is called for."""
    host.write('/usr/local/bin/when-called', f'#!/bin/sh\n{command}\n', mode='755')
    unit = '/etc/systemd/user/desk.service'
    host.write(unit, f'[Service]\nExecStart=/usr/local/bin/desk {name} {SAID} /usr/local/bin/when-called\n')
    host.sh(f'mkdir -p /etc/systemd/user/default.target.wants; ln -s {unit} /etc/systemd/user/default.target.wants/; '
            'runuser -u anna -- env XDG_RUNTIME_DIR=/run/user/1000 '
            'sh -c "systemctl --user daemon-reload && systemctl --user start desk"')
    host.wait_command('the stand-in is there', 'runuser -u anna -- env XDG_RUNTIME_DIR=/run/user/1000 '
                      f'busctl --user status {name}')


def said(host):
    return host.sh(f'cat {SAID} 2>/dev/null || true')


@scenario()
def logged_out(host):
    """sessions = "logout": the desktop is asked, its programs save and it ends by itself before anything is stopped"""
    stand_in(host, 'org.xfce.SessionManager', f'sleep 2; systemctl is-active lightdm >>{SAID}; pkill -x openbox')
    before = host.facts().essence()
    hand = Hand(host, 'sessions = "logout"; timeout = 60;')
    hand.prepare()
    require(said(host) == 'Logout\nactive', f'the desktop was asked: {said(host)}')
    hand.release()
    host.wait_same(before)


@scenario()
def desktop_told(host):
    """the desktop ends for a start that fails: on the one that comes back its user reads why"""
    stand_in(host, 'org.freedesktop.Notifications')
    host.sh(f'setsid sh -c "{DEAF}" </dev/null >/dev/null 2>&1 & echo $! >/run/deaf.pid')
    host.wait('the holder has the node', lambda: 'sh' in host.facts().holders('/dev/snd/controlC0'))
    hand = Hand(host, 'timeout = 20;')
    result = hand.call('prepare begin')
    require(result.returncode == 1, 'the start was not refused')
    host.wait_desktop()
    host.wait('the desktop is told', lambda: 'Notify' in said(host))
    for words in ('[win10 could not be started', 'sh (pid', 'everything is back'):
        require(words in said(host), f'{words} is missing: {said(host)}')
    require(said(host).count('Notify') == 1, f'told more than once: {said(host)}')
    require(host.facts().driver(GPU) != 'vfio-pci', 'the card is not back')
