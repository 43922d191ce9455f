"""The project and what scenarios need beside it, built for the release of the emulated host in the tree of its image,
and put into the host."""

import pathlib
import subprocess
import typing

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
DESTDIR=/build/dest meson install -C out --no-rebuild --strip
"""

# Programs of the tests, apart from what is packaged: the emulated processor takes seconds to compile one.
TOOLS = ('usr/lib/trap.so', 'usr/local/bin/desk', 'usr/local/bin/compositor')
COMPILE_TOOLS = """umask 022
mkdir -p tools/usr/lib tools/usr/local/bin
gcc -shared -fPIC -O1 -o tools/usr/lib/trap.so /src/tests/vm/lib/trap.c -ldl
for tool in desk compositor; do
    gcc -o tools/usr/local/bin/$tool /src/tests/vm/stand-ins/$tool.c -lsystemd
done
"""

# What the recipe of conf/packages makes of what was built already, and the same as an update that is to come.
PACKAGE = r"""export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin DEB_BUILD_OPTIONS=noautodbgsym
rm -rf /build/package /build/*.deb
mkdir /build/package
cd /build/package
cp -r /src/conf/packages/debian .
cp -a /build/dest tree
# Where the recipe has the units, and debhelper looks for them.
units=$(pkg-config --variable=systemdsystemunitdir systemd || true)
if [ "$units" = /lib/systemd/system ]; then
    mkdir -p tree/lib/systemd
    mv tree/usr/lib/systemd/system tree/lib/systemd/
fi
printf '%s:\n\t@:\n' override_dh_auto_configure override_dh_auto_build override_dh_auto_test >>debian/rules
printf 'override_dh_auto_install:\n\tmv tree debian/virt-handoff\n' >>debian/rules
debian/rules binary
mv /build/virt-handoff_*.deb /build/now.deb
dpkg-deb -R /build/now.deb later
sed -i 's/^Version: .*/&+later/' later/DEBIAN/control
dpkg-deb -b --root-owner-group later /build/later.deb
"""


class NotThere(Exception):
    """The checkout has no program to install yet."""


class Built(typing.NamedTuple):
    """What goes into the emulated host."""
    tree: bytes
    packages: bytes = None


class Project:
    """Builds for one release."""

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
            tree, tools = (str(self.directory / name) for name in ('dest', 'tools'))
            # The same bytes for the same files: a saved state is named after them.
            return subprocess.run(['tar', '--owner=0', '--group=0', '--sort=name', '--mtime=2026-01-01', '-cf', '-',
                                   '-C', tree, '.', '-C', tools, *TOOLS],
                                  check=True, stdout=subprocess.PIPE, timeout=60).stdout

    def packages(self):
        """Two Debian packages of that build, now.deb and the newer later.deb, as an archive."""
        with cache.lock(self.directory.name):
            self._in_image(PACKAGE, 'package.log')
            return subprocess.run(['tar', '-C', str(self.directory), '-cf', '-', 'now.deb', 'later.deb'],
                                  check=True, stdout=subprocess.PIPE, timeout=60).stdout

    def _in_image(self, commands, log):
        log = self.directory / log
        with open(log, 'w', encoding='utf-8') as file:
            result = subprocess.run(
                ['unshare', '--mount', '--propagation=private', 'sh', '-c', CHROOT, 'sh', str(self.image.root),
                 str(CHECKOUT), str(self.directory), commands],
                stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, timeout=900)
        if result.returncode:
            raise RuntimeError('the project does not build in the image:\n' +
                               log.read_text(encoding='utf-8', errors='replace')[-4000:])

    def _compile(self):
        self._in_image(COMPILE + COMPILE_TOOLS, 'build.log')
        if not (self.directory / 'dest/usr/sbin/virt-handoff').exists():
            raise NotThere('the build installs no /usr/sbin/virt-handoff')


def bring_packages(host, packages):
    """To /root, for the scenario to install."""
    host.ssh.out('tar -C /root --no-same-owner -xf -', timeout=60, stdin=packages)


def install(host, tree):
    """As a package would: the files, and systemd told of them."""
    host.ssh.out('tar -C / --no-same-owner --no-overwrite-dir -xf -', timeout=60, stdin=tree)
    host.sh('mkdir -p /etc/libvirt/hooks/kvm.conf.d; systemctl enable --quiet virt-handoff-recover.service', timeout=120)
