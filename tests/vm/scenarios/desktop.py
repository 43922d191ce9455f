"""Who has the devices open, and what becomes of them. The hook is called by hand, as libvirt would."""

from lib.host import GPU, SOUND, require
from lib.runner import scenario

# Not before the desktop has the card: who opens it first is its master, and X would not start.
HOLDER = """[Service]
ExecStart=/bin/sh -c 'until pidof Xorg; do sleep 1; done; sleep 10; exec 9<>/dev/dri/card0; exec sleep infinity'
Restart=always
"""

DEAF = "trap '' TERM; exec 9<>/dev/snd/controlC0; while :; do sleep 1000; done"


class Hand:
    """The calls of libvirt for win10."""

    def __init__(self, host, config):
        self.host = host
        host.configure('win10', config)
        host.sh('virsh dumpxml win10 >/root/win10.xml')

    def call(self, operation):
        return self.host.try_sh(f'/etc/libvirt/hooks/qemu win10 {operation} - </root/win10.xml', timeout=180)

    def prepare(self):
        """It succeeds, and the devices are handed over."""
        result = self.call('prepare begin')
        require(result.returncode == 0, f'prepare: {result.stderr}')
        facts = self.host.facts()
        for device in (GPU, SOUND):
            require(facts.driver(device) == 'vfio-pci', f'{device} is on {facts.driver(device)}')
        return facts

    def release(self):
        result = self.call('release end')
        require(result.returncode == 0, f'release: {result.stderr}')


def active(host, unit):
    return host.try_sh(f'systemctl is-active {unit}').stdout.strip()


# As some display managers do: up without a screen, and no look for one later.
BLIND = """[Service]
Type=simple
BusName=
ExecStart=
ExecStart=/bin/sh -c 'test -e /dev/dri/card0 && exec /usr/sbin/lightdm; exec sleep infinity'
"""


@scenario()
def started_without_card(host):
    """the display manager is started while the VM has the card and stays up without a screen: started anew afterwards"""
    host.write('/run/systemd/system/lightdm.service.d/blind.conf', BLIND)
    host.sh('systemctl daemon-reload; systemctl restart lightdm.service')
    host.wait_desktop()
    before = host.facts().essence()
    host.configure('win10')
    host.virsh('start win10')
    host.require_given('win10')
    host.sh('systemctl start display-manager.service')
    host.virsh('destroy win10')
    host.wait_same(before)
    require('shows nothing' in host.messages(), 'it was not seen that it had no screen')


@scenario()
def holders_terminated(host):
    """a service that holds the GPU is stopped and comes back; a deaf process on the sound card is killed"""
    host.write('/etc/systemd/system/holder.service', HOLDER)
    host.sh('systemctl daemon-reload; systemctl start holder.service')
    host.sh(f'setsid sh -c "{DEAF}" </dev/null >/dev/null 2>&1 & echo $! >/run/deaf.pid')
    host.wait('the holders have the nodes', lambda: 'sleep' in host.facts().holders('/dev/dri/card0')
              and 'sh' in host.facts().holders('/dev/snd/controlC0'))
    before = host.facts().essence()
    hand = Hand(host, 'holders = "terminate"; timeout = 60;')
    plan = ' '.join(host.sh('virt-handoff plan win10').split())
    require('(now holder.service)' in plan, f'the plan does not name the service: {plan}')
    require('sh (pid' in plan, f'the plan does not name the process: {plan}')
    hand.prepare()
    require(active(host, 'ssh.service') == 'active', 'the way in from outside is stopped')
    require(active(host, 'holder.service') == 'inactive', 'the service still runs')
    require(host.state_of_process(host.sh('cat /run/deaf.pid')) == '', 'the deaf process still runs')
    said = host.messages()
    for words in ('stopping holder.service', 'told to end', 'killed'):
        require(words in said, f'"{words}" is not in: {said}')
    hand.release()
    host.wait_same(before)
    host.wait('the service has the GPU again', lambda: 'sleep' in host.facts().holders('/dev/dri/card0'))


def unit_of_anna(host, unit):
    """Whether it is active in her manager, asked as she would."""
    return host.try_sh(f'systemctl --user -M anna@ is-active {unit}').stdout.strip()


@scenario()
def units_of_user(host):
    """a lingering user's sound server: left alone and named, stopped by stop_user, back in the same manager"""
    host.sh('loginctl enable-linger anna')
    before = host.facts().essence()
    hand = Hand(host, 'timeout = 30;')
    refused = hand.call('prepare begin')
    require(refused.returncode == 1, f'prepare did not fail: {refused.stderr}')
    require('wireplumber' in refused.stderr and 'stop_user' in refused.stderr, f'not named: {refused.stderr}')
    host.wait_same(before)
    manager = host.sh('systemctl show -P MainPID user@1000.service')
    for config in ('stop_user = [ "wire*", "pipewire*" ]; timeout = 60;', 'holders = "terminate"; timeout = 60;'):
        host.configure('win10', config)
        plan = ' '.join(host.sh('virt-handoff plan win10').split())
        require('wireplumber.service of anna' in plan, f'the plan does not name it: {plan}')
        hand.prepare()
        require(unit_of_anna(host, 'wireplumber.service') == 'inactive', 'wireplumber was not stopped')
        require(host.sh('systemctl show -P MainPID user@1000.service') == manager, 'her manager was ended')
        hand.release()
        host.wait_same(before)
        require(unit_of_anna(host, 'wireplumber.service') == 'active', 'wireplumber did not come back')


@scenario()
def text_console(host):
    """a compositor started from a text console counts as a desktop: waited for, ended by sessions = "terminate" """
    host.sh("systemd-run --quiet --unit=console -p PAMName=login -p User=anna -p TTYPath=/dev/tty3 "
            "-p StandardInput=tty -E XDG_SEAT=seat0 -E XDG_VTNR=3 "
            "compositor /dev/dri/card0")
    host.wait('the compositor has the GPU', lambda: 'compositor' in host.facts().holders('/dev/dri/card0'))
    # logind's copy, in case that it is started anew.
    require('systemd' in host.facts().holders('/dev/dri/card0'), 'systemd does not keep the GPU for logind')
    require('anna seat0 user tty' in '\n'.join(host.facts().rows['session']), 'there is no session on the console')
    hand = Hand(host, 'timeout = 30;')
    refused = hand.call('prepare begin')
    require(refused.returncode == 1 and 'still logged in on seat0' in refused.stderr, f'said: {refused.stderr}')
    host.wait_desktop()
    host.configure('win10', 'sessions = "terminate"; timeout = 60;')
    said = host.try_sh('virt-handoff start win10 </dev/null').stdout
    require('ends: compositor' in said and 'blocks:' not in said, f'start said: {said}')
    hand.prepare()
    require('compositor' not in host.facts().holders('/dev/dri/'), 'the compositor was not ended')
    hand.release()
    host.wait_desktop()
