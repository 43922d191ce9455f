# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/tally.py: nothing that went wrong is counted as well."""
import unittest

import tally
import tap


class Tally(unittest.TestCase):
    def check(self, result, stdout, expected):
        counts, bad = tally.tally({"name": "x", "result": result, "stdout": stdout})
        self.assertEqual(counts, expected)
        self.assertEqual(len(bad), expected[1])

    def test_points(self):
        self.check("OK", "1..2\nok 1 /a\nok 2 /b\n", (2, 0, 0))
        self.check("OK", "# x\nok 1 a\nok 2 b # SKIP no root\nok 3\n1..3\n", (2, 0, 1))
        self.check("FAIL", "1..2\nok 1 a\nnot ok 2 b\n", (1, 1, 0))
        self.check("OK", "1..1\nnot ok 1 a # TODO later\n", (0, 0, 0))

    def test_died(self):
        self.check("ERROR", "1..2\nok 1 a\nBail out!\n", (1, 1, 0))
        self.check("TIMEOUT", "1..2\nok 1 a\n", (1, 1, 0))
        self.check("ERROR", None, (0, 1, 0))

    def test_plain(self):
        self.check("OK", "ok whatever\n", (1, 0, 0))
        self.check("OK", None, (1, 0, 0))
        self.check("SKIP", "", (0, 0, 1))
        self.check("EXPECTEDFAIL", "", (1, 0, 0))
        self.check("FAIL", "", (0, 1, 0))
        self.check("INTERRUPT", "", (0, 1, 0))
        self.check("UNEXPECTEDPASS", "", (0, 1, 0))

    def test_last_words(self):
        words = list(tally.last_words({"stdout": "1..2\nok 1 a\nnot ok 2 b\n# why\n", "stderr": "x\n" * 99}))
        self.assertEqual(words[:3], ["  1..2", "  not ok 2 b", "  # why"])
        self.assertEqual(len(words), 3 + tally.LAST_LINES)
        self.assertEqual(list(tally.last_words({"stdout": None})), [])


if __name__ == "__main__":
    tap.main()
