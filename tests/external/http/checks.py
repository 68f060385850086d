"""What a check is made of, and how checks are run."""

import time
import traceback


def same(found, expected, what):
    assert found == expected, f"{what}: found {found!r}, expected {expected!r}"


def soon(true, what, seconds=5):
    """Waits until something holds."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"not within {seconds} s: {what}"
        time.sleep(0.01)


def each(rows):
    """The check is made for each row of a table; a row's first value is its name."""

    def mark(check):
        check.rows = rows
        return check

    return mark


def only(mode):
    """The check is made in one mode."""

    def mark(check):
        check.mode = mode
        return check

    return mark


def checks_of(module, mode):
    """Name and check, in the order in which they are written."""
    for name, check in list(vars(module).items()):
        if name.startswith("check_") and getattr(check, "mode", mode) == mode:
            title = name.removeprefix("check_").replace("_", " ")
            for row in getattr(check, "rows", [()]):
                yield f"{title}: {row[0]}" if row else title, check, row[1:]


def run(module, comity, upstream):
    """Runs a module's checks against one server. Returns how many passed, and how many failed."""
    counts = [0, 0]
    for name, check, arguments in checks_of(module, comity.mode):
        upstream.begin()
        began = time.monotonic()
        try:
            check(comity, upstream, *arguments)
            assert not upstream.wrong, f"the model server got {upstream.wrong}"
        except Exception:  # a check that fails in whatever way must not hide the others
            counts[1] += 1
            print(f"FAILED {comity.mode}: {name}\n{traceback.format_exc()}", flush=True)
        else:
            counts[0] += 1
            print(f"ok     {comity.mode}: {name} ({time.monotonic() - began:.1f} s)", flush=True)
    return counts
