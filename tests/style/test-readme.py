# SPDX-License-Identifier: GPL-2.0-or-later
"""README.md names nothing that is not there."""
import os
import re
import unittest

import tap
import tree

PATH = re.compile(r"(?<![\w/.$])((?:hook|lib|conf|tests|\.ci)/[\w./*-]*[\w*])")


class Readme(unittest.TestCase):
    def test_files(self):
        text = tree.read("README.md")
        names = set(PATH.findall(text)) | set(re.findall(r"\]\((?!https?:)([^)#]+)\)", text))
        self.assertIn("conf/setup", names)
        self.assertIn("tests/run", names)
        self.assertEqual([name for name in sorted(names)
                          if not os.path.exists(os.path.join(tree.ROOT, name))], [])


if __name__ == "__main__":
    tap.main()
