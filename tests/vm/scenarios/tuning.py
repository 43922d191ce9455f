"""Processors and memory: what a guest's file asks for really changes, and really comes back."""

import re

from lib.host import require
from lib.runner import scenario
from scenarios.refusals import require_named

# The caller ends with its call, and so looks like a libvirtd that was killed.
HOOK = "sh -c '/etc/libvirt/hooks/qemu plain {} - </root/plain.xml 2>&1; exit $?'"
SLICES = ('system.slice', 'user.slice', 'init.scope')
PAGES = '/sys/kernel/mm/hugepages/hugepages-2048kB'
NODES = '/sys/devices/system/node'
POLICIES = '/sys/devices/system/cpu/cpufreq'
LOOK = f"""
for unit in {' '.join(SLICES)}; do
    echo "allowed $unit=$(systemctl show -P AllowedCPUs $unit)"
    echo "effective $unit=$(cat /sys/fs/cgroup/$unit/cpuset.cpus.effective 2>/dev/null || echo any)"
done
echo "workqueues=$(cat /sys/devices/virtual/workqueue/cpumask)"
echo "writeback=$(cat /sys/bus/workqueue/devices/writeback/cpumask)"
echo "numa=$(cat /sys/bus/workqueue/devices/writeback/numa 2>/dev/null)"
echo "irq default=$(cat /proc/irq/default_smp_affinity)"
for file in /proc/irq/*/smp_affinity_list; do echo "irq $file=$(cat $file)"; done
echo "pages=$(cat {PAGES}/nr_hugepages)"
echo "free=$(cat {PAGES}/free_hugepages)"
for file in {NODES}/node[01]/hugepages/hugepages-2048kB/nr_hugepages; do echo "pages $file=$(cat $file)"; done
for file in {POLICIES}/policy*/scaling_governor; do echo "governor $file=$(cat $file)"; done
"""


def look(host):
    return dict(line.partition('=')[::2] for line in host.sh(LOOK).splitlines())


def effective(facts):
    """Where the host's processes may run; "any" where the kernel is not told, which is all."""
    return [facts[f'effective {unit}'].replace('any', '0-1') for unit in SLICES]


def lasting(facts):
    """What must be the same again: a slice that was never confined may now say so itself."""
    rest = {key: value for key, value in facts.items() if not key.startswith('effective')}
    return rest, effective(facts)


def configure(host, text):
    host.configure('plain', text)
    host.sh('virsh dumpxml plain >/root/plain.xml')


def hook(host, operation):
    said = host.sh(HOOK.format(operation))
    require(said == '', f'the hook wrote: {said}')


def governors(facts):
    return [facts[f'governor {POLICIES}/policy{cpu}/scaling_governor'] for cpu in (0, 1)]


def require_confined(host, before):
    during = look(host)
    for unit in SLICES:
        require(during[f'allowed {unit}'] == '1', f'{unit}: {during}')
        require(during[f'effective {unit}'] == '1', f'{unit}: {during}')
    require(host.sh('systemd-run --quiet --wait --pipe nproc') == '1', 'a service still has two CPUs')
    require(during['workqueues'] == '2' and during['writeback'] == '2', f'kernel work: {during}')
    require(during['irq default'].lstrip('0,') == '2', f'interrupts to come: {during}')
    moved = [key for key in during if key.startswith('irq /') and before[key] != '1' and during[key] == '1']
    require(moved, f'no interrupt was moved: {during}')
    require(governors(during) == ['powersave', 'powersave'], f'{during}')


@scenario()
def processors(host):
    """slices, kernel work, interrupts and governors change for the guest; release and recover put them back"""
    configure(host, 'governor = "performance";\n')
    require_named(host.sh(HOOK.format('prepare begin') + ' || true'),
                  "governor: the kernel does not control the frequency of this host's CPUs", 'remove the key')
    configure(host, 'host_cpus = "0-2";\n')
    require_named(host.sh(HOOK.format('prepare begin') + ' || true'), 'host_cpus: this host has no CPU 2, only 0-1')

    # No two CPUs alike, and a governor that the kernel has yet to load.
    host.sh(f'modprobe frequencies; echo performance >{POLICIES}/policy1/scaling_governor')
    before = look(host)
    require(before['workqueues'] == '3', f'two CPUs are expected: {before}')
    require(governors(before) == ['schedutil', 'performance'], f'{before}')
    require('powersave' not in host.sh(f'cat {POLICIES}/policy0/scaling_available_governors'), 'it is loaded already')
    configure(host, 'governor = "powersave";\nhost_cpus = "1";\nirq_cpus = "1";\n')
    for way_back in (HOOK.format('release end'), 'virt-handoff recover'):
        hook(host, 'prepare begin')
        require_confined(host, before)
        host.sh(way_back)
        after = look(host)
        require(lasting(after) == lasting(before), f'{way_back}: {before} became {after}')
    require(host.facts().journals() == [], 'a journal is left')
    require(host.sh('systemd-run --quiet --wait --pipe nproc') == '2', 'a service has lost a CPU')


@scenario(shape='two-gpus')
def hugepages(host):
    """pages are set aside beside those in use, on the node that is named, and given back; too many are refused"""
    def on_nodes(facts):
        return [int(facts[f'pages {NODES}/node{node}/hugepages/hugepages-2048kB/nr_hugepages']) for node in (0, 1)]

    host.sh(f'echo 3 >{NODES}/node0/hugepages/hugepages-2048kB/nr_hugepages')
    before = look(host)
    require(on_nodes(before) == [3, 0], f'{before}')
    cases = (('hugepages = 20;', [11, 9]),
             ('hugepages = { size = "2M"; count = 20; node = 1; };', [3, 20]))
    for text, wanted in cases:
        configure(host, text)
        hook(host, 'prepare begin')
        during = look(host)
        require(on_nodes(during) == wanted and during['free'] == str(sum(wanted)), f'{text}: {during}')
        host.sh(HOOK.format('release end'))
        require(look(host) == before, f'{text}: {before} became {look(host)}')

    configure(host, 'hugepages = 100000;\n')
    require_named(host.sh(HOOK.format('prepare begin') + ' || true'), 'hugepages: 200,000 MiB are asked for')
    configure(host, 'hugepages = { size = "2M"; count = 1; node = 2; };\n')
    require_named(host.sh(HOOK.format('prepare begin') + ' || true'), 'hugepages: this host has no NUMA node 2')
    configure(host, 'timeout = 60;\nhugepages = 900;\n')
    said = host.sh(HOOK.format('prepare begin') + ' || true')
    require(re.search(r'only [\d,]+ of 900 huge pages of 2 MiB could be had: close programs, or reserve them at '
                      r'boot with hugepages=900', said), f'the hook wrote: {said}')
    require(look(host) == before, f'{before} became {look(host)}')
