"""`python -m gradio_doctor` and the console script."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__" and sys.path and Path(sys.path[0] or ".").resolve() == Path.cwd():
    del sys.path[0]  # `-m` puts the working directory first: the app's random.py would become ours


def main() -> None:
    """Run the command line and exit with its status."""
    if sys.argv[1:] == ["--version"]:  # asked by scripts, often: not worth importing the command line for
        from gradio_doctor import __version__

        print(f"gradio-doctor {__version__}")
        return
    try:
        from gradio_doctor.cli import main as run

        status = run()
    except KeyboardInterrupt:  # before or after the command line's own boundary
        status = 130
    sys.exit(status)


if __name__ == "__main__":
    main()
