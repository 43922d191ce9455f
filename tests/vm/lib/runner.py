"""Scenarios: their registry, one run of each in a process and a machine of its own, and the report."""

import importlib
import multiprocessing
import multiprocessing.connection
import pathlib
import pkgutil
import signal
import sys
import time
import traceback

from . import process, project, state
from .host import Failure, require

BOUND = 420

SCENARIOS = {}


def scenario(shape='desktop', installed=True, packages=False, late=False):
    """Declare a scenario: a function that gets the host of a saved state, the project installed in it, or its
    packages brought there. The late ones come last: others show much of the same in less time."""
    def declare(function):
        function.late = late
        function.shape, function.installed, function.packages = shape, installed and not packages, packages
        SCENARIOS[function.__name__.replace('_', '-')] = function
        return function
    return declare


def load():
    folder = pathlib.Path(__file__).resolve().parent.parent / 'scenarios'
    for module in sorted(pkgutil.iter_modules([str(folder)]), key=lambda module: module.name):
        importlib.import_module(f'scenarios.{module.name}')
    return SCENARIOS


class OutOfTime(Exception):
    pass


def ring(signum, frame):
    raise OutOfTime(f'not ended within {BOUND} s')


LOGS = (
    ('the hook, in the journal', 'journalctl -q --no-pager -o short-monotonic -t virt-handoff | tail -60'),
    ('libvirtd', 'journalctl -q --no-pager -o short-monotonic -u libvirtd.service --since=-10min | tail -30'),
    ('kernel', 'dmesg | tail -25'),
    ('journals', 'tail -n +1 /run/virt-handoff/*.journal'),
)


def evidence(host):
    """What a reader needs to understand a failure; never an error of its own."""
    parts = []
    for title, command in LOGS:
        try:
            result = host.try_sh(f'({command}) 2>&1', timeout=60)
            parts.append(f'--- {title}\n{result.stdout.rstrip()}')
        except Exception as problem:  # pylint: disable=broad-except
            parts.append(f'--- {title}: {problem}')
    try:
        rows = host.facts().rows.items()
        parts.append('--- facts\n' + '\n'.join(f'{kind} {row}' for kind, found in rows for row in found))
    except Exception as problem:  # pylint: disable=broad-except
        parts.append(f'--- facts: {problem}')
    return '\n'.join(parts)


def told(problem):
    """The error in one line, with the scenario's line that it came from."""
    frames = [frame for frame in traceback.extract_tb(problem.__traceback__) if '/scenarios/' in frame.filename]
    place = f' ({pathlib.Path(frames[-1].filename).name}:{frames[-1].lineno})' if frames else ''
    kind = '' if isinstance(problem, (Failure, OutOfTime)) else f'{type(problem).__name__}: '
    return f'{kind}{problem}{place}'


def attempt(name, states, built):
    """The host of the scenario and what went wrong in it, None when nothing did."""
    function, host = SCENARIOS[name], None
    try:
        host = state.restore(*states[function.shape, function.installed], function.shape)
        if function.packages:
            project.bring_packages(host, built.packages)
        function(host)
        if not host.ended():
            require(not host.denials(), f'AppArmor refused: {host.denials()}')
        return host, None
    except Exception as caught:  # pylint: disable=broad-except
        return host, caught


def run_one(name, states, built, keep, pipe):
    """In a process of its own: PROBLEM or None, SECONDS and LOGS go into the pipe."""
    process.die_with_parent()
    signal.signal(signal.SIGALRM, ring)
    signal.alarm(BOUND)
    begun = time.monotonic()
    host, caught = attempt(name, states, built)
    try:
        signal.alarm(120)
        logs = '' if not caught else evidence(host) if host else ''.join(traceback.format_exception(caught))
        pipe.send((told(caught) if caught else None, time.monotonic() - begun, logs))
        if host and caught and keep:
            signal.alarm(0)
            print('kept until interrupted: ' + ' '.join(host.ssh.base), flush=True)
            host.machine.process.wait()
    finally:
        signal.alarm(60)
        if host:
            host.machine.end()


class Run:
    """All chosen scenarios, `jobs` at a time. Those that have not begun at `deadline`, on the clock of time.time(),
    are left out, and it is said which."""

    def __init__(self, states, built, jobs, keep, deadline):
        self.states, self.built, self.jobs, self.keep, self.deadline = states, built, jobs, keep, deadline
        self.area = 'emulated host'
        self.passed = self.failed = 0

    def run(self, names):
        waiting, running = sorted(names, key=lambda name: SCENARIOS[name].late), {}
        while waiting or running:
            while waiting and len(running) < self.jobs:
                if time.time() > self.deadline:
                    print(f"no time left for: {' '.join(waiting)}\n{len(waiting)} skipped", flush=True)
                    waiting.clear()
                    break
                name = waiting.pop(0)
                pipe, child = self.begin(name)
                running[pipe] = (name, child)
            for pipe in multiprocessing.connection.wait(list(running)) if running else ():
                self.end(pipe, *running.pop(pipe))

    def begin(self, name):
        ours, theirs = multiprocessing.Pipe(duplex=False)
        child = multiprocessing.Process(target=run_one, name=name, daemon=True,
                                        args=(name, self.states, self.built, self.keep, theirs))
        child.start()
        theirs.close()
        return ours, child

    def end(self, pipe, name, child):
        try:
            problem, seconds, logs = pipe.recv()
        except EOFError:
            problem, seconds, logs = 'the scenario died', 0, ''
        child.join()
        if problem:
            self.failed += 1
            print(f'not ok {name}: {problem}\n{logs}', flush=True)
        else:
            self.passed += 1
            print(f'ok {name} {seconds:.0f} s', flush=True)
        self.tell(name, problem)

    def tell(self, name, problem):
        """For tests/RESULTS.md, see tests/results.py."""
        about = ' '.join((SCENARIOS[name].__doc__ or '').split()).replace('|', '/').rstrip('.')
        outcome = 'FAILED' if problem else 'passed'
        print(f'# result: {self.area} | {name}: {about} | 1 | {outcome}', flush=True)


def die(message):
    print(message, file=sys.stderr)
    sys.exit(1)
