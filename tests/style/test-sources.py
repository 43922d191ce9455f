# SPDX-License-Identifier: GPL-2.0-or-later
"""What a reviewer should not have to look for."""
import ast
import re
import shutil
import subprocess
import unittest

import tap
import tree

# Parsers that cannot fail, buffers without an end, shells, and waiting for time instead of facts.
BANNED = re.compile(r"\b(v?sprintf|strcpy|strcat|gets|ato[ilf]|atoll|strto[dflu]\w*|system|popen"
                    r"|u?sleep)\s*\(")
# Standard output is XML for libvirt in the hook, and belongs to hook/ in the command.
PRINTING = re.compile(r"\b(v?printf|puts|putchar|g_print|stdout)\b")
LONGEST_FILE, LONGEST_FUNCTION = 500, 100
# Functions and macros in headers that need no comment.
SELF_EVIDENT = re.compile(r"\w+_(free|quark)$|G_DEFINE_")
# The major version .clang-format is written for; others differ in details.
CLANG_FORMAT = "14"


def sources(*folders):
    return [name for name in tree.files(*folders) if name.endswith((".c", ".h"))]


def found(pattern, text):
    return [f"line {text.count(chr(10), 0, match.start()) + 1}: {match.group()}"
            for match in pattern.finditer(text)]


def functions(name, text):
    """(lines, file, name) of each function; .clang-format puts both braces into column 0."""
    if name.endswith(".py"):
        return [(node.end_lineno - node.lineno + 1, name, node.name)
                for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    if name.endswith((".c", ".h")):
        pattern = re.compile(r"^(?=\w)(?:[^\n;{}]+\n)*?[^\n;{}]*?\b(\w+)\([^;{}]*\)\n\{\n.*?^\}",
                             re.M | re.S)
    else:
        pattern = re.compile(r"^(\w+)\(\) \{.*?^\}", re.M | re.S)
    return [(match.group().strip().count("\n") + 1, name, match.group(1))
            for match in pattern.finditer(text)]


def undocumented(text):
    """Functions of a header in whose paragraph no comment comes first."""
    bad = []
    for paragraph in re.split(r"\n\s*\n", text):
        code = re.sub(r"/\*.*?\*/", lambda match: "@" * match.group().count("\n") + "@",
                      paragraph, flags=re.S)
        match = re.search(r"^(?!typedef|static|struct|enum)[a-zA-Z][^@;{}()]*?\b(\w+)\s*\([^;{}]*;",
                          code, re.M)
        if match and "@" not in code[:match.start()] and not SELF_EVIDENT.match(match.group(1)):
            bad.append(match.group(1))
    return bad


class Sources(unittest.TestCase):
    maxDiff = None

    def none(self, name, problems):
        with self.subTest(file=name):
            self.assertEqual(problems, [])

    def test_bans(self):
        for name in sources("lib", "hook"):
            self.none(name, found(BANNED, tree.without(name)))

    def test_printing(self):
        for name in sources("lib"):
            self.none(name, found(PRINTING, re.sub(r"(?m)^\s*G_GNUC_PRINTF.*|format\(printf", "",
                                                   tree.without(name))))

    def test_licence(self):
        for name in sources("lib", "hook"):
            with self.subTest(file=name):
                self.assertIn("SPDX-License-Identifier: GPL-2.0-or-later",
                              tree.read(name)[:120])

    def test_file_length(self):
        for name in sources() + tree.scripts() + tree.files(end=".py"):
            with self.subTest(file=name):
                self.assertLessEqual(tree.read(name).count("\n"), LONGEST_FILE)

    def test_function_length(self):
        every = []
        for name in sources():
            every += functions(name, tree.without(name))
        for name in tree.scripts() + tree.files(end=".py"):
            every += functions(name, tree.read(name))
        every.sort(reverse=True)
        for lines, name, function in every[:10]:
            print(f"# {lines:4} {name}: {function}")
        self.assertGreater(len(every), 50)
        self.assertEqual([one for one in every if one[0] > LONGEST_FUNCTION], [])

    def test_headers(self):
        for name in tree.files("lib", end=".h"):
            self.assertIn("\n#pragma once\n", tree.read(name))
            if name.endswith("-private.h"):
                continue
            self.none(name, undocumented(tree.read(name)))

    def test_format(self):
        program = shutil.which("clang-format")
        if program is None:
            self.skipTest("no clang-format")
        version = subprocess.run([program, "--version"], capture_output=True, text=True,
                                 check=True).stdout
        if not re.search(rf"version {CLANG_FORMAT}\.", version):
            self.skipTest("this is " + version.strip())
        done = subprocess.run([program, "--dry-run", "-Werror", "--style=file", *sources()],
                              cwd=tree.ROOT, capture_output=True, text=True, check=False)
        self.none("all", sorted(set(re.findall(r"^\S+?:\d+(?=:\d+: error)", done.stderr, re.M))))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_scripts(self):
        program = shutil.which("shellcheck")
        if program is None:
            self.skipTest("no shellcheck")
        done = subprocess.run([program, "-x", "-f", "gcc", *tree.scripts()], cwd=tree.ROOT,
                              capture_output=True, text=True, check=False)
        self.none("all", done.stdout.splitlines())
        self.assertEqual(done.returncode, 0, done.stderr)


class Rules(unittest.TestCase):
    """The rules themselves: each finds what it is for."""
    def test_bans(self):
        for bad in ("sleep(1);", "x = atoi (s);", "strtoul(a, b, 0)", "vsprintf(b, f)"):
            self.assertTrue(found(BANNED, bad), bad)
        for good in ("g_usleep_not(1)", "snprintf(b, 1)", "vh_system(x)", "g_ascii_strtoll(a)"):
            self.assertFalse(found(BANNED, good), good)
        self.assertTrue(found(PRINTING, "fputs(a, stdout)"))
        self.assertFalse(found(PRINTING, "g_string_append_printf(a)"))

    def test_functions(self):
        text = "static int\nf(void)\n{\n    if (a) {\n    }\n}\n\nint a[] = {\n1};\n"
        self.assertEqual(functions("a.c", text), [(6, "a.c", "f")])
        text = "static int f(int a,\n             int b)\n{\n    g();\n}\nint h(void)\n{\n}\n"
        self.assertEqual(functions("a.c", text), [(5, "a.c", "f"), (3, "a.c", "h")])
        self.assertEqual(functions("a", "f() {\n    g\n}\n"), [(3, "a", "f")])
        self.assertEqual(functions("a.py", "def f():\n    g()\n\n    h()\n\nx = 1\n"),
                         [(4, "a.py", "f")])

    def test_headers(self):
        self.assertEqual(undocumented("/* This. */\nint f(int a,\n      int b);\nint g(void);\n"
                                      "\nvoid h_free(int a);\n\ntypedef int (*F)(int a);\n"), [])
        self.assertEqual(undocumented("/* This. */\nint f(void);\n\nint g(void);\n"), ["g"])
        self.assertEqual(undocumented("char *g(int a,\n  int b) G_GNUC_PRINTF(1, 2);\n"), ["g"])


if __name__ == "__main__":
    tap.main()
