# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/results.py: what was tried is told, and a run of a part forgets nothing."""
import contextlib
import io
import json
import os
import tempfile
import unittest

import results
import tap


class Results(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "RESULTS.md")

    def write(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def run_with(self, *texts):
        logs = [self.write(str(i), text) for i, text in enumerate(texts)]
        self.printed = io.StringIO()
        with contextlib.redirect_stdout(self.printed):
            results.main(self.path, logs)
        with open(self.path, encoding="utf-8") as file:
            return file.read()

    def test_added_up_and_sorted(self):
        one = {"name": "a", "stdout": "1..1\n# result: faults | b | 3 | back\nok 1\n"
                                      "# result: faults | a | 1 | back\n"}
        two = {"name": "b", "stdout": "# result: faults | b | 4 | back\n# no result: x | y | 1 | z"}
        text = self.run_with(json.dumps(one) + "\n" + json.dumps(two) + "\n"
                             + json.dumps({"name": "c", "stdout": None}))
        self.assertIn("## faults\n\n| tried | times | outcome |\n| --- | ---: | --- |\n"
                      "| a | 1 | back |\n| b | 7 | back |\n\nIn all: 8.\n", text)

    def test_printed(self):
        self.run_with("# result: faults | a | 3 | back\n# result: faults | b | 4 | back\n",
                      "# result: emulated host | x | 1 | FAILED\n")
        self.assertEqual(self.printed.getvalue(), "emulated host: tried 1 times, 1 failed\n"
                                                  "faults: tried 7 times, 0 failed\n")

    def test_again_is_the_same(self):
        log = "# result: faults | a | 1 | back\n# result: emulated host | x: y | 1 | survived\n"
        self.assertEqual(self.run_with(log), self.run_with(log))

    def test_parts(self):
        """Counts are of this run; the emulated host's scenarios, and whole areas, are kept."""
        self.run_with("# result: faults | a | 1 | back\n",
                      "# result: emulated host | x | 1 | failed\n"
                      "# result: emulated host | y | 1 | survived\nok y 3 s\n")
        text = self.run_with("# result: faults | b | 2 | back\n")
        self.assertNotIn("| a |", text)
        self.assertIn("| x | 1 | failed |\n| y | 1 | survived |", text)
        text = self.run_with("# result: emulated host | x: new | 1 | survived\n")
        self.assertIn("| b | 2 | back |", text)
        self.assertIn("| x: new | 1 | survived |\n| y | 1 | survived |", text)


if __name__ == "__main__":
    tap.main()
