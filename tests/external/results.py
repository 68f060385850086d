"""What the suites say, a row of a table each. As a program: results.py DOCUMENT ROWS compares what the suites said with the document's table.

Each row that was said has to stand in the document. Each row of the document has to be said, unless `--some-skipped` tells that not every suite ran.
"""

import os
import sys
import traceback
from pathlib import Path


def report(*rows):
    """Prints rows, and puts them behind those in the file that COMITY_RESULTS names."""
    print("\n".join(rows), flush=True)
    if os.environ.get("COMITY_RESULTS"):
        with open(os.environ["COMITY_RESULTS"], "a", encoding="utf-8") as file:
            file.writelines(row + "\n" for row in rows)


def failures(checks):
    """Runs checks, pairs of a name and a function, and counts those that fail. One that fails in whatever way must not hide the others."""
    failed = 0
    for name, check in checks:
        try:
            check()
        except Exception:
            failed += 1
            print(f"FAILED {name}\n{traceback.format_exc()}", flush=True)
        else:
            print(f"ok     {name}", flush=True)
    return failed


def rows_of(path):
    """The rows of the tables in a file, less those at their heads."""
    lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    heads = {at + step for at, line in enumerate(lines) if line.startswith("|---") for step in (-1, 0)}
    return [line for at, line in enumerate(lines) if line.startswith("|") and at not in heads]


def compare(document, said, some_skipped):
    written, found = rows_of(document), rows_of(said)
    unwritten = [row for row in found if row not in written]
    unsaid = [row for row in written if row not in found]
    for row in unwritten:
        print(f"said, and not in {document}:\n  {row}")
    for row in unsaid:
        print(f"in {document}, and not said{' in this run' if some_skipped else ''}:\n  {row}")
    print(f"{len(found) - len(unwritten)} of {len(written)} rows of {document} are what the suites say")
    return 1 if unwritten or (unsaid and not some_skipped) else 0


if __name__ == "__main__":
    sys.exit(compare(sys.argv[1], sys.argv[2], "--some-skipped" in sys.argv[3:]))
