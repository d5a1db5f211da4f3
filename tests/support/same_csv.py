"""same_csv.py FILE.csv FILE.jsonl: exits 1 unless both hold the same records, as Python's own parsers read them.

An object is spread over columns "object.field", an array is its JSON, null is empty.
"""
import csv
import json
import sys


def flatten(record, prefix=""):
    for name, value in record.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def cell(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, separators=(",", ":")) if isinstance(value, list) else str(value)


with open(sys.argv[1], newline="") as rows, open(sys.argv[2]) as lines:
    reader = csv.reader(rows, strict=True)
    header = next(reader)
    count = 0
    for row, line in zip(reader, lines, strict=True):
        # Numbers keep their text: 0.50 is not 0.5.
        fields = dict(flatten(json.loads(line, parse_float=str, parse_int=str)))
        if list(fields) != header or [cell(value) for value in fields.values()] != row:
            sys.exit(f"record {count}: {row} is not {line}")
        count += 1
    if count == 0:
        sys.exit("no records")
