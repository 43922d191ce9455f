# SPDX-License-Identifier: GPL-2.0-or-later
"""What the shells complete: verbs and options are those of the manual, in each shell."""
import os
import pty
import re
import select
import shutil
import subprocess
import tempfile
import unittest

import tap
import tree

VERBS = {verb: options for verb, options in tree.manual_verbs().items() if verb != "hook"}
GUESTS = ["0:1.0", "my guest", "win10"]


def source(shell):
    return tree.read(f"conf/completions/virt-handoff.{shell}.in")


class Completion(unittest.TestCase):
    """In a shell that has loaded the script, with guests in a directory of ours."""
    shell = None

    def setUp(self):
        if self.shell and shutil.which(self.shell) is None:
            self.skipTest(f"no {self.shell}")
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        os.makedirs(os.path.join(scratch.name, "kvm.conf.d"))
        for guest in GUESTS:
            with open(os.path.join(scratch.name, "kvm.conf.d", guest + ".conf"), "w",
                      encoding="ascii"):
                pass
        self.script = os.path.join(scratch.name, "script")
        with open(self.script, "w", encoding="utf-8") as file:
            file.write(source(self.shell or "zsh").replace("@HOOKS_DIR@", scratch.name))

    def run_shell(self, *arguments):
        done = subprocess.run([*arguments], capture_output=True, text=True, timeout=60, check=True,
                              cwd=tree.ROOT)
        self.assertEqual(done.stderr, "")
        return done.stdout.splitlines()


class Bash(Completion):
    shell = "bash"

    def complete(self, *words):
        script = """
            shopt -s extglob
            source "$0"
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*"
            COMP_POINT=${#COMP_LINE} COMP_WORDBREAKS=
            _virt_handoff
            ((${#COMPREPLY[@]} == 0)) || printf '%s\\n' "${COMPREPLY[@]}"
        """
        return self.run_shell("bash", "-uc", script, self.script, "virt-handoff", *words)

    def test_verbs(self):
        for verb, options in VERBS.items():
            self.assertEqual(sorted(self.complete(verb, "-")), options)
        self.assertEqual(sorted(self.complete("")), sorted([*VERBS, "--help", "--version"]))

    def test_beginnings(self):
        self.assertEqual(self.complete("pr"), ["prepare"])
        self.assertEqual(self.complete("plan", "--j"), ["--json"])
        self.assertEqual(self.complete("status", "no-such-guest"), [])
        self.assertIn(os.path.join(tree.ROOT, "conf/build-depends"),
                      self.complete("rehearse", "--host", os.path.join(tree.ROOT, "conf/build-d")))

    def test_guests_and_addresses(self):
        self.assertEqual(self.complete("status", ""), ["0:1.0", "my\\ guest", "win10"])
        self.assertEqual(self.complete("vbios", ""), ["dump", "info", "trim"])
        devices = "/sys/bus/pci/devices"
        wanted = sorted(os.listdir(devices)) if os.path.isdir(devices) else []
        self.assertEqual(sorted(self.complete("attach", "win10", "")), wanted)


    def typed(self, *lines):
        """The arguments of each line when the tabulator is pressed at its end, by a bash that people type into."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"],
                       {**os.environ, "TERM": "dumb", "PS1": "$ "})
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.close, terminal)
        os.write(terminal, f"source {self.script}; virt-handoff() {{ printf '<%s>' \"$@\"; echo; }}\n".encode())
        return [self.answer(terminal, f"virt-handoff {line}\t\n".encode()) for line in lines]

    def answer(self, terminal, line):
        text = b""
        os.write(terminal, line)
        while not text.endswith(b">\r\n"):
            self.assertTrue(select.select([terminal], [], [], 30)[0], text)
            text += os.read(terminal, 1)
        return text.decode().splitlines()[-1]

    def test_typed(self):
        """bash takes a colon, which addresses have, for the end of a word, and a blank has a backslash."""
        self.assertEqual(self.typed("status 0:", "status 0:1", "prepare my", "prepare my\\ g", "pr", "check x:"),
                         ["<status><0:1.0>", "<status><0:1.0>", "<prepare><my guest>", "<prepare><my guest>",
                          "<prepare>", "<check><x:>"])


class Fish(Completion):
    shell = "fish"

    def complete(self, line):
        lines = self.run_shell("fish", "--no-config", "-c",
                               f"source {self.script}; complete -C 'virt-handoff {line}'")
        return sorted(one.split("\t")[0] for one in lines)

    def test_verbs(self):
        self.assertEqual(self.complete(""), sorted(VERBS))
        for verb, options in VERBS.items():
            self.assertEqual(self.complete(verb + " --"), options, verb)

    def test_guests_and_addresses(self):
        self.assertEqual(self.complete("status "), GUESTS)
        self.assertEqual(self.complete("start --yes w"), ["win10"])
        self.assertEqual(self.complete("vbios "), ["dump", "info", "trim"])
        self.assertIn("conf/", self.complete("rehearse --host "))
        devices = "/sys/bus/pci/devices"
        wanted = sorted(os.listdir(devices)) if os.path.isdir(devices) else []
        self.assertEqual(self.complete("attach win10 "), wanted)


class FishAsText(unittest.TestCase):
    def test_verbs(self):
        text = source("fish")
        found = {verb: [] for verb in re.findall(r"-n __fish_use_subcommand -a (\w+)", text)}
        for verbs, option in re.findall(
                r"^__virt_handoff_option '?([a-z ]+?)'? ([a-z-]+)(?= -)", text, re.M):
            for verb in verbs.split():
                found[verb].append("--" + option)
        self.assertEqual({verb: sorted(options) for verb, options in found.items()}, VERBS)


class Zsh(Completion):
    """Its completion runs in its line editor only: the tables are read here."""
    def test_syntax(self):
        if shutil.which("zsh") is None:
            self.skipTest("no zsh")
        self.assertEqual(self.run_shell("zsh", "-f", "-n", self.script), [])

    def test_verbs(self):
        text = source("zsh")
        described = re.findall(r"^        '(\w+):", text, re.M)
        self.assertEqual(described, sorted(VERBS))
        table = text[text.index("takes=("):text.index("local -A values")]
        found = {verb: sorted(options.split()) for verb, options
                 in re.findall(r"^        (\w+) '(.*)'$", table, re.M)}
        self.assertEqual(found, VERBS)

    def test_values(self):
        """Whoever takes a value is in the table of values, and nobody else."""
        page = tree.read("hook/man/virt-handoff.8.scd")
        wanted = sorted(set(re.findall(r"(--[\w-]+) _[A-Z]+_\]", page)))
        text = source("zsh")
        table = text[text.index("values=("):text.index("local -a options")]
        self.assertEqual(sorted(re.findall(r"(--[\w-]+) '", table)), wanted)


if __name__ == "__main__":
    tap.main()
