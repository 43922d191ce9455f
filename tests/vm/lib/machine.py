"""The emulated PC: an IOMMU, a GPU with its sound function in one group, a USB controller in another."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from . import qmp, ssh
from .process import die_with_parent

SHAPES = {
    # A desktop on the GPU's own driver.
    'desktop': '',
    # The firmware's framebuffer is all there is, as with NVIDIA's closed driver or none at all.
    'firmware': 'modprobe.blacklist=bochs',
    # Two memory nodes, a second display of the same driver, a SATA controller with a disk, and slots for what is
    # plugged in later.
    'two-gpus': '',
}
# no_timer_check: an emulated timer that had to wait for a busy machine is no broken one. mitigations: an emulated CPU
# has no such holes, but forgets its translations with each system call when the kernel changes page tables for it.
CMDLINE = ('root=/dev/vda rw intel_iommu=on no_timer_check mitigations=off console=ttyS0 loglevel=4 '
           'systemd.show_status=no')
RUN = 'virt-handoff-vm'


def more(shape, directory):
    """What only some shapes have, behind the devices that all have, which so keep their addresses."""
    if shape != 'two-gpus':
        return []
    return ['-device', 'pcie-root-port,id=gpu2port,chassis=3,slot=3,addr=0x7',
            '-device', 'pcie-root-port,id=sataport,chassis=4,slot=4,addr=0x8',
            '-device', 'pcie-root-port,id=spareport,chassis=5,slot=5,addr=0x9',
            '-device', 'pcie-root-port,id=nvmeport,chassis=6,slot=6,addr=0xa',
            '-device', 'nvme-subsys,id=subsystem',
            '-object', 'memory-backend-ram,id=memory0,size=1G', '-numa', 'node,nodeid=0,cpus=0,memdev=memory0',
            '-object', 'memory-backend-ram,id=memory1,size=1G', '-numa', 'node,nodeid=1,cpus=1,memdev=memory1',
            '-device', 'bochs-display,bus=gpu2port,addr=0.0',
            '-device', 'ich9-ahci,id=sata,bus=sataport,addr=0.0',
            '-drive', f'if=none,id=extra,format=qcow2,cache=unsafe,file={directory}/extra.qcow2',
            '-device', 'ide-hd,bus=sata.0,drive=extra']


def arguments(image, shape, directory):
    """Without intremap VFIO refuses; -cpu max breaks mount namespaces under TCG of QEMU 7.2."""
    return ['qemu-system-x86_64', '-name', f'virt-handoff-{shape}', '-nodefaults', '-display', 'none',
            '-accel', 'tcg,thread=multi', '-smp', '2', '-m', '2G', '-machine', 'q35,kernel-irqchip=off',
            '-cpu', 'Nehalem', '-bios', '/usr/share/ovmf/OVMF.fd',
            '-kernel', str(image.kernel), '-initrd', str(image.initrd),
            '-append', f'{CMDLINE} {SHAPES[shape]}'.strip(),
            '-device', 'intel-iommu,intremap=on',
            '-device', 'pcie-root-port,id=gpuport,chassis=1,slot=1,addr=0x2',
            '-device', 'pcie-root-port,id=usbport,chassis=2,slot=2,addr=0x3',
            '-device', 'VGA,bus=gpuport,addr=0.0,multifunction=on',
            '-audiodev', 'none,id=silence',
            '-device', 'ich9-intel-hda,id=gpuhda,bus=gpuport,addr=0.1',
            '-device', 'hda-output,bus=gpuhda.0,audiodev=silence',
            '-device', 'qemu-xhci,id=usb,bus=usbport,addr=0.0',
            '-device', 'usb-kbd,bus=usb.0', '-device', 'usb-tablet,bus=usb.0',
            '-drive', f'if=none,id=disk,format=qcow2,cache=unsafe,file={directory}/disk.qcow2',
            '-device', 'virtio-blk-pci,drive=disk,addr=0x4',
            '-netdev', 'user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:0-:22',
            '-device', 'virtio-net-pci,netdev=net,addr=0x5,romfile=',
            '-device', 'virtio-rng-pci,addr=0x6',
            '-serial', f'file:{directory}/serial.log',
            '-qmp', f'unix:{directory}/qmp,server=on,wait=off', *more(shape, directory)]


def forget_dead():
    """What runs left behind that were killed."""
    for path in pathlib.Path(tempfile.gettempdir()).glob(f'{RUN}.*.*'):
        if not pathlib.Path('/proc', path.name.split('.')[1]).exists():
            shutil.rmtree(path)


class Machine:
    """One run of the emulated PC, on a disk of its own over the one it is given."""

    def __init__(self, image, shape, backing, incoming=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f'{RUN}.{os.getpid()}.'))
        self.image = image
        self.process = None
        self.monitor = None
        self.ssh = None
        try:
            self._start(shape, backing, incoming)
        except BaseException:
            self.end()
            raise

    def _start(self, shape, backing, incoming):
        kind = 'qcow2' if backing.suffix == '.qcow2' else 'raw'
        subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', kind, '-b', str(backing),
                        str(self.directory / 'disk.qcow2')], check=True, timeout=60)
        # Empty when the state was saved, and hence when it is restored.
        subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', str(self.directory / 'extra.qcow2'), '64M'],
                       check=True, timeout=60)
        argv = arguments(self.image, shape, self.directory)
        if incoming:
            argv += ['-incoming', f'exec:cat {incoming}']
        with open(self.directory / 'qemu.log', 'w', encoding='utf-8') as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, preexec_fn=die_with_parent)
        self.monitor = qmp.Monitor(self.directory / 'qmp')
        if incoming:
            self.monitor.wait('query-status', lambda status: status['status'] != 'inmigrate',
                              'restoring the saved state', 120)
            self.monitor.execute('cont')
        self.ssh = ssh.Ssh(self.image.key, self.image.known_hosts, self.port(), self.directory / 'ssh')

    def port(self):
        """The port on the loopback interface that QEMU chose for the guest's sshd."""
        table = self.monitor.human('info usernet')
        found = re.search(r'TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)', table)
        if not found:
            raise RuntimeError(f'no forwarded port in:\n{table}')
        return int(found.group(1))

    def log(self, name):
        return (self.directory / name).read_text(encoding='utf-8', errors='replace')

    def save(self, into):
        """Memory and disk of this moment to the directory `into`; the machine ends with it."""
        self.ssh.disconnect()
        self.monitor.execute('stop')
        self.monitor.execute('migrate-set-parameters', **{'max-bandwidth': 1 << 34})
        self.monitor.execute('migrate', uri=f'exec:cat >{into}/memory')
        self.monitor.wait('query-migrate', lambda answer: answer.get('status') in ('completed', 'failed'),
                          'saving the state', 300)
        answer = self.monitor.execute('query-migrate')
        if answer['status'] != 'completed':
            raise RuntimeError(f'the state was not saved: {answer}')
        self.monitor.execute('quit')
        self.process.wait(30)
        shutil.move(self.directory / 'disk.qcow2', into / 'disk.qcow2')

    def end(self):
        if self.ssh:
            self.ssh.disconnect()
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)
        if self.monitor:
            self.monitor.close()
        shutil.rmtree(self.directory)
