"""Prints what was measured: table.py table|json FILE, of rows as figures.h writes them. `table.py conditions COMMAND`
writes the rows that say where and when."""

import json
import os
import platform
import sys
import time

UNIT_STEPS = {"B": ["B", "kB", "MB", "GB"]}


def conditions(command):
    with open("/proc/loadavg", encoding="ascii") as f:
        load = f.read().split()[0]
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as f:
        models = [line.split(":", 1)[1].strip() for line in f if line.startswith("model name")]
    rows = [
        ("command", command.strip()),
        ("date", time.strftime("%Y-%m-%d %H:%M %Z")),
        ("machine", f"{os.cpu_count()} x {models[0] if models else platform.machine()}, Linux {platform.release()}"),
        ("load before", load),
    ]
    for what, text in rows:
        print(json.dumps({"part": "Conditions", "what": what, "text": text}))


def figure(row):
    if "text" in row:
        return row["text"]
    value, unit = row["value"], row["unit"]
    steps = UNIT_STEPS.get(unit, [unit])
    while len(steps) > 1 and value >= 10000:
        value, steps = value / 1000, steps[1:]
    text = f"{value:.0f}" if value == int(value) else f"{value:.2f}" if value >= 1 else f"{value:.3f}"
    return f"{text} {steps[0]}".strip()


def print_columns(members):
    """Rows of several figures each, with a heading."""
    columns = ["n", "median", "p90", "p99", "longest"]
    cells = [[row["what"]] + [figure({"value": row[c], "unit": ""}) for c in columns] for row in members]
    cells.insert(0, ["  in " + members[0]["unit"]] + columns)
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns) + 1)]
    for line in cells:
        print("  " + line[0].ljust(widths[0]) + "".join(f"  {c:>{w}}" for c, w in zip(line[1:], widths[1:])))


def print_table(rows):
    parts = {}
    for row in rows:
        parts.setdefault(row["part"], []).append(row)
    first = True
    for part, members in parts.items():
        if not first:
            print()
        first = False
        print(part)
        if "median" in members[0]:
            print_columns(members)
            continue
        width = max(len(row["what"]) for row in members)
        figures = [figure(row) for row in members]
        column = min(max(map(len, figures)), 14)
        for row, text in zip(members, figures):
            note = f"   {row['note']}" if row.get("note") else ""
            print(f"  {row['what']:<{width}}  {text:>{column}}{note}" if "text" not in row else f"  {row['what']:<{width}}  {text}")


def main():
    what, argument = sys.argv[1:3]
    if what == "conditions":
        conditions(argument)
        return
    with open(argument, encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    if what == "json":
        json.dump(rows, sys.stdout, indent=1)
        print()
    else:
        print_table(rows)


main()
