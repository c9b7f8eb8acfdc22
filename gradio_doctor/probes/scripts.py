"""Which Python file a command line runs: through interpreters, launchers, servers and wrappers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

_PYTHON = re.compile(r"(?:python|pypy)[0-9.]{0,12}[dmtw]{0,2}(?:-[\w.]{1,40})?(?:\.exe)?", re.IGNORECASE)
_APP_SPEC = re.compile(r"([A-Za-z_][\w.]{0,300})(?::[A-Za-z_][\w.()]{0,200})?")
_GUNICORN_TITLE = re.compile(r"gunicorn: (?:master|worker) \[([^\]]{1,300})\]")
_VALUED_PYTHON_FLAGS = "WX"

# Launchers that take a file as their first argument that is one.
_FILE_RUNNERS = frozenset({"gradio", "fastapi", "debugpy", "pdb", "ipdb", "cProfile", "profile", "coverage", "trace",
                           "torch.distributed.run", "torch.distributed.launch", "torchrun", "accelerate", "kernprof",
                           "memory_profiler", "scalene", "viztracer", "ddtrace-run", "opentelemetry-instrument"})
# Servers that take module:attribute.
_APP_RUNNERS = frozenset({"uvicorn", "gunicorn", "hypercorn", "daphne", "granian"})
_FASTAPI_MODULES = ("main", "app", "api", "app.main", "app.app", "app.api")
# Programs that run the command in their arguments and stay; the options of theirs that take a value.
_WRAPPERS: dict[str, frozenset[str]] = {
    "uv": frozenset({"--with", "--with-editable", "--with-requirements", "-w", "--python", "-p", "--extra", "--group",
                     "--only-group", "--no-group", "--env-file", "--directory", "--project", "--package", "--index",
                     "--index-url", "-i", "--extra-index-url", "--default-index", "--find-links", "-f", "--config-file",
                     "--cache-dir", "--color", "--link-mode", "--python-preference", "--refresh-package", "-P"}),
    "sudo": frozenset({"-u", "--user", "-g", "--group", "-h", "-p", "-C", "-D", "-R", "-r", "-t", "-T", "-U"}),
    "timeout": frozenset({"-k", "--kill-after", "-s", "--signal"}),
    "poetry": frozenset({"-C", "--directory", "-P", "--project"}),
    "conda": frozenset({"-n", "--name", "-p", "--prefix", "--cwd"}),
    "env": frozenset({"-u", "--unset", "-C", "--chdir", "-S"}),
    "nice": frozenset({"-n", "--adjustment"}),
    "pipenv": frozenset(), "pdm": frozenset({"-p", "--project"}), "rye": frozenset(), "hatch": frozenset({"-e"}),
    "time": frozenset({"-f", "-o"}), "nohup": frozenset(), "setsid": frozenset(), "stdbuf": frozenset({"-i", "-o"}),
    "strace": frozenset({"-e", "-o", "-s", "-p"}), "tini": frozenset({"-e"}), "dumb-init": frozenset({"-r"}),
    "docker-init": frozenset(), "catatonit": frozenset(), "xvfb-run": frozenset({"-n", "-s", "-e", "-f"}),
}
_MOST_ARGUMENTS = 400
_MOST_NESTING = 6


def script_of_command(command: Sequence[str], cwd: str = "") -> str:
    """The absolute path of the Python file that a command runs in directory `cwd`; "" for none, or when unknowable.

    A module (`-m pkg.mod`, `uvicorn app:demo`) counts when its file lies under `cwd`; the file of a plain
    `python app.py` need not exist (any more).
    """
    arguments = list(command[:_MOST_ARGUMENTS])
    if arguments and (title := _GUNICORN_TITLE.match(arguments[0])):
        return _app_file([title[1]], cwd)
    return _resolve(arguments, cwd, _MOST_NESTING)


def is_python(command: Sequence[str], exe: str = "") -> bool:
    """True when the program itself is a Python interpreter."""
    return any(_PYTHON.fullmatch(program_name(path)) for path in (exe, command[0] if command else "") if path)


def program_name(path: str) -> str:
    """The last part of a program's path, on any platform, without .exe."""
    name = re.split(r"[/\\]", path)[-1]
    return name[:-4] if name.lower().endswith(".exe") else name


def absolute(path: str, directory: str = "") -> str:
    """The path made absolute (from `directory`), `..` resolved as the system would. May raise OSError, ValueError."""
    whole = Path(directory or Path.cwd(), path)
    return str(whole.resolve() if ".." in whole.parts else whole)


def _resolve(arguments: list[str], cwd: str, depth: int) -> str:
    if not arguments or depth == 0:
        return ""
    name, rest = program_name(arguments[0]), arguments[1:]
    if _PYTHON.fullmatch(name):
        return _python(rest, cwd, depth)
    if name in _APP_RUNNERS:
        return _app_file(rest, cwd)
    if name in _FILE_RUNNERS:
        return _first_file(rest, cwd) or (_fastapi_file(rest, cwd) if name == "fastapi" else "")
    if name in _WRAPPERS:
        return _wrapped(name, rest, cwd, depth)
    return ""


def _python(arguments: list[str], cwd: str, depth: int) -> str:
    """What an interpreter runs, by Python's own rules for its options."""
    at = 0
    while at < len(arguments):
        argument = arguments[at]
        if not argument.startswith("-"):
            return _python_file(arguments[at:], cwd, depth)
        at += 1
        if argument == "--check-hash-based-pycs":
            at += 1
        if argument.startswith("--"):
            continue
        if argument == "-":
            return ""
        for place, flag in enumerate(argument[1:], start=2):
            if flag == "c":
                return ""
            if flag == "m":
                attached = [argument[place:]] if argument[place:] else []
                return _module([*attached, *arguments[at:]], cwd, depth)
            if flag in _VALUED_PYTHON_FLAGS:
                at += not argument[place:]
                break
    return ""


def _python_file(arguments: list[str], cwd: str, depth: int) -> str:
    """A file given to an interpreter: a launcher's console script leads further, a directory has a __main__.py."""
    name = program_name(arguments[0])
    if _runs(name):
        return _resolve([name, *arguments[1:]], cwd, depth - 1)
    path = _absolute(arguments[0], cwd)
    main = Path(path, "__main__.py") if path else None
    return str(main) if main and _is_file(main) else path


def _module(arguments: list[str], cwd: str, depth: int) -> str:
    if not arguments:
        return ""
    name = arguments[0]
    if name in _APP_RUNNERS or name in _FILE_RUNNERS:
        return _resolve(arguments, cwd, depth - 1)
    return _module_file(name, cwd, package_file="__main__.py")


def _module_file(module: str, directory: str, package_file: str) -> str:
    """The file of a dotted module that lies under a directory, "" when none does."""
    if not directory or not re.fullmatch(r"[\w.]{1,300}", module) or ".." in module or module.startswith("."):
        return ""
    base = Path(directory, *module.split("."))
    files = (base.with_name(base.name + ".py"), base / package_file)
    return next((str(f) for f in files if _is_file(f)), "")


def _app_file(arguments: list[str], cwd: str) -> str:
    """The file of the first module[:attribute] among a server's arguments that exists."""
    if changed := _option(arguments, "--app-dir", "--chdir"):
        cwd = _absolute(changed, cwd)
    for argument in arguments:
        if argument.endswith(".py"):
            return _absolute(argument, cwd)
        spec = _APP_SPEC.fullmatch(argument)
        if spec and (found := _module_file(spec[1], cwd, package_file="__init__.py")):
            return found
    return ""


def _option(arguments: list[str], *names: str) -> str:
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        name, equals, value = argument.partition("=")
        if name in names:
            return value if equals else following
    return ""


def _first_file(arguments: list[str], cwd: str) -> str:
    return next((_absolute(a, cwd) for a in arguments if a.endswith(".py") and not a.startswith("-")), "")


def _fastapi_file(arguments: list[str], cwd: str) -> str:
    """What `fastapi run` and `fastapi dev` take when no file is named: -e module:app, else fastapi_cli/discover.py."""
    if arguments[:1] not in (["run"], ["dev"]):
        return ""
    if named := _option(arguments, "-e", "--entrypoint"):
        return _app_file([named], cwd)
    usual = (_module_file(name, cwd, package_file="__init__.py") for name in _FASTAPI_MODULES)
    return next((path for path in usual if path), "")


def _wrapped(wrapper: str, arguments: list[str], cwd: str, depth: int) -> str:
    """The command behind a wrapper: its own options and words (`run`, `60`, `A=B`) are passed over."""
    skip_next = False
    for at, argument in enumerate(arguments):
        if skip_next:
            skip_next = False
        elif argument in ("-m", "--module") and wrapper == "uv":
            return _module(arguments[at + 1 :], cwd, depth - 1)
        elif argument.startswith("-"):
            skip_next = argument in _WRAPPERS[wrapper]
        elif argument.endswith(".py"):
            return _absolute(argument, cwd) if wrapper == "uv" else ""
        elif _runs(program_name(argument)):
            return _resolve(arguments[at:], cwd, depth - 1)
        elif argument != "run" and "=" not in argument and not argument[0:1].isdigit():
            return ""
    return ""


def _runs(name: str) -> bool:
    return bool(_PYTHON.fullmatch(name)) or name in _APP_RUNNERS or name in _FILE_RUNNERS or name in _WRAPPERS


def _absolute(path: str, cwd: str) -> str:
    """An absolute path, or "" when it is relative to a directory that we may not see."""
    if not cwd and not Path(path).is_absolute():
        return ""
    try:
        return absolute(path, cwd)
    except (OSError, ValueError, RuntimeError):
        return ""


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
