"""What the project writes down, and what it keeps to itself."""

from lib.host import SOUND, GPU, require
from lib.runner import scenario

FIELDS = ('GUEST', 'UUID', 'TRANSACTION', 'STEP', 'DURATION_USEC', 'MESSAGE_ID')


def order(events, *steps):
    """The steps in the order in which they first appear among the events."""
    seen = []
    for event in events:
        if event['STEP'] not in seen:
            seen.append(event['STEP'])
    wanted = [step for step in seen if step in steps]
    require(wanted == list(steps), f'order {wanted}, not {list(steps)}')


@scenario()
def order_of_events(host):
    """by hand, no VM: stdout stays empty, and the systemd journal tells each step in its order"""
    before = host.facts().essence()
    host.configure('win10')
    host.sh('virsh dumpxml win10 >/root/win10.xml')
    hook = '/etc/libvirt/hooks/qemu win10 {} - </root/win10.xml'
    said = host.sh(hook.format('prepare begin') + ' 2>&1')
    require(said == '', f'the hook wrote: {said}')
    given = host.facts()
    for device in (GPU, SOUND):
        require(given.driver(device) == 'vfio-pci', f'{device} is on {given.driver(device)}')
    prepared = [event for event in host.events() if 'STEP' in event]
    require(prepared, 'no event has a step')
    complete = [event for event in prepared if all(field in event for field in FIELDS)]
    require(complete, f'no event has all of {FIELDS}: {sorted(prepared[0])}')
    order(prepared, 'unit', 'console', 'module', 'device')
    devices = [event['DEVICE'] for event in prepared if event['STEP'] == 'device' and 'DEVICE' in event]
    require(devices.index(SOUND) < devices.index(GPU), f'sound does not go first: {devices}')
    said = host.sh(hook.format('release end') + ' 2>&1')
    require(said == '', f'the hook wrote: {said}')
    host.wait_same(before)
    released = [event for event in host.events() if 'STEP' in event][len(prepared):]
    order(released, 'device', 'module', 'console', 'unit')
