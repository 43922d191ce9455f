# SPDX-License-Identifier: GPL-2.0-or-later
"""Composes tests/RESULTS.md from what the tests say of themselves: results.py RESULT-FILE LOG…

A log is the testlog.json of meson test or the output of tests/vm/run; what counts in it are lines
like "# result: AREA | SCENARIO | COUNT | OUTCOME". Counts of equal lines are added up. An area that
no log tells of stays in the file as it is; so does a scenario of an area that is told in part."""
import json
import re
import sys

LINE = re.compile(r"^# result: ([^|\n]+) \| ([^|\n]+) \| (\d+) \| ([^|\n]+)$", re.MULTILINE)
ROW = re.compile(r"^\| ([^|]+) \| (\d+) \| ([^|]+) \|$")
# An area that a run may tell in part: its other scenarios are kept.
IN_PART = re.compile(r"^emulated host")
HEAD = """# What the tests showed

Written by `tests/run` itself: what was tried, how often, and what came of it. Nothing in here is
written by hand. A run that fails says so in its output, and here.
"""


def lines_of(path):
    """The text of a log, whichever it is."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if not text.startswith("{"):
        return text
    return "\n".join((json.loads(line).get("stdout") or "") for line in text.splitlines())


def read_results(text):
    """{area: {(scenario, outcome): count}} of a log's text."""
    areas = {}
    for area, scenario, count, outcome in LINE.findall(text):
        rows = areas.setdefault(area.strip(), {})
        key = (scenario.strip(), outcome.strip())
        rows[key] = rows.get(key, 0) + int(count)
    return areas


def read_file(text):
    """The same of the file."""
    areas, rows = {}, None
    for line in text.splitlines():
        if line.startswith("## "):
            rows = areas.setdefault(line[3:], {})
        match = ROW.match(line)
        if match and rows is not None:
            rows[(match[1], match[3])] = int(match[2])
    return areas


def merge(old, new):
    merged = dict(old)
    for area, rows in new.items():
        told = {scenario.split(":")[0] for scenario, _ in rows}
        kept = {key: count for key, count in old.get(area, {}).items()
                if IN_PART.match(area) and key[0].split(":")[0] not in told}
        merged[area] = kept | rows
    return merged


def compose(areas):
    parts = [HEAD]
    for area in sorted(areas):
        rows = areas[area]
        parts.append(f"\n## {area}\n\n| tried | times | outcome |\n| --- | ---: | --- |\n")
        parts += [f"| {scenario} | {count} | {outcome} |\n"
                  for (scenario, outcome), count in sorted(rows.items())]
        if len(rows) > 1:
            parts.append(f"\nIn all: {sum(rows.values())}.\n")
    return "".join(parts)


def summary(areas):
    """A line for each area that this run told of."""
    for area, rows in sorted(areas.items()):
        bad = sum(count for (_, outcome), count in rows.items() if outcome == "FAILED")
        yield f"{area}: tried {sum(rows.values())} times, {bad} failed"


def main(path, logs):
    try:
        with open(path, encoding="utf-8") as file:
            areas = read_file(file.read())
    except FileNotFoundError:
        areas = {}
    new = {}
    for log in logs:
        for area, rows in read_results(lines_of(log)).items():
            for key, count in rows.items():
                into = new.setdefault(area, {})
                into[key] = into.get(key, 0) + count
    with open(path, "w", encoding="utf-8") as file:
        file.write(compose(merge(areas, new)))
    for line in summary(new):
        print(line)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
