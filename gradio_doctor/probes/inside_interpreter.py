"""Runs inside the APP's Python (3.6 and later), as the text of `python -c`: says what is installed and found there.

Imports nothing but the standard library, and nothing of the user's: the app's directory is put on the path only after
the last import, as `python app.py` has it. Takes a JSON object with "directory" and "modules"; prints a mark and JSON.
"""

import os
import sys

loaded_at_start = frozenset(sys.modules)  # these cannot be shadowed any more when the script starts
path_at_start = sys.path[1:] if sys.path[:1] == [""] else list(sys.path)
# PYTHONPATH may name a directory of the user's with a json.py in it: only the standard library, for now
library = os.path.dirname(os.__file__)  # noqa: PTH120
sys.path[:] = [p for p in path_at_start if p == library or os.path.basename(p) in ("lib-dynload", "DLLs")]  # noqa: PTH119

import json  # noqa: E402
import platform  # noqa: E402
import re  # noqa: E402
import sysconfig  # noqa: E402

MOST_TEXT = 8 * 1024 * 1024
MOST_ENTRIES = 5000
EXTENSIONS = (".py", ".so", ".pyd")


def read(*parts: str) -> str:
    """The start of a text file, "" when it cannot be read."""
    try:
        with open(os.path.join(*parts), encoding="utf-8", errors="replace") as file:  # noqa: PTH118, PTH123
            return file.read(MOST_TEXT)
    except OSError:
        return ""


def entries(directory: str) -> "list[str]":
    """The names in a directory, none when it cannot be read."""
    try:
        return sorted(os.listdir(directory))[:MOST_ENTRIES]  # noqa: PTH208
    except OSError:
        return []


def normal(name: str) -> str:
    """The name of a distribution as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def metadata(info: str) -> "dict[str, list[str]]":
    """The header fields of an installed distribution."""
    text = read(info, "METADATA") or read(info, "PKG-INFO") or (read(info) if os.path.isfile(info) else "")  # noqa: PTH113
    fields = {}  # type: dict[str, list[str]]
    for line in text.split("\n\n", 1)[0].splitlines():
        key, colon, value = line.partition(": ")
        if colon and not key.startswith((" ", "\t")):
            fields.setdefault(key.lower(), []).append(value.strip())
    return fields


def installed() -> "dict[str, dict[str, object]]":
    """The distributions on the path; of several with one name the first counts, as for importlib.metadata."""
    found = {}  # type: dict[str, dict[str, object]]
    for place in sys.path:
        for entry in entries(place or "."):
            if entry.endswith((".dist-info", ".egg-info")):
                info = os.path.join(place, entry)  # noqa: PTH118
                fields = metadata(info)
                if fields.get("name"):
                    version, requires = fields.get("version", [""])[0], fields.get("requires-dist", [])
                    facts = {"info": info, "version": version, "requires": requires}  # type: dict[str, object]
                    found.setdefault(normal(fields["name"][0]), facts)
    return found


def top_level(info: str) -> "set[str]":
    """The modules that a distribution provides."""
    listed = read(info, "top_level.txt").split()
    if listed:
        return {name.replace("/", ".").partition(".")[0] for name in listed}
    names = set()
    for line in read(info, "RECORD").splitlines():
        path = line.partition(",")[0].strip('"')
        first, slash, _ = path.partition("/")
        if path.endswith(EXTENSIONS):
            names.add(first if slash else first.partition(".")[0])
    return {name for name in names if name.isidentifier()}


def standard_modules() -> "frozenset[str]":
    """The names of the standard library's modules."""
    known = getattr(sys, "stdlib_module_names", None)
    if known:
        return frozenset(known)
    paths = sysconfig.get_paths()
    names = set(sys.builtin_module_names)
    for place in (paths["stdlib"], paths["platstdlib"], os.path.join(paths["platstdlib"], "lib-dynload")):  # noqa: PTH118
        names.update(name.partition(".")[0] for name in entries(place))
    return frozenset(names - {"site-packages", "test", "__pycache__"})


def find(module: str) -> str:
    """Where a top-level module would be loaded from, without loading it; "" when nowhere."""
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(module, None)
        except Exception:  # noqa: S112 - a finder that some package installed
            continue
        if spec is not None:
            places = list(spec.submodule_search_locations or ())
            return str(spec.origin if spec.origin not in (None, "namespace") else (places or [""])[0])
    return ""


def lies_in(origin: str, directory: str) -> bool:
    """True when a module file, package or namespace lies directly in a directory."""
    if os.path.basename(origin).startswith("__init__."):  # noqa: PTH119
        origin = os.path.dirname(origin)  # noqa: PTH120
    return bool(directory and origin) and os.path.realpath(os.path.dirname(origin)) == os.path.realpath(directory)  # noqa: PTH120


def local_modules(directory: str) -> "set[str]":
    """The modules and packages that lie in the app's directory."""
    found = set()
    for entry in entries(directory) if directory else ():
        name = entry[:-3] if entry.endswith(".py") else entry
        if name.isidentifier() and (name != entry or os.path.isfile(os.path.join(directory, entry, "__init__.py"))):  # noqa: PTH113, PTH118
            found.add(name)
    return found


def origins(directory: str, modules: "list[str]", packages: "dict[str, dict[str, object]]") -> "list[list[object]]":
    """Where the imported modules, and the local ones that hide another of their name, would come from."""
    local, standard = local_modules(directory), standard_modules()
    wanted = set(modules) | local
    providers = {}  # type: dict[str, str]
    for name in sorted(packages):
        for module in wanted & top_level(str(packages[name]["info"])):
            providers.setdefault(module, name)
    rows = []  # type: list[list[object]]
    for module in sorted(set(modules) | (local & (standard | set(providers)))):
        if module in loaded_at_start and module != "__main__":
            origin = str(getattr(sys.modules.get(module), "__file__", None) or "built-in")
        else:
            origin = find(module)
        rows.append([module, origin, providers.get(module, ""), lies_in(origin, directory), module in standard])
    return rows


def requirements(packages: "dict[str, dict[str, object]]", roots: "list[str]") -> "dict[str, object]":
    """What the roots and the distributions they require directly require, as written."""
    names = set(roots)
    for root in roots:
        for text in packages.get(root, {}).get("requires", ()):  # type: ignore[attr-defined]
            match = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", text)
            names.update([normal(match.group())] if match else [])
    return {name: packages[name]["requires"] for name in sorted(names) if name in packages}


def markers() -> "dict[str, str]":
    """The environment that the markers of requirements speak of (PEP 508)."""
    return {
        "implementation_name": sys.implementation.name, "implementation_version": platform.python_version(),
        "os_name": os.name, "platform_machine": platform.machine(), "platform_release": platform.release(),
        "platform_system": platform.system(), "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "platform_python_implementation": platform.python_implementation(),
        "python_version": ".".join(map(str, sys.version_info[:2])), "sys_platform": sys.platform,
    }


def main() -> None:
    """Answer the question in the first argument."""
    asked = json.loads(sys.argv[1])
    directory = asked["directory"]
    sys.path[:] = ([directory] if directory else []) + path_at_start
    packages = installed()
    told = {
        "version": list(sys.version_info[:3]),
        "packages": [[name, packages[name]["version"]] for name in sorted(packages)],
        "origins": origins(directory, asked["modules"], packages),
        "requires": requirements(packages, asked["roots"]),
        "markers": markers(),
    }
    sys.stdout.write("\n" + asked["mark"] + json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
