# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the unittest cases of the main module and prints TAP, which meson counts one by one."""
import sys
import traceback
import unittest


class TapResult(unittest.TestResult):
    count = 0

    def line(self, good, test, remark=""):
        self.count += 1
        name = test.id().removeprefix("__main__.").replace("#", "")
        print("ok" if good else "not ok", self.count, "-", name.encode("ascii", "replace").decode(),
              remark, flush=True)

    def explain(self, test, err):
        self.line(False, test)
        for text in "".join(traceback.format_exception(*err)).splitlines():
            print("#", text.encode("ascii", "backslashreplace").decode(), flush=True)

    def addSuccess(self, test):
        self.line(True, test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line(True, test, "# SKIP " + reason)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.explain(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self.explain(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.explain(subtest, err)


def main():
    """Arguments are names of cases or tests; none: all."""
    loader = unittest.TestLoader()
    module = sys.modules["__main__"]
    names = sys.argv[1:]
    suite = (loader.loadTestsFromNames(names, module) if names
             else loader.loadTestsFromModule(module))
    result = TapResult()
    suite.run(result)
    print(f"1..{result.count}")
    sys.exit(not result.wasSuccessful())
