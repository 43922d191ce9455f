# SPDX-License-Identifier: GPL-2.0-or-later
"""What verbs print about recorded hosts, compared with tests/fixtures/golden/NAME.

Names of PCI devices differ from one pci.ids to the next, so a golden file has places for them, which
are filled from the list of this machine, read here independently of the library that the program
uses: <10de:2489> stands for the name, <10de:2489+> for the name with its numbers, <0300> for the
class with its number.
"""
import os
import re
import subprocess

ROOT = os.environ["SOURCE_ROOT"]
ENGINE = os.environ["ENGINE_UNDER_TEST"]


def sample(host):
    return os.path.join(ROOT, "conf", "hosts", host + ".json")


def run(*arguments, **options):
    return subprocess.run([ENGINE, *arguments], capture_output=True, text=True, timeout=60,
                          check=False, **options)


def read_names():
    """Names by "vendor", "vendor:device" and "C class"; empty where there is no list."""
    names, above = {}, ""
    try:
        with open(os.environ["PCI_IDS"], encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return names
    for line in lines:
        match = re.match(r"(C )?([0-9a-f]{2,4})  (.*)", line)
        if match:
            above = (match[1] or "") + match[2]
            names[above] = match[3]
        match = re.match(r"\t([0-9a-f]{2,4})  (.*)", line)
        if match:
            names[above + ("" if above.startswith("C ") else ":") + match[1]] = match[2]
    return names


NAMES = read_names()


def device(vendor, number, ids):
    """As lspci writes it, with numbers (-nn) or without."""
    name, one = NAMES.get(vendor), NAMES.get(f"{vendor}:{number}")
    both = f"{vendor}:{number}"
    if name and one:
        return f"{name} {one}" + (f" [{both}]" if ids else "")
    if ids:
        return (name + " " if name else "") + f"Device [{both}]"
    return f"{name} Device {number}" if name else "Device " + both


def class_name(number):
    one, base = NAMES.get("C " + number), NAMES.get("C " + number[:2])
    return f"{one} [{number}]" if one else f"{base} [{number}]" if base else f"Class [{number}]"


def fill(text, quote=lambda name: name):
    text = re.sub(r"<(\w{4}):(\w{4})(\+?)>", lambda m: quote(device(m[1], m[2], m[3])), text)
    return re.sub(r"<(\w{4})>", lambda m: quote(class_name(m[1])), text)


def expected(name, quote=lambda name: name):
    """The golden file's text, filled; @quote makes a name what it is in the file's format."""
    with open(os.path.join(ROOT, "tests", "fixtures", "golden", name), encoding="utf-8") as file:
        return fill(file.read(), quote)
