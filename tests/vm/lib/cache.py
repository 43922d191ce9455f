"""Where images and saved states are kept between runs: outside of the checkout, under a hash of what made them."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import tempfile
import time


def directory():
    chosen = os.environ.get('VIRT_HANDOFF_VM_CACHE')
    if not chosen:
        base = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
        chosen = pathlib.Path(base) / 'virt-handoff-vm'
    path = pathlib.Path(chosen)
    path.mkdir(parents=True, exist_ok=True)
    return path


def digest(*parts):
    """A short hash over texts, bytes and files (their names, modes and contents)."""
    total = hashlib.sha256()
    for part in parts:
        for path in sorted(part.rglob('*')) if isinstance(part, pathlib.Path) and part.is_dir() else [part]:
            if isinstance(path, pathlib.Path):
                if path.is_dir():
                    continue
                total.update(f'{path.name} {path.stat().st_mode & 0o111:o}\0'.encode())
                total.update(path.read_bytes())
            else:
                total.update(path if isinstance(path, bytes) else path.encode())
            total.update(b'\0')
    return total.hexdigest()[:16]


@contextlib.contextmanager
def lock(name):
    """One at a time over all runs on this machine; the kernel drops it with the process."""
    with open(directory() / f'{name}.lock', 'w', encoding='utf-8') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def forget_unused(days=3):
    """Each image with its states takes some 5 GB; those of changed definitions are never asked for again."""
    for path in directory().iterdir():
        if path.is_dir() and not path.name.startswith('.') and time.time() - path.stat().st_mtime > days * 86400:
            shutil.rmtree(path)


def kept(path, build, fresh=False):
    """The directory `path`, made by build(TEMPORARY) when missing: whole or not at all."""
    with lock(path.name):
        if fresh and path.exists():
            shutil.rmtree(path)
        if not path.exists():
            for left in path.parent.glob(f'.{path.name}.*'):
                shutil.rmtree(left)
            temporary = pathlib.Path(tempfile.mkdtemp(prefix=f'.{path.name}.', dir=path.parent))
            try:
                build(temporary)
                temporary.chmod(0o755)
                temporary.rename(path)
            finally:
                if temporary.exists():
                    shutil.rmtree(temporary)
        os.utime(path)
    return path
