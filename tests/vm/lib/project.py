"""The project, built for the release of the emulated host in the tree of its image, and put into the host."""

import pathlib
import subprocess

from . import cache

CHECKOUT = pathlib.Path(__file__).resolve().parents[3]

# The mounts are seen by this one process tree and vanish with it.
CHROOT = """set -eu
mkdir -p "$1/src" "$1/build"
mount --bind "$2" "$1/src"
mount --bind "$3" "$1/build"
mount --rbind /dev "$1/dev"
exec chroot "$1" /bin/sh -euc "$4"
"""

COMPILE = """export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin
cd /build
if [ ! -f out/build.ninja ]; then
    rm -rf out
    meson setup out /src --prefix=/usr --sysconfdir=/etc --buildtype=debugoptimized -Dtests=false
fi
meson compile -C out
rm -rf dest
DESTDIR=/build/dest meson install -C out --no-rebuild
"""


class NotThere(Exception):
    """The checkout has no program to install yet."""


class Project:
    """An installed tree for one release; `archive` is what goes into the emulated host."""

    def __init__(self, image, suite):
        self.image = image
        name = f'{suite}-build-{cache.digest(str(CHECKOUT), image.name)}'
        self.directory = cache.directory() / name
        self.directory.mkdir(exist_ok=True)

    def build(self):
        if not (CHECKOUT / 'meson.build').exists():
            raise NotThere('no meson.build in the checkout')
        with cache.lock(self.directory.name):
            self._compile()
            tree = str(self.directory / 'dest')
            return subprocess.run(['tar', '-C', tree, '--owner=0', '--group=0', '-cf', '-', '.'], check=True,
                                  stdout=subprocess.PIPE, timeout=60).stdout

    def _compile(self):
        log = self.directory / 'build.log'
        with open(log, 'w', encoding='utf-8') as file:
            result = subprocess.run(
                ['unshare', '--mount', '--propagation=private', 'sh', '-c', CHROOT, 'sh', str(self.image.root),
                 str(CHECKOUT), str(self.directory), COMPILE],
                stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, timeout=900)
        if result.returncode:
            raise RuntimeError('the project does not build in the image:\n' +
                               log.read_text(encoding='utf-8', errors='replace')[-4000:])
        if not (self.directory / 'dest/usr/sbin/virt-handoff').exists():
            raise NotThere('the build installs no /usr/sbin/virt-handoff')


def install(host, archive):
    """As a package would: the files, and systemd told of them."""
    host.ssh.out('tar -C / --no-same-owner --no-overwrite-dir -xf -', timeout=60, stdin=archive)
    host.sh('systemctl daemon-reload; systemctl enable --quiet virt-handoff-recover.service', timeout=120)
    host.sh('mkdir -p /etc/libvirt/hooks/kvm.conf.d')
