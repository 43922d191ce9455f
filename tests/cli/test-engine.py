# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine from outside: the hook's contract with libvirt, and the manners of the verbs."""
import json
import os
import re
import signal
import subprocess
import time
import unittest
import unittest.mock
import xml.etree.ElementTree

import journals
import tap
from calls import ENGINE, HOOKS, HOSTS, ROOT, STATE, UUID, Engine, domain

OPERATIONS = [("prepare", "begin"), ("start", "begin"), ("started", "begin"), ("stopped", "end"),
              ("release", "end"), ("reconnect", "begin"), ("migrate", "begin"),
              ("restore", "begin"), ("attach", "begin"), ("later", "sometime")]
VERBS = ["attach", "check", "init", "plan", "rehearse", "status", "prepare", "release", "recover",
         "snapshot", "hook", "import", "start", "timeline", "vbios", "iommu", "usb"]


class Contract(Engine):
    def test_success_is_silent(self):
        self.configure()
        for operation in OPERATIONS:
            with self.subTest(operation=operation):
                self.assert_silent(self.hook(*operation))

    def test_odd_names(self):
        for guest in ("..", ".", "-x", "--help", "prepare", "a b;$(id)", "a\nb", "x" * 255):
            for operation in OPERATIONS:
                with self.subTest(guest=guest, operation=operation):
                    self.assert_silent(self.hook(*operation, guest=guest))

    def test_missing_device_is_one_line(self):
        self.configure()
        result = self.hook("prepare", "begin", xml=domain(devices=["0000:7f:1f.7"]))
        self.assert_one_line(result, "win10")
        self.assertEqual([], [n for n in os.listdir(STATE) if n.endswith(".journal")])

    def test_all_problems_of_a_file_are_one_line(self):
        self.configure("timeout = 0;\nfoo = 1;\ndriver = 5;\n")
        result = self.hook("prepare", "begin")
        self.assert_one_line(result, "win10.conf:1: timeout: ", "2 more")

    def test_failures_that_libvirt_must_not_hear_of(self):
        self.configure()
        for operation in (("reconnect", "begin"), ("stopped", "end")):
            self.script(*operation, "echo no >&2\nexit 3\n")
            with self.subTest(operation=operation):
                self.assert_silent(self.hook(*operation))

    def test_failures_that_libvirt_hears_of(self):
        for operation in (("prepare", "begin"), ("start", "begin"), ("started", "begin"),
                          ("release", "end"), ("migrate", "begin"), ("restore", "begin")):
            self.script(*operation, "echo words\necho not today >&2\nexit 3\n")
            with self.subTest(operation=operation):
                self.assert_one_line(self.hook(*operation), "not today", operation[0])

    def test_no_xml_fails_only_prepare(self):
        self.configure()
        for operation in OPERATIONS:
            with self.subTest(operation=operation):
                result = self.hook(*operation, xml=b"")
                if operation[0] == "prepare":
                    self.assert_one_line(result, "XML")
                else:
                    self.assert_silent(result)

    def test_huge_xml_is_drained(self):
        self.configure()
        xml = b"<domain>" + b" " * (9 << 20) + b"</domain>"
        process = subprocess.Popen([ENGINE, "hook", "win10", "prepare", "begin", "-"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        process.stdin.write(xml)  # a broken pipe would raise
        out, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, out), (1, b""))
        self.assertEqual(err.count(b"\n"), 1)

    def test_closed_descriptors(self):
        self.configure()
        for closed in ((0,), (1,), (2,), (0, 1, 2)):
            with self.subTest(closed=closed):
                redirections = " ".join(f"{fd}>&-" for fd in closed)
                result = subprocess.run(
                    ["/bin/sh", "-c", f'exec "$0" hook win10 stopped end - {redirections}', ENGINE],
                    stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
                self.assertEqual(result.returncode, 0)

    def test_wrong_count_of_arguments(self):
        for arguments in ((), ("win10",), ("win10", "prepare", "begin"),
                          ("win10", "prepare", "begin", "-", "more")):
            result = self.run_engine("hook", *arguments)
            self.assertEqual((result.returncode, result.stdout), (64, b""))


class Scripts(Engine):
    def test_arguments_and_xml(self):
        out = os.path.join(ROOT, "out")
        self.script("prepare", "begin", f'printf "%s|" "$@" > {out}; cat >> {out}\n')
        self.assert_silent(self.hook("prepare", "begin"))
        with open(out, "rb") as file:
            self.assertEqual(file.read(), b"win10|prepare|begin|-|" + domain())

    def test_sorted_and_only_executable(self):
        out = os.path.join(ROOT, "out")
        for name in ("b", "a", "C", "10-x"):
            self.script("start", "begin", f"echo {name} >> {out}\n", name)
        self.script("start", "begin", f"echo no >> {out}\n", "not-executable")
        os.chmod(os.path.join(HOOKS, "qemu.d/win10/start/begin/not-executable"), 0o644)
        self.assert_silent(self.hook("start", "begin"))
        with open(out, encoding="utf-8") as file:
            self.assertEqual(file.read().split(), ["10-x", "C", "a", "b"])

    def test_filter(self):
        self.script("migrate", "begin", "sed s/win10/second/\n", "1")
        self.script("migrate", "begin", "cat > /dev/null\n", "2")
        self.script("migrate", "begin", "sed s/second/third/\n", "3")
        result = self.hook("migrate", "begin")
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertEqual(result.stdout, domain("third"))

    def test_writable_by_others_is_refused(self):
        self.script("prepare", "begin", "exit 0\n")
        os.chmod(os.path.join(HOOKS, "qemu.d/win10/prepare/begin"), 0o777)
        self.assert_one_line(self.hook("prepare", "begin"), "chmod")

    def test_background_child_does_not_hold_the_pipes(self):
        self.script("started", "begin", "sleep 300 &\n")
        begin = time.monotonic()
        self.assert_silent(self.hook("started", "begin"))
        self.assertLess(time.monotonic() - begin, 100)


class Manners(Engine):
    def test_help(self):
        for arguments in (["--help"], ["-h"], *([verb, "--help"] for verb in VERBS)):
            result = self.run_engine(*arguments)
            self.assertEqual((result.returncode, result.stderr), (0, b""), arguments)
            self.assertTrue(result.stdout.startswith(b"Usage: virt-handoff"))
            # As installed: the build may lie in a deep directory, as that of meson dist does.
            for line in result.stdout.decode().replace(ROOT, "/etc/libvirt").splitlines():
                self.assertLessEqual(len(line), 100, line)
        text = self.run_engine("--help").stdout.decode()
        for verb in VERBS:
            self.assertIn("\n  " + verb, text)
        self.assertNotIn("domain-xml", text)

    def test_help_as_a_verb(self):
        for verb in ([], ["status"], ["hook"]):
            result = self.run_engine("help", *verb)
            self.assertEqual((result.returncode, result.stdout),
                             (0, self.run_engine(*verb, "--help").stdout), verb)
        for verb in ([], *([verb] for verb in VERBS)):
            for line in self.run_engine("help", *verb).stdout.decode().splitlines():
                self.assertEqual(line.rstrip(), line)

    def test_slips(self):
        for arguments, words in ((["chek"], 'no verb "chek"; did you mean "check"? (try: virt-handoff --help)'),
                                 (["help", "chek"], 'did you mean "check"?'),
                                 (["domain-xm"], 'no verb "domain-xm" (try'),
                                 (["help", "a", "b"], "help takes: "),
                                 (["plan", "--forse", "win10"], "--forse (try: virt-handoff plan --help)"),
                                 (["plan"], "takes: GUEST (try: virt-handoff plan --help)")):
            result = self.run_engine(*arguments)
            self.assertEqual((result.returncode, result.stdout), (64, b""), arguments)
            self.assertIn(words, result.stderr.decode())

    def test_force_is_what_the_verb_makes_of_it(self):
        replace, spite = "replace the file that is there", "in spite of what speaks against it"
        for verb, told in (("release", (spite,)), ("snapshot", (replace,)), ("timeline", (replace,)),
                           ("import", (replace,)), ("init", (replace, spite)),
                           ("start", (replace, spite)), ("vbios", (replace, spite))):
            text = self.run_engine(verb, "--help").stdout.decode()
            self.assertEqual([words in text for words in (replace, spite)],
                             [words in told for words in (replace, spite)], text)

    def test_version(self):
        result = self.run_engine("--version")
        self.assertRegex(result.stdout.decode(), r"^virt-handoff \d+\.\d+\.\d+\n$")

    def test_usage_errors(self):
        for arguments in ([], ["no-such-verb"], ["plan"], ["plan", "a", "b"],
                          ["status", "--no-such-option"], ["plan", "--svg", "x", "win10"],
                          ["iommu", "--root", "/nonexistent"], ["rehearse", "--hold", ""],
                          ["check", "--root", "/", "--host", "x"],
                          ["recover", "now"]):
            result = self.run_engine(*arguments)
            self.assertEqual((result.returncode, result.stdout), (64, b""), arguments)
            self.assertEqual(result.stderr.count(b"\n"), 1)
            self.assertIn(b"--help", result.stderr)

    def test_plan(self):
        self.configure()
        result = self.run_engine("plan", "--xml", self.xml_file(), "win10")
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertIn(b"nothing: no host device", result.stdout)
        plan = json.loads(self.run_engine("plan", "--json", "--xml", self.xml_file(),
                                          "win10").stdout)
        self.assertEqual((plan["guest"], plan["uuid"], plan["possible"], plan["steps"]),
                         ("win10", UUID, True, []))

    def test_plan_names_scripts(self):
        self.configure()
        for operation in (("prepare", "begin"), ("release", "end")):
            self.script(*operation, "exit 0\n")
        text = " ".join(self.run_engine("plan", "--xml", self.xml_file(),
                                        "win10").stdout.decode().split())
        for path in ("qemu.d/win10/prepare/begin and", "qemu.d/win10/release/end "):
            self.assertIn(path, text + " ")
        os.chmod(os.path.join(HOOKS, "qemu.d", "win10", "prepare", "begin"), 0o757)
        result = self.run_engine("plan", "--xml", self.xml_file(), "win10")
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"begin", result.stdout + result.stderr)

    def test_plan_refuses(self):
        self.configure()
        path = self.xml_file(domain(devices=["0000:7f:1f.7"]))
        result = self.run_engine("plan", "--json", "--xml", path, "win10")
        plan = json.loads(result.stdout)
        self.assertEqual((result.returncode, plan["possible"]), (1, False))
        self.assertTrue(any("0000:7f:1f.7" in text for text in plan["refusals"]))

    def test_plan_lists_all_problems(self):
        self.configure("timeout = 0;\nfoo = 1;\n")
        for options in ((), ("--json",)):
            result = self.run_engine("plan", *options, "--xml", self.xml_file(), "win10")
            self.assertEqual((result.returncode, result.stdout), (1, b""))
            lines = result.stderr.decode().splitlines()
            self.assertEqual(len(lines), 2, lines)
            for number, line in enumerate(lines, 1):
                self.assertRegex(line, fr"^virt-handoff: win10: .*/win10\.conf:{number}: ")

    def test_a_mistyped_file(self):
        """The defaults would look like the file's answer."""
        host = ("--host", os.path.join(HOSTS, "nvidia-desktop.json"))
        for verb in ("plan", "check", "start", "rehearse"):
            result = self.run_engine(verb, *host, "--config", "/nonexistent", "win10")
            self.assertEqual((result.returncode, result.stdout), (64, b""), verb)
            self.assertIn(b"--config /nonexistent: No such file or directory", result.stderr)

    def test_plan_of_a_file_in_the_working_directory(self):
        self.configure("foo = 1;\n")
        directory = os.path.join(HOOKS, "kvm.conf.d")
        result = self.run_engine("plan", "--xml", self.xml_file(), "--config", "win10.conf", "win10",
                                 cwd=directory)
        self.assertIn(directory.encode() + b"/win10.conf:1: foo: unknown key", result.stderr)

    def test_plan_says_when_the_hook_leaves_the_guest_alone(self):
        result = self.run_engine("plan", "--xml", self.xml_file(), "win10")
        self.assertIn(b"leaves this guest alone", result.stdout)

    def test_rehearse(self):
        host = os.path.join(HOSTS, "nvidia-desktop.json")
        result = self.run_engine("rehearse", "--host", host, "win10")
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        text = result.stdout.decode()
        order = ["stop sddm.service", "unload module nvidia_drm", "to vfio-pci",
                 "release win10", "load module nvidia_drm", "start sddm.service",
                 "The host is as it was."]
        place = 0
        for words in order:
            place = text.index(words, place)

    def test_rehearse_says_what_is_wrong(self):
        for arguments in (["--host", "/nonexistent"], ["--host", "/etc/passwd"],
                          ["--host", os.path.join(HOSTS, "emulated.json"), "--xml", "/etc/passwd"]):
            result = self.run_engine("rehearse", *arguments, "win10")
            self.assertEqual(result.returncode, 1, arguments)

    def rehearse(self, *arguments, status=0):
        host = os.path.join(HOSTS, "nvidia-desktop.json")
        result = self.run_engine("rehearse", "--host", host, *arguments)
        text = result.stdout.decode()
        self.assertEqual((result.returncode, result.stderr), (status, b""), text)
        return text

    def test_rehearse_trouble(self):
        text = self.rehearse("--fail", "module_unload nvidia_drm", "win10")
        for words in ("prepare: failed", "injected fault", "start sddm.service",
                      "The host is as it was."):
            self.assertIn(words, text)
        text = self.rehearse("--hold", "player")
        for words in ("prepare: failed", "player.service", "The host is as it was."):
            self.assertIn(words, text)
        text = self.rehearse("--fail", "unit_start sddm", status=1)
        for words in ("stuck: ", "unit sddm.service", "The host is not as it was."):
            self.assertIn(words, text)

    def test_rehearse_kill(self):
        """Killed in prepare, libvirt's release puts things back; killed in release, recover."""
        scratch = os.path.join(ROOT, "scratch")
        os.mkdir(scratch)
        self.enterContext(unittest.mock.patch.dict(os.environ, TMPDIR=scratch))
        text = self.rehearse("--kill", "module_unload nvidia_drm")
        self.assertLess(text.index("prepare: killed"), text.index("load module nvidia_drm"))
        self.assertNotIn("unload module nvidia_drm", text)
        self.assertIn("The host is as it was.", text)
        text = self.rehearse("--kill", "unit_start sddm")
        self.assertLess(text.index("release: killed"), text.index("release: done"))
        self.assertLess(text.index("release: killed"), text.index("start sddm.service"))
        self.assertIn("The host is as it was.", text)
        self.assertEqual([], os.listdir(scratch))

    def test_rehearse_of_no_such_step(self):
        host = os.path.join(HOSTS, "nvidia-desktop.json")
        result = self.run_engine("rehearse", "--host", host, "--kill", "no such step")
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"\n  unit_stop sddm.service\n", result.stdout)
        self.assertIn(b"no such step", result.stderr)
        result = self.run_engine("rehearse", "--host", host, "--kill", "a", "--fail", "b")
        self.assertEqual((result.returncode, result.stdout), (64, b""))

    def test_rehearse_of_the_sample(self):
        os.makedirs(os.path.join(ROOT, "data"))
        os.symlink(HOSTS, os.path.join(ROOT, "data", "hosts"))
        result = self.run_engine("rehearse")
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertIn(b"nvidia-desktop.json; nothing of this machine", result.stdout)
        self.assertIn(b"\nThe host is as it was.\n", result.stdout)
        result = self.run_engine("rehearse", "no-such-guest")
        self.assertTrue(result.stdout.startswith(b"Not on this host: "), result.stdout)
        self.assertIn(b"\nThe host is as it was.\n", result.stdout)

    def test_rehearse_of_this_host(self):
        """A copy of this host, whatever it has, with a guest that takes nothing of it."""
        result = self.run_engine("rehearse", "--xml", self.xml_file(), "win10")
        if b"this host has no PCI device" in result.stdout:
            self.skipTest("no PCI device here")
        self.assertEqual((result.returncode, result.stderr), (0, b""), result.stdout)
        self.assertIn(b"Simulated copy of this host", result.stdout)

    def make_journal(self):
        """A journal with one preparation."""
        directory = os.path.join(ROOT, "journal")
        if not journals.make(directory, (1795356000, "prepare", "t", [
                ("prepare-begin", 0, None, "begins"),
                ("step", 500, 500, "stop sddm.service", "STEP=unit"),
                ("step", 1000, 250, "hand 0000:09:00.0 from nvidia-a-long-name to vfio-pci",
                 "STEP=device"),
                ("prepare-end", 1000, 1000, "the guest can start")])):
            self.skipTest("no systemd-journal-remote")
        return directory

    def test_timeline(self):
        directory = self.make_journal()
        result = self.run_engine("timeline", "--journal", directory, "win10",
                                 env={**os.environ, "LC_ALL": "C", "TZ": "UTC"})
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertEqual(result.stdout.decode().splitlines(), [
            "win10: prepare, 2026-11-22 14:00:00, 1.000 s: done",
            "   0.500 s  stop sddm.service                    " + "#" * 15,
            "   0.250 s  hand 0000:09:00.0 from nvidia-a-lon~ " + " " * 22 + "#" * 8])
        runs = json.loads(self.run_engine("timeline", "--json", "--journal", directory,
                                          "win10").stdout)["runs"]
        self.assertEqual([step["start_usec"] for step in runs[0]["steps"]], [0, 750000])
        picture = os.path.join(ROOT, "timeline.svg")
        for arguments, status in (([], 0), ([], 1), (["--force"], 0)):
            result = self.run_engine("timeline", *arguments, "--journal", directory, "--svg",
                                     picture, "win10")
            self.assertEqual((result.returncode, result.stdout), (status, b""))
        names = {element.tag.rpartition("}")[2]
                 for element in xml.etree.ElementTree.parse(picture).iter()}
        self.assertEqual(names, {"svg", "rect", "text"})
        result = self.run_engine("timeline", "--journal", directory, "other")
        self.assertIn(b"no run of other", result.stdout)
        none = os.path.join(ROOT, "none.svg")
        self.assert_one_line(self.run_engine("timeline", "--journal", directory, "--svg", none,
                                             "other"), "no run of other")
        self.assertFalse(os.path.exists(none))
        self.assert_one_line(self.run_engine("timeline", "--journal", "/nonexistent", "win10"),
                             "journal")

    def test_snapshot(self):
        host = os.path.join(HOSTS, "nvidia-desktop.json")
        path = os.path.join(ROOT, "host.json")
        self.assert_silent(self.run_engine("snapshot", "--host", host, path))
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        printed = self.run_engine("snapshot", "--host", host)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), printed.stdout)
        again = self.run_engine("snapshot", "--host", host, path)
        self.assert_one_line(again, path, "--force")
        self.assert_silent(self.run_engine("snapshot", "--force", "--host", host, path))
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        result = self.run_engine("rehearse", "--host", path, "--xml",
                                 host.replace(".json", ".xml"), "win10")
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn(b"The host is as it was.", result.stdout)

    def test_snapshot_of_this_host_and_of_a_tree(self):
        for arguments in ([], ["--root", ROOT]):
            result = self.run_engine("snapshot", *arguments)
            self.assertEqual((result.returncode, result.stderr), (0, b""))
            snapshot = json.loads(result.stdout)
            self.assertEqual(snapshot["version"], 1)
            with open(os.path.join(ROOT, "host.json"), "wb") as file:
                file.write(result.stdout)
            again = self.run_engine("snapshot", "--host", os.path.join(ROOT, "host.json"))
            self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(snapshot.get("functions", []), [])

class Locking(Engine):
    def test_a_second_call_waits_its_turn(self):
        """The first holds the lock while its script runs; the second waits and then succeeds."""
        self.configure()
        self.script("prepare", "begin", "sleep 2\n")
        first = subprocess.Popen([ENGINE, "hook", "win10", "prepare", "begin", "-"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        first.stdin.write(domain())
        first.stdin.close()
        second = self.hook("release", "end")
        self.assert_silent(second)
        self.assertEqual(first.wait(timeout=60), 0)
        first.stdout.close()
        first.stderr.close()


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    tap.main()
