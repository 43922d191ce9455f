"""The nested guests: as cheap as a guest can be that really takes its devices over VFIO.

Without the capability that is deleted here libvirt asks for the CPU's features with one request instead of
four hundred, which is half of the time that a start takes in an emulated host."""

GPU, SOUND, USB = '0000:01:00.0', '0000:01:00.1', '0000:02:00.0'

EMULATOR = '/usr/bin/qemu-system-x86_64'

DOMAIN = """<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type><loader type='rom'>/var/lib/libvirt/images/halt.bin</loader></os>
  <devices>
    <emulator>{emulator}</emulator>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
{hostdevs}  </devices>
{extra}  <qemu:capabilities><qemu:del capability='cpu-unavailable-features'/></qemu:capabilities>
</domain>
"""

HOSTDEV = """    <hostdev mode='subsystem' type='pci' managed='{managed}'>
      <source><address domain='0x{0}' bus='0x{1}' slot='0x{2}' function='0x{3}'/></source>
      <rom bar='off'/>
    </hostdev>
"""


def hostdev(address, managed):
    domain, bus, rest = address.split(':')
    return HOSTDEV.format(domain, bus, *rest.split('.'), managed='yes' if managed else 'no')


def domain(name, number, devices=(), managed=True, extra=''):
    return DOMAIN.format(name=name, uuid=uuid(number), emulator=EMULATOR, extra=extra,
                         hostdevs=''.join(hostdev(device, managed) for device in devices))


def uuid(number):
    return f'5d1e6b7a-0000-4000-8000-{number:012d}'


# QEMU refuses an option that it does not know, after libvirt has run the hook and taken the devices.
BROKEN = """  <qemu:commandline><qemu:arg value='-no-such-option'/></qemu:commandline>
"""

GUESTS = {
    'win10': domain('win10', 1, (GPU, SOUND)),
    'win10-unmanaged': domain('win10-unmanaged', 2, (GPU, SOUND), managed=False),
    'usbvm': domain('usbvm', 3, (USB,)),
    'plain': domain('plain', 4),
    'broken': domain('broken', 5, (GPU, SOUND), extra=BROKEN),
}
UUIDS = {name: uuid(number) for number, name in enumerate(GUESTS, start=1)}
