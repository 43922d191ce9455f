"""Many VMs at once."""

from lib import domains
from lib.host import require
from lib.runner import scenario

# As libvirt's labels of AppArmor take an emulated processor seconds for each guest.
EXTRA = "  <seclabel type='none'/>\n"
NUMBER = 19


@scenario()
def twenty_at_once(host):
    """20 VMs with per-VM files start at once and stop at once: the one with the card gets it, nobody waits for it"""
    before = host.facts().essence()
    names = [f'many{number}' for number in range(1, NUMBER + 1)]
    for number, name in enumerate(names, start=101):
        host.write(f'/root/{name}.xml', domains.domain(name, number, extra=EXTRA))
        host.configure(name)
    host.sh('for i in $(seq 1 19); do virsh define /root/many$i.xml || exit; done >/dev/null', timeout=120)
    host.configure('win10', 'timeout = 120;\n')
    host.sh('for i in win10 $(seq -f many%g 1 19); do virsh start $i & pids="$pids $!"; done >/dev/null; '
            'for pid in $pids; do wait $pid || exit; done', timeout=300)
    host.require_given('win10')
    running = host.virsh('list --name').split()
    require(len(running) == NUMBER + 1, f'{len(running)} guests run: {running}')
    host.sh('for i in $(virsh list --name); do virsh destroy $i & done >/dev/null; wait', timeout=200)
    host.wait_same(before)
    require('still runs' not in host.messages(), 'somebody waited for the lock in vain')
