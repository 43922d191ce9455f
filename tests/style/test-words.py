# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said about the program elsewhere: in the catalog and the man pages."""
import os
import re
import subprocess
import unittest

import tap
import tree


def catalog():
    """Text of each entry by message id; an id that comes twice is an error."""
    entries = {}
    text = re.sub(r"^#.*\n", "", tree.read("conf/virt-handoff.catalog"), flags=re.M)
    for entry in re.split(r"^-- ", text, flags=re.M)[1:]:
        name, _, body = entry.partition("\n")
        if name in entries:
            raise ValueError("twice in the catalog: " + name)
        entries[name] = body
    return entries


class Catalog(unittest.TestCase):
    def test_every_event_has_an_entry(self):
        ids = re.findall(r'"([0-9a-f]{32})"', tree.read("lib/base/event.c"))
        self.assertGreater(len(ids), 5)
        self.assertEqual(sorted(catalog()), sorted(ids))

    def test_every_entry_says_what_to_do(self):
        for name, body in catalog().items():
            with self.subTest(entry=name):
                head, _, text = body.partition("\n\n")
                self.assertRegex(head, r"\ASubject: .*@GUEST@")
                self.assertIn("\nDefined-By: virt-handoff", head)
                self.assertIn("\nDocumentation: man:virt-handoff(8)", head)
                advice = re.search(r"Nothing is to be done|^    virt-handoff \w+ @GUEST@$", text,
                                   re.M)
                self.assertIsNotNone(advice)

    def test_only_fields_that_are_always_there(self):
        for name, body in catalog().items():
            self.assertEqual(set(re.findall(r"@\w+@", body)), {"@GUEST@"}, name)


class Manual(unittest.TestCase):
    def test_every_key_is_described(self):
        try:
            keys = tree.read("lib/config/keys.c")
        except FileNotFoundError:
            self.skipTest("no key table yet")
        page = tree.read("hook/man/virt-handoff-kvm.conf.5.scd")
        table = keys[keys.index("const VhKey vh_keys[]"):]
        names = re.findall(r'^    \{\.name = "(\w+)"', table, re.M)
        section = page[page.index("# KEYS"):].split("\n# ")[0]
        heads = re.findall(r"^\*.*", section, re.M)
        described = [name for head in heads for name in re.findall(r"\*(\w+)\*", head)]
        self.assertEqual(described, names)

    def test_later_keys_say_so(self):
        try:
            keys = tree.read("lib/config/keys.c")
        except FileNotFoundError:
            self.skipTest("no key table yet")
        page = tree.read("hook/man/virt-handoff-kvm.conf.5.scd")
        for entry in re.findall(r'\{\.name = "\w+".*?\}', keys, re.S):
            name = re.search(r'"(\w+)"', entry).group(1)
            text = re.search(rf"^\*(?:.*\*)?{name}\*.*\n((?:\t.*\n)+)", page, re.M)
            if text:
                later = "later" in entry
                self.assertEqual("ot yet\n\tsupported" in text[1] or "ot yet supported" in text[1],
                                 later, name)


    def test_verbs(self):
        """The verb table is the list of verbs and of their options."""
        table = tree.read("hook/virt-handoff.c")
        table = table[table.index("VhVerb verbs[]"):table.index("};")]
        # Two things that --force can mean.
        table = re.sub(r"VH_OPTION_FORCE \|\s+VH_OPTION_REPLACE|VH_OPTION_REPLACE", "VH_OPTION_FORCE",
                       table)
        verbs = {verb: sorted("--" + option.lower().replace("_", "-")
                              for option in re.findall(r"VH_OPTION_(\w+)", rest))
                 for verb, rest in re.findall(r'\{"([\w-]+)", "[^"]*",\s*"(.*?)\}', table, re.S)}
        self.assertEqual(tree.manual_verbs(), verbs)


if __name__ == "__main__":
    tap.main()
