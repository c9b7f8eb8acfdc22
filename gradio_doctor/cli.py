"""The command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from gradio_doctor import __version__, errors, flags

# Newer typer carries a click of its own; its base exception is reached through the one that typer exports.
_CLICK_EXCEPTION = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")

app = typer.Typer(
    name="gradio-doctor", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Says why a Gradio app does not start, hangs, answers 502 or dies, proves it, and hands over the fix.",
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"gradio-doctor {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Say why a Gradio app does not start, hangs, answers 502 or dies."""


@app.command()
def diagnose(
    target: Annotated[
        str | None, typer.Argument(help="app.py, a pid, a port or a URL; nothing: the Gradio apps here.")
    ] = None,
    no_run: flags.NoRunFlag = False, startup_timeout: flags.StartupFlag = 120.0, log: flags.LogFlag = None,
    proxy: flags.ProxyFlag = None, python: flags.PythonFlag = None,
    invasive: flags.InvasiveFlag = flags.Invasive.sample, timeout: flags.TimeoutFlag = 30.0,
    check_timeout: flags.CheckTimeoutFlag = 5.0, select: flags.SelectFlag = None, ignore: flags.IgnoreFlag = None,
    checks: flags.ChecksFlag = None, no_plugins: flags.NoPluginsFlag = False,
    fail_on: flags.FailOnFlag = flags.FailOn.error, min_probability: flags.MinProbabilityFlag = 0.5,
    output: flags.OutputFlag = None, form: flags.FormatFlag = None, json: flags.JsonFlag = False,
    verbose: flags.VerboseFlag = False, quiet: flags.QuietFlag = False, color: flags.ColorFlag = flags.Color.auto,
    lang: flags.LangFlag = flags.Lang.en,
) -> None:
    """Find out what is wrong with an app on this machine; start it if it does not run."""
    from gradio_doctor.commands import run_diagnosis
    from gradio_doctor.probes.base import Options
    from gradio_doctor.probes.target import resolve_target

    wanted = flags.wish(fail_on, min_probability, output, form, json, verbose, quiet, color, lang)
    options = Options(
        tuple(log or ()), python, proxy, not no_run, startup_timeout, timeout, check_timeout, invasive.value
    )
    chosen = (tuple(select or ()), tuple(ignore or ()), tuple(checks or ()), not no_plugins)
    raise typer.Exit(run_diagnosis(lambda: resolve_target(target, options.logs), options, chosen, wanted))


@app.command()
def logs(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Log files, .gz/.xz/.zst too; - is stdin.")],
    select: flags.SelectFlag = None, ignore: flags.IgnoreFlag = None, checks: flags.ChecksFlag = None,
    no_plugins: flags.NoPluginsFlag = False, timeout: flags.TimeoutFlag = 3600.0,
    check_timeout: flags.CheckTimeoutFlag = 5.0, fail_on: flags.FailOnFlag = flags.FailOn.error,
    min_probability: flags.MinProbabilityFlag = 0.5, output: flags.OutputFlag = None, form: flags.FormatFlag = None,
    json: flags.JsonFlag = False, verbose: flags.VerboseFlag = False, quiet: flags.QuietFlag = False,
    color: flags.ColorFlag = flags.Color.auto, lang: flags.LangFlag = flags.Lang.en,
) -> None:
    """Find out what went wrong from logs alone: of the app, nginx, gunicorn, the kernel, Kubernetes, mixed."""
    from gradio_doctor.commands import run_diagnosis
    from gradio_doctor.evidence import Target
    from gradio_doctor.probes.base import Options

    wanted = flags.wish(fail_on, min_probability, output, form, json, verbose, quiet, color, lang)
    options = Options(logs=tuple(files), timeout=timeout, check_timeout=check_timeout)
    chosen = (tuple(select or ()), tuple(ignore or ()), tuple(checks or ()), not no_plugins)
    raise typer.Exit(run_diagnosis(lambda: Target("log", " ".join(files)), options, chosen, wanted))


@app.command()
def explain(
    id: Annotated[str, typer.Argument(metavar="ID", help="A cause, a check or a signature.")],  # noqa: A002
    lang: flags.LangFlag = flags.Lang.en, checks: flags.ChecksFlag = None, no_plugins: flags.NoPluginsFlag = False,
) -> None:
    """Say what a cause, a check or a signature is, how it looks, and how it is mended."""
    from gradio_doctor.commands import explain_id

    typer.echo(explain_id(id, lang.value, tuple(checks or ()), not no_plugins), nl=False)


@app.command("list")
def list_(
    what: Annotated[str, typer.Argument(metavar="[causes|checks|signatures]", help="What to list.")] = "causes",
    json: flags.JsonFlag = False, lang: flags.LangFlag = flags.Lang.en, checks: flags.ChecksFlag = None,
    no_plugins: flags.NoPluginsFlag = False,
) -> None:
    """List the causes, checks or log signatures that this version knows."""
    from gradio_doctor.commands import list_entries

    typer.echo(list_entries(what, lang.value, tuple(checks or ()), not no_plugins, as_json=json), nl=False)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the one error boundary. Returns the exit status (DESIGN §1)."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given  # everywhere on the line: who needs it has no time to look up where it goes
    try:
        return _run([a for a in given if a != "--debug"], debug)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return errors.INTERRUPTED
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - the reader went away; say no more
        return errors.OK
    except Exception as error:
        return _defect(error, debug)


def _run(arguments: list[str], debug: bool) -> int:
    command = typer.main.get_command(app)
    try:
        command.context_settings["default_map"] = _default_map(command)
        status = command.main(args=arguments, prog_name="gradio-doctor", standalone_mode=False)
        return int(status or 0)
    except typer.Exit as error:
        return error.exit_code
    except typer.Abort:
        return errors.INTERRUPTED
    except errors.UsageError as error:
        if debug:
            raise
        from gradio_doctor.probes.redact import clean

        print(f"gradio-doctor: {clean(str(error), 2000)}", file=sys.stderr)
        return errors.USAGE
    except Exception as error:
        if not isinstance(error, _CLICK_EXCEPTION):
            raise
        error.show()  # type: ignore[attr-defined]
        return errors.USAGE


def _default_map(command: object) -> dict[str, dict[str, object]]:
    from gradio_doctor import config

    known = {p.name: {q.name for q in p.params} for p in getattr(command, "commands", {}).values()}
    every = {name for names in known.values() for name in names if name} - {"target", "files", "id", "what"}
    values = config.defaults(Path.cwd(), every)
    return {name: {k: v for k, v in values.items() if k in names} for name, names in known.items()}


def _defect(error: Exception, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    from gradio_doctor.probes.redact import clean

    text = clean(f"{type(error).__name__}: {error}", 500)
    print(f"gradio-doctor: a defect of gradio-doctor itself: {text}\nrun it again with --debug", file=sys.stderr)
    return errors.DEFECT


