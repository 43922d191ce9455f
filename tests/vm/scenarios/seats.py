"""A second seat with a card of its own: who works there is not disturbed, whoever serves that seat."""

from lib.host import GPU, require
from lib.runner import scenario
from scenarios.desktop import Hand

OTHER = '/sys/bus/pci/devices/0000:03:00.0'
# What a display manager does for a user, without one: a session of logind's, and an X server that has the card
# from it. Its display is none that lightdm, which counts from 0 over both seats, takes.
BOBS = ('systemd-run --quiet --unit=seat1 -p PAMName=login -p User=bob -E XDG_SEAT=seat1 -E XDG_SESSION_TYPE=x11 '
        '-E XDG_SESSION_CLASS=user /usr/lib/xorg/Xorg :9 -seat seat1 -novtswitch -sharevts -nolisten tcp')
WATCH = "systemd-run --quiet --unit=watch sh -c 'exec udevadm monitor --kernel --subsystem-match=drm >/run/uevents'"


def serve(host, text):
    """What the display manager makes of the seat from its next start on."""
    host.write('/etc/lightdm/lightdm.conf.d/60-seat1.conf', f'[Seat:seat1]\n{text}\n')


def give_seat_its_card(host, text):
    """The second card is seat1's, and hence no longer of the X server of seat0."""
    host.sh('useradd --create-home bob')
    serve(host, text)
    host.sh('systemctl stop lightdm.service')
    host.sh(f'loginctl attach seat1 "$(readlink -f {OTHER}/drm/card*)"; udevadm settle')
    host.sh('systemctl start lightdm.service')
    host.wait_desktop()


def wait_session(host, row):
    host.wait(f'there is a session: {row}', lambda: row in host.facts().rows['session'], 150)


def seat1(host):
    """What must stay as it is: the session, its process and what that has open, the card's node and driver."""
    return host.sh('pid=$(systemctl show -P MainPID seat1.service); '
                   'echo $pid $(cut -d" " -f22 /proc/$pid/stat) $(find /proc/$pid/fd -lname "/dev/dri/*" -printf "%l\\n"); '
                   'loginctl show-session -p Id -p Leader -p State -p Seat '
                   '$(loginctl --no-legend | sed -n "s/^ *\\([^ ]*\\) .*bob .*seat1.*/\\1/p"); '
                   f'for card in {OTHER}/drm/card*; do stat -c "%n %i" "/dev/dri/${{card##*/}}"; done; readlink {OTHER}/driver')


@scenario(shape='two-gpus', late=True)
def second_seat(host):
    """another user works on a seat with its own card, without the display manager: a VM with the first card comes
    and goes, and nothing of that seat is touched"""
    give_seat_its_card(host, 'xserver-command=/bin/false')
    host.sh(BOBS)
    host.wait('bob has his card', lambda: '/dev/dri/card' in seat1(host).splitlines()[0], 150)
    before, was = host.facts().essence(), seat1(host)
    require('State=active' in was, f'seat1: {was}')
    host.sh(WATCH)
    host.configure('win10', 'timeout = 120;\n')
    require('bob' not in host.sh('virt-handoff plan win10'), 'the plan minds who works on the other seat')
    host.virsh('start win10')
    facts = host.require_given('win10')
    require(facts.pairs('unit')['lightdm.service'] == 'inactive' and not facts.graphical(), 'the desktop is still there')
    require(seat1(host) == was, f'while the VM runs: {was} became {seat1(host)}')
    host.virsh('destroy win10')
    host.wait_same(before)
    require(seat1(host) == was, f'after the VM: {was} became {seat1(host)}')
    events = host.sh('cat /run/uevents')
    require(GPU in events and '0000:03:00.0' not in events, f'the kernel had to tell of the other card: {events}')


@scenario(shape='two-gpus', late=True)
def seats_of_one_manager(host):
    """the display manager serves a second seat: who works there is named and the start refused; a greeter is no
    reason, and is back afterwards"""
    give_seat_its_card(host, 'autologin-user=bob')
    wait_session(host, 'bob seat1 user x11 active')
    desktop = host.sh('systemctl show -P MainPID lightdm.service')
    hand = Hand(host, 'timeout = 120;')
    refused = hand.call('prepare begin')
    require(refused.returncode == 1, 'the start was not refused')
    for words in ('bob is logged in on seat1', 'lightdm.service', 'have bob log out first', 'stop = ['):
        require(words in refused.stderr, f'"{words}" is not in: {refused.stderr}')
    require(host.sh('systemctl show -P MainPID lightdm.service') == desktop, 'the desktop was stopped')
    host.sh("loginctl terminate-session $(loginctl --no-legend | sed -n 's/^ *\\([^ ]*\\) .*bob .*seat1.*/\\1/p')")
    wait_session(host, 'lightdm seat1 greeter x11 active')
    serve(host, 'autologin-user=')
    before = host.facts().essence()
    facts = hand.prepare()
    require(not [row for row in facts.rows['session'] if 'seat1' in row], f'sessions: {facts.rows["session"]}')
    hand.release()
    host.wait_same(before)
    wait_session(host, 'lightdm seat1 greeter x11 active')
