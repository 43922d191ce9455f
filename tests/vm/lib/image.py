"""The disk of the emulated host: a Debian made by mmdebstrap, and the tree that the project is built in."""

import os
import pathlib
import shutil
import subprocess

from . import cache
from .process import die_with_parent

SOURCES = pathlib.Path(__file__).resolve().parent.parent / 'image'
BUILD_DEPENDS = SOURCES.parents[2] / 'conf/build-depends'
SUITES = ('bookworm', 'trixie')
DISK_SIZE = '6G'
LEFT_OUT = ('doc', 'man', 'info', 'locale', 'help')
# Its mounts and its processes end with it, also when it is killed.
ALONE = ['unshare', '--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc', '--propagation=private']


class Image:
    def __init__(self, path):
        self.root = path / 'root'
        self.disk = path / 'disk.raw'
        self.kernel = path / 'vmlinuz'
        self.initrd = path / 'initrd.img'
        self.key = path / 'id_ed25519'
        self.known_hosts = path / 'known_hosts'
        self.name = path.name


def name(suite):
    return f'{suite}-{cache.digest(SOURCES, BUILD_DEPENDS, pathlib.Path(__file__))}'


def ensure(suite, fresh=False):
    path = cache.directory() / name(suite)
    return Image(cache.kept(path, lambda into: build(suite, Image(into)), fresh))


def run(argv, log, timeout, **options):
    result = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                            timeout=timeout, preexec_fn=die_with_parent, **options)
    if result.returncode:
        tail = pathlib.Path(log.name).read_text(encoding='utf-8', errors='replace')[-3000:]
        raise RuntimeError(f'{argv[0]} exited {result.returncode}:\n{tail}')


def build(suite, image):
    if os.geteuid() != 0:
        raise RuntimeError('building the image needs root')
    print(f'building the {suite} image with mmdebstrap, some minutes', flush=True)
    with open(image.root.parent / 'build.log', 'w', encoding='utf-8') as log:
        run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'tests/vm', '-f', str(image.key)], log, 60)
        run(mmdebstrap(suite, image), log, 1500,
            env=os.environ | {'SSH_PUBLIC_KEY': f'{image.key}.pub'})
        take_kernel(image)
        host_key = (image.root / 'etc/ssh/ssh_host_ed25519_key.pub').read_text(encoding='utf-8')
        image.known_hosts.write_text(f'host {host_key}', encoding='utf-8')
        run(['mkfs.ext4', '-q', '-L', 'root', '-E', 'lazy_itable_init=0,lazy_journal_init=0',
             '-d', str(image.root), str(image.disk), DISK_SIZE], log, 600)


def mmdebstrap(suite, image):
    lines = [line for file in (SOURCES / 'packages', BUILD_DEPENDS)
             for line in file.read_text(encoding='utf-8').splitlines()]
    packages = [line for line in lines if line and not line.startswith('#')]
    argv = [*ALONE, 'mmdebstrap', '--mode=root', '--variant=minbase', '--include=' + ','.join(packages),
            '--aptopt=APT::Install-Recommends "false"']
    argv += [f'--dpkgopt=path-exclude=/usr/share/{part}/*' for part in LEFT_OUT]
    return argv + [f'--essential-hook=cp -rT "{SOURCES}/files" "$1"', f'--customize-hook={SOURCES}/customize',
                   suite, str(image.root)]


def take_kernel(image):
    boot = image.root / 'boot'
    for pattern, target in (('vmlinuz-*', image.kernel), ('initrd.img-*', image.initrd)):
        found = sorted(boot.glob(pattern))
        if len(found) != 1:
            raise RuntimeError(f'{len(found)} files {pattern} in the image, 1 expected')
        shutil.copy(found[0], target)
