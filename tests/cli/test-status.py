# SPDX-License-Identifier: GPL-2.0-or-later
"""What is left behind, as it is told and dealt with: status, recover, release and prepare by hand."""
import fcntl
import json
import os
import time
import unittest

import tap
from calls import STATE, UUID, Engine, domain


class Status(Engine):
    def test_status(self):
        self.assertEqual(self.run_engine("status").stdout, b"No guest holds a device.\n")
        self.assertEqual(json.loads(self.run_engine("status", "--json").stdout), {"guests": []})
        self.write_journal('{"begin":1,"kind":"unit","subject":"a.service","args":{},"prior":{}}',
                           '{"stuck":1,"error":"it does not start"}')
        result = self.run_engine("status")
        self.assertEqual(result.returncode, 1)
        for word in (b"win10: stuck", b"it does not start", b"virt-handoff release win10"):
            self.assertIn(word, result.stdout)
        guest = json.loads(self.run_engine("status", "--json", "win10").stdout)["guests"][0]
        self.assertEqual((guest["state"], guest["steps"][0]["state"]), ("stuck", "stuck"))

    def test_another_guest_than_the_one_named(self):
        self.configure(guest="win11")
        self.assertEqual(self.run_engine("status", "win11").stdout, b"This guest holds no device.\n")
        self.write_journal('{"prepared":true}')
        result = self.run_engine("status", "win11")
        self.assertEqual((result.returncode, result.stdout),
                         (0, b"win11 holds nothing; win10 does: virt-handoff release win10\n"))
        result = self.run_engine("status", "--json", "win11")
        self.assertEqual((result.returncode, json.loads(result.stdout)), (0, {"guests": []}))
        self.assert_one_line(self.run_engine("release", "win11"), "virt-handoff: win11: this guest "
                             "holds nothing; win10 does: virt-handoff release win10")
        self.write_journal('{"prepared":true}', guest="arch", uuid=UUID.replace("1", "2"))
        self.assert_one_line(self.run_engine("release", "win11"),
                             "holds nothing; arch, win10 do: virt-handoff status")
        self.assert_silent(self.hook("release", "end", guest="win11", xml=b""))

    def test_no_such_guest(self):
        """A slip in the name is not to look like a guest that has nothing to give back."""
        for others in (False, True):
            for verb in (["status"], ["status", "--json"], ["release"], ["timeline"]):
                result = self.run_engine(*verb, "mistyped")
                self.assertEqual(result.returncode, 1, (verb, result))
                text = (result.stdout + result.stderr).decode()
                if others and verb[0] != "timeline":
                    words = '"guests" : []' if "--json" in verb else "win10 does: virt-handoff release"
                    self.assertIn(words, " ".join(text.split()), verb)
                elif "cannot open" not in text:  # the systemd journal, where there is none
                    self.assertIn("virt-handoff: mistyped: there is no such guest: see virsh list "
                                  "--all\n", text, verb)
            self.write_journal('{"prepared":true}')
        self.configure(guest="mistyped")
        self.assertEqual(self.run_engine("status", "mistyped").returncode, 0)

    def test_status_of_what_is_not_given_back_yet(self):
        for line, state, words in (
                ("", "prepared", "start the guest, or give everything back"),
                ('{"released":true}', "released", "it is given back after another hand-over"),
                ('{"undone":1}', "unfinished", "it was cut off: "),
                ('{"undone":1}\n{"released":true}', "released", "after another"),
                ('{"released":true}\n{"daemon":{"pid":1,"start":1}}', "prepared", "start the"),
                ('{"undone":1,"again":true}', "unfinished", "it was cut off: "),
                ('{"returns":true}', "unfinished", "it was cut off: ")):
            self.write_journal(
                '{"begin":1,"kind":"unit","subject":"a.service","args":{},"prior":{}}',
                '{"done":1}\n{"prepared":true}', line)
            result = self.run_engine("status")
            text = result.stdout.decode()
            self.assertRegex(text, f"^win10: {state}, since ")
            self.assertIn(words, text)
            self.assertEqual(result.returncode, int(state == "unfinished"))
            guest = json.loads(self.run_engine("status", "--json").stdout)["guests"][0]
            self.assertEqual((guest["state"], guest["steps"][0]["state"]),
                             (state, "undone" if "undone" in line else "done"))

    def test_status_tells_what_is_under_way_from_what_was_cut_off(self):
        self.write_journal()
        with open(os.path.join(STATE, "lock"), "wb") as lock:
            for how, words, status in (
                    (fcntl.LOCK_EX, "a hand-over is under way; if nothing moves", 0),
                    (fcntl.LOCK_SH, "  it was cut off: virt-handoff release win10", 1),
                    (fcntl.LOCK_UN, "  it was cut off: virt-handoff release win10", 1)):
                fcntl.flock(lock, how)
                result = self.run_engine("status")
                self.assertIn(words, result.stdout.decode())
                self.assertEqual(result.returncode, status)
                result = self.run_engine("status", "--json")
                self.assertEqual(result.returncode, status)
                self.assertEqual(json.loads(result.stdout)["guests"][0]["state"], "unfinished")

    def test_status_says_since_when(self):
        for age, words in ((5, "(less than a minute)"), (125, "(2 min)"), (7500, "(2 h 5 min)"),
                           (97200, "(1 day 3 h)"), (180000, "(2 days 2 h)"), (-9000, None)):
            self.write_journal(since=int(time.time()) - age)
            first = self.run_engine("status").stdout.decode().splitlines()[0]
            self.assertRegex(first, r"^win10: unfinished, since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
            if words:
                self.assertTrue(first.endswith(words), first)
            else:
                self.assertNotIn("(", first)

    def test_release_of_nothing(self):
        self.configure()
        result = self.run_engine("release", "win10")
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertIn(b"nothing is to be given back", result.stdout)

    def test_recover_of_nothing(self):
        result = self.run_engine("recover")
        self.assertEqual((result.returncode, result.stdout), (0, b"Nothing is left behind.\n"))

    def test_recover_says_it_once(self):
        """A release that was cut off before anything had come back."""
        self.write_journal('{"begin":1,"kind":"holders","subject":"x","args":{},"prior":{}}',
                           '{"done":1}\n{"prepared":true}\n{"returns":true}')
        result = self.run_engine("recover")
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertIn(b"win10 was left behind: its release got stuck, or was cut off", result.stdout)
        self.assertEqual(result.stdout.count(b"giving everything back"), 1, result.stdout)
        self.assertNotIn(b"left alone", result.stdout)
        self.assertEqual(["lock"], os.listdir(STATE))

    def test_recover_names_what_it_leaves(self):
        self.write_journal('{"prepared":true}\n{"daemon":{"pid":0,"start":0}}')
        result = self.run_engine("recover")
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertEqual(b" ".join(result.stdout.split()), b"win10 is left alone: it is prepared to "
                         b"start. If nothing follows: virt-handoff release win10")

    def test_refusal_is_said_once(self):
        self.configure()
        path = self.xml_file(domain(devices=["0000:7f:1f.7"]))
        result = self.run_engine("prepare", "--xml", path, "win10")
        self.assert_one_line(result, "win10: not started, nothing was touched: ")


if __name__ == "__main__":
    tap.main()
