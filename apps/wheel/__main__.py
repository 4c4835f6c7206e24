"""`python -m armorm PROGRAM [FLAG...]`, for environments whose scripts are not on the PATH."""

import sys

from armorm import _launch

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in _launch.PROGRAMS:
        found = f"'{sys.argv[1]}' is not a program" if len(sys.argv) > 1 else "no program is named"
        _launch.fail("armorm", f"{found}; expected one of: {', '.join(_launch.PROGRAMS)}", _launch.USAGE)
    _launch.execute(sys.argv[1], sys.argv[2:])
