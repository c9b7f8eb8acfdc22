"""The command `watch`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

from gradio_doctor import errors
from gradio_doctor.commands import colored, prepared, put
from gradio_doctor.evidence import Target
from gradio_doctor.flags import Chosen, Wish
from gradio_doctor.probes.base import Options
from gradio_doctor.watch_story import Happening, Story


def watch_app(
    target: Target, options: Options, chosen: Chosen, wish: Wish, *, interval: float, history: int
) -> int:
    """Watch until Ctrl-C or the end of the app, and return the exit status. Raises UsageError on bad input."""
    from gradio_doctor.probes.redact import clean
    from gradio_doctor.watch import Watcher

    if target.kind in ("log", "bundle"):
        raise errors.UsageError(f"{target.text}: only a running app can be watched; for a log: logs --follow")
    if any(output.file for output in wish.outputs):
        raise errors.UsageError("--output FORMAT=FILE: watch writes to stdout as it goes; redirect that to a file")
    if (form := wish.outputs[0].form) not in ("text", "json"):
        raise errors.UsageError(f"--format {form}: a report at the end of a job; watch prints text or json as it goes")
    loaded = prepared(chosen, wish)
    story = Story(history, lambda diagnosis: diagnosis.failing(wish.fail_on, wish.min_probability))
    watcher = Watcher(target, options, loaded, interval, story, chosen.select, chosen.ignore)
    try:
        if absent := watcher.begin():
            print(f"gradio-doctor: {clean(absent.why, 500)}", file=sys.stderr)
            return errors.INCONCLUSIVE
        _tell(watcher.run(), wish)
    except KeyboardInterrupt:
        _tell(iter(story.told()), wish)
    _tell(iter([story.summary()]), wish)
    return story.status


def _tell(happenings: Iterator[Happening], wish: Wish) -> None:
    from gradio_doctor.report.text import drawn, plain
    from gradio_doctor.report.watching import as_json, as_lines

    for one in happenings:
        if wish.outputs[0].form == "json":
            put(as_json(one, wish.lang))
            continue
        lines = as_lines(one, wish.lang, wish.verbosity)
        if colored(wish.color):
            put(drawn(lines, wish.verbosity, shutil.get_terminal_size().columns))
        else:
            put(plain(lines))
