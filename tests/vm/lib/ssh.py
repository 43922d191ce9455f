"""Commands in the emulated host, over one SSH connection that all of them share."""

import subprocess
import time


class CommandFailed(Exception):
    def __init__(self, command, result):
        self.result = result
        output = (result.stderr.strip() or result.stdout.strip())[-2000:]
        super().__init__(f'`{command}` exited {result.returncode}: {output}')


class Ssh:
    def __init__(self, key, known_hosts, port, control):
        self.control = control
        self.base = [
            'ssh', '-F', 'none', '-p', str(port), '-i', str(key), '-o', 'IdentitiesOnly=yes',
            '-o', f'UserKnownHostsFile={known_hosts}', '-o', 'HostKeyAlias=host',
            '-o', 'StrictHostKeyChecking=yes', '-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR',
            '-o', 'ConnectTimeout=10', '-o', 'ServerAliveInterval=15', '-o', 'ServerAliveCountMax=8',
            '-o', f'ControlPath={control}', '-o', 'ControlPersist=yes', 'root@127.0.0.1']

    def connect(self, deadline):
        """Wait until sshd of the emulated host takes a command."""
        until = time.monotonic() + deadline
        while True:
            try:
                result = self._run('true', ['-o', 'ControlMaster=auto'], timeout=30)
                if result.returncode == 0:
                    return
                problem = result.stderr.strip()
            except subprocess.TimeoutExpired:
                problem = 'no answer'
            if time.monotonic() > until:
                raise TimeoutError(f'no SSH into the emulated host within {deadline} s: {problem}')
            time.sleep(0.5)

    def disconnect(self):
        subprocess.run(self.base[:-1] + ['-O', 'exit', self.base[-1]],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20)

    def _run(self, command, options=(), timeout=60, stdin=None):
        argv = self.base[:-1] + list(options) + [self.base[-1], command]
        return subprocess.run(argv, input=stdin, text=not isinstance(stdin, bytes), timeout=timeout,
                              stdin=subprocess.DEVNULL if stdin is None else None,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, command, timeout=60, stdin=None):
        """The finished command, whatever its exit status."""
        try:
            return self._run(command, timeout=timeout, stdin=stdin)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f'`{command}` still runs after {timeout} s') from None

    def out(self, command, timeout=60, stdin=None):
        """Its output; an exit status other than 0 is an error."""
        result = self.run(command, timeout, stdin)
        if result.returncode:
            raise CommandFailed(command, result)
        return result.stdout

    def start(self, command):
        """Begin a command and come back at once; the caller waits for it."""
        return subprocess.Popen(self.base[:-1] + [self.base[-1], command], text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
