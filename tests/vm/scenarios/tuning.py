"""Processors and memory: what a guest's file asks for really changes, and really comes back."""

import re

from lib.host import require
from lib.runner import scenario
from scenarios.refusals import require_named

HOOK = '/etc/libvirt/hooks/qemu plain {} - </root/plain.xml 2>&1'
SLICES = ('system.slice', 'user.slice', 'init.scope')
PAGES = '/sys/kernel/mm/hugepages/hugepages-2048kB'
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


@scenario()
def processors(host):
    """slices, kernel work and interrupts keep to CPU 1 while the guest is prepared, and are as before after"""
    before = look(host)
    require(before['workqueues'] == '3', f'two CPUs are expected: {before}')
    configure(host, 'host_cpus = "1";\nirq_cpus = "1";\n')
    said = host.sh(HOOK.format('prepare begin'))
    require(said == '', f'the hook wrote: {said}')
    during = look(host)
    for unit in SLICES:
        require(during[f'allowed {unit}'] == '1', f'{unit}: {during}')
        require(during[f'effective {unit}'] == '1', f'{unit}: {during}')
    require(host.sh('systemd-run --quiet --wait --pipe nproc') == '1', 'a service still has two CPUs')
    require(during['workqueues'] == '2' and during['writeback'] == '2', f'kernel work: {during}')
    require(during['irq default'].lstrip('0,') == '2', f'interrupts to come: {during}')
    moved = [key for key in during if key.startswith('irq /') and before[key] != '1' and during[key] == '1']
    require(moved, f'no interrupt was moved: {during}')
    said = host.sh(HOOK.format('release end'))
    require(said == '', f'the hook wrote: {said}')
    after = look(host)
    require(lasting(after) == lasting(before), f'{before} became {after}')
    require(host.sh('systemd-run --quiet --wait --pipe nproc') == '2', 'a service has lost a CPU')


@scenario()
def hugepages(host):
    """pages are set aside beside those in use and given back; too many are refused with numbers"""
    host.sh(f'echo 3 >{PAGES}/nr_hugepages')
    before = look(host)
    require(before['pages'] == '3', f'{before}')
    configure(host, 'hugepages = 20;\n')
    said = host.sh(HOOK.format('prepare begin'))
    require(said == '', f'the hook wrote: {said}')
    during = look(host)
    require(during['pages'] == '20' and during['free'] == '20', f'{during}')
    host.sh(HOOK.format('release end'))
    require(look(host) == before, f'{before} became {look(host)}')

    configure(host, 'hugepages = 100000;\n')
    require_named(host.sh(HOOK.format('prepare begin') + ' || true'), 'hugepages: 200,000 MiB are asked for')
    configure(host, 'timeout = 60;\nhugepages = 900;\n')
    said = host.sh(HOOK.format('prepare begin') + ' || true')
    require(re.search(r'only [\d,]+ of 900 huge pages of 2 MiB could be had: close programs, or reserve them at '
                      r'boot with hugepages=900', said), f'the hook wrote: {said}')
    require(look(host) == before, f'{before} became {look(host)}')


@scenario()
def no_governor(host):
    """an emulated host has no cpufreq: refused with a sentence, and CPUs that do not exist as well"""
    before = look(host)
    configure(host, 'governor = "performance";\n')
    require_named(host.sh(HOOK.format('prepare begin') + ' || true'),
                  "governor: the kernel does not control the frequency of this host's CPUs", 'remove the key')
    configure(host, 'host_cpus = "0-2";\n')
    require_named(host.sh(HOOK.format('prepare begin') + ' || true'), 'host_cpus: this host has no CPU 2, only 0-1')
    require(look(host) == before, 'something changed')
