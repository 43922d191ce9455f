"""QEMU's monitor: just enough of QMP to save, restore and end a machine."""

import json
import socket
import time


class MonitorError(Exception):
    pass


class Monitor:
    def __init__(self, path, deadline=20):
        self.socket = self._connect(path, time.monotonic() + deadline)
        self.socket.settimeout(60)
        self.lines = self.socket.makefile('rw', encoding='utf-8')
        self._next(lambda message: 'QMP' in message)
        self.execute('qmp_capabilities')

    @staticmethod
    def _connect(path, until):
        while True:
            client = socket.socket(socket.AF_UNIX)
            try:
                client.connect(str(path))
                return client
            except OSError:
                client.close()
                if time.monotonic() > until:
                    raise MonitorError(f'QEMU does not answer on {path}')
                time.sleep(0.05)

    def _next(self, wanted):
        for line in self.lines:
            message = json.loads(line)
            if wanted(message):
                return message
        raise MonitorError('QEMU closed its monitor')

    def execute(self, command, **arguments):
        request = {'execute': command}
        if arguments:
            request['arguments'] = arguments
        self.lines.write(json.dumps(request) + '\n')
        self.lines.flush()
        answer = self._next(lambda message: 'return' in message or 'error' in message)
        if 'error' in answer:
            raise MonitorError(f"{command}: {answer['error']['desc']}")
        return answer['return']

    def human(self, command):
        return self.execute('human-monitor-command', **{'command-line': command})

    def wait(self, query, done, what, deadline):
        """Ask again until done(answer); QEMU's own states change within milliseconds to seconds."""
        until = time.monotonic() + deadline
        while True:
            answer = self.execute(query)
            if done(answer):
                return answer
            if time.monotonic() > until:
                raise MonitorError(f'{what}: not within {deadline} s, last {answer}')
            time.sleep(0.1)

    def close(self):
        self.lines.close()
        self.socket.close()
