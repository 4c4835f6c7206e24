"""Replaces the Python process by one of the wheel's programs, so that signals, exit codes and standard streams are its own.

The programs load LibTorch and Arrow from the installed wheels of torch and pyarrow. Their C++ interfaces change with each
version, and a loader that finds another one reports a missing symbol at best. So the versions are compared first.
Modules that take long to import (importlib.metadata, subprocess) are avoided.
"""

import os
import re
import signal
import sys

from armorm import _build

PROGRAMS = ("stage1-prepare", "stage1-train", "stage2-prepare", "stage2-train", "score", "serve")
USAGE, MISSING = 2, 3  # docs/exit-codes.md
HERE = os.path.dirname(os.path.abspath(__file__))


def fail(program, message, code=MISSING):
    print(f"{program}: error: {message}", file=sys.stderr)
    sys.exit(code)


def folder_with(file):
    """The folder of installed packages that holds `file`: that of this package, where the programs look first, or one of
    sys.path, as in an environment that sees the packages of another. None if there is none."""
    for folder in (os.path.dirname(HERE), *sys.path):
        if os.path.isfile(os.path.join(folder or ".", file)):
            return os.path.abspath(folder or ".")
    return None


def versions(folder, name):
    """Versions of the package that the folder's metadata states, without a local part such as +cu130."""
    found = (re.fullmatch(rf"{name}-([^-+]+)(\+[^-]*)?\.dist-info", entry) for entry in os.listdir(folder))
    return sorted({match[1] for match in found if match})


def required(program, name, version, library):
    """The folder of installed packages that holds the package in the version of the build."""
    folder = folder_with(library)
    wanted = f"armorm {_build.VERSION} is built for {name} {version}"
    remedy = f"run '{sys.executable} -m pip install {name}=={version}'"
    if folder is None:
        fail(program, f"{name} is not installed: no folder of Python packages has {library}, and {wanted}; {remedy}")
    found = versions(folder, name)
    if found != [version]:
        fail(program, f"{folder}: {name} {' and '.join(found) or 'of unknown version'} is installed, but {wanted}; {remedy}, or "
             "install armorm into an environment of its own")
    return folder


def check_cuda(program, folder):
    """Builds of one version of torch differ in their CUDA, and those for CPUs lack the libraries for GPUs."""
    if not _build.CUDA:
        return
    with open(os.path.join(folder, "torch/version.py"), encoding="utf-8") as file:
        match = re.search(r"^cuda\b[^=]*= *'([^']*)'", file.read(), re.MULTILINE)
    if match is None or match[1] != _build.CUDA:
        found = f"CUDA {match[1]}" if match else "CPUs"
        fail(program, f"{folder}: torch is a build for {found}, but armorm {_build.VERSION} is built for CUDA {_build.CUDA}; "
             "install that torch, or build armorm with this one")


def library_folders(torch, pyarrow):
    """Where the loader has to be led: nowhere if both packages are next to this one, where the programs look anyway."""
    folders = []
    if torch != os.path.dirname(HERE):
        nvidia = os.path.join(torch, "nvidia")
        folders.append(os.path.join(torch, "torch/lib"))
        if os.path.isdir(nvidia):
            folders += sorted(os.path.join(nvidia, name, "lib") for name in os.listdir(nvidia))
    if pyarrow != os.path.dirname(HERE):
        folders.append(os.path.join(pyarrow, "pyarrow"))
    return folders


def environment(folders):
    variables = dict(os.environ)
    if folders:
        given = variables.get("LD_LIBRARY_PATH")
        variables["LD_LIBRARY_PATH"] = ":".join(folders + ([given] if given else []))
    return variables


def restore_signals():
    # Python ignores these two, and a program inherits what is ignored: it would not end when its reader does.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    # No traceback until the program takes over. If SIGINT is ignored, as in a shell's background, it stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def execute(program, arguments):
    restore_signals()
    torch = required(program, "torch", _build.TORCH, "torch/lib/libtorch_cpu.so")
    check_cuda(program, torch)
    pyarrow = required(program, "pyarrow", _build.PYARROW, "pyarrow/__init__.py")
    file = os.path.join(HERE, "bin", "armorm-programs")
    try:
        os.execve(file, [program, *arguments], environment(library_folders(torch, pyarrow)))
    except OSError as error:
        fail(program, f"{file}: {error.strerror}; install armorm again")


def stage1_prepare():
    execute("stage1-prepare", sys.argv[1:])


def stage1_train():
    execute("stage1-train", sys.argv[1:])


def stage2_prepare():
    execute("stage2-prepare", sys.argv[1:])


def stage2_train():
    execute("stage2-train", sys.argv[1:])


def score():
    execute("score", sys.argv[1:])


def serve():
    execute("serve", sys.argv[1:])
