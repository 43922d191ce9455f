# SPDX-License-Identifier: GPL-2.0-or-later
"""The project's own files, as the style tests see them."""
import os
import re

ROOT = os.environ["SOURCE_ROOT"]


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


def files(*folders, end=""):
    """Names below the folders, relative to the root, sorted."""
    found = []
    for folder in folders or ("hook", "lib", "conf", "tests", ".ci"):
        for path, dirs, names in os.walk(os.path.join(ROOT, folder)):
            dirs[:] = [name for name in dirs if name != "__pycache__"]
            found += [os.path.relpath(os.path.join(path, name), ROOT) for name in names]
    return sorted(name for name in found if name.endswith(end))


def scripts():
    """Shell scripts, by their first line or by what they tell shellcheck."""
    found = []
    for name in files():
        with open(os.path.join(ROOT, name), "rb") as file:
            if re.match(rb"#!.*[/ ](ba|da)?sh\b|.*\n# shellcheck shell=", file.read(200)):
                found.append(name)
    return found


def without(name, strings=True):
    """A C file with comments, and if asked what is in strings, blanked, line by line the same."""
    def blank(match):
        text = match.group()
        if text[0] == "/":
            return re.sub(r"[^\n]", " ", text)
        return text[0] + " " * (len(text) - 2) + text[-1] if strings else text
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank,
                  read(name), flags=re.DOTALL)


def manual_verbs():
    """Options by verb, from the manual's synopsis, which a test holds to the verb table."""
    page = read("hook/man/virt-handoff.8.scd")
    synopsis = page[page.index("# SYNOPSIS"):page.index("# DESCRIPTION")]
    return {verb: sorted(re.findall(r"--\w[\w-]*", rest))
            for verb, rest in re.findall(r"^\*virt-handoff\* (\w+)(.*)", synopsis, re.M)}
