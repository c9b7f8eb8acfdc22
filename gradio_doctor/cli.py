"""The command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from gradio_doctor import __version__, errors, flags

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=_SETTINGS)
@click.version_option(__version__, prog_name="gradio-doctor", message="%(prog)s %(version)s")
def app() -> None:
    """Say why a Gradio app does not start, hangs, answers 502 or dies, prove it, and hand over the fix.

    Exit status: 0 nothing found, 1 a cause found, 2 wrong usage, 3 could not tell, 4 a defect of this tool.
    """


@app.command()
@click.argument("target", required=False)
@flags.living
def diagnose(target: str | None, **given: Any) -> int:
    """Find out what is wrong with an app on this machine; start it if it does not run.

    TARGET is app.py, a pid, a port or a URL; without one, the Gradio apps that run here.
    """
    from gradio_doctor.commands import run_diagnosis
    from gradio_doctor.probes.base import Options
    from gradio_doctor.probes.proxies.named import checked
    from gradio_doctor.probes.target import resolve_target

    wish = flags.wish(given)
    options = Options(
        given["log"], given["python"], given["proxy"], not given["no_run"], given["startup_timeout"],
        given["timeout"], given["check_timeout"], given["invasive"], given["since"], given["until"], given["context"],
        nginx_conf=checked(given["nginx_conf"]), gpu_alert=given["gpu_alert"], watch=given["watch"],
        probe_upload=given["probe_upload"], probe_stream=given["probe_stream"],
    )
    return run_diagnosis(resolve_target(target, options.logs), options, flags.chosen(given), wish)


@app.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@flags.looking
def logs(files: tuple[str, ...], **given: Any) -> int:
    """Find out what went wrong from logs alone: of the app, nginx, gunicorn, the kernel, Kubernetes, mixed.

    FILE may be compressed (.gz, .xz, .zst); - is standard input.
    """
    from gradio_doctor.commands import follow_logs, run_diagnosis
    from gradio_doctor.evidence import Target
    from gradio_doctor.probes.base import Options

    wish = flags.wish(given)
    options = Options(
        files, timeout=3600.0, check_timeout=given["check_timeout"], since=given["since"], until=given["until"],
        context=given["context"],
    )
    target = Target("log", " ".join(files))
    if given["follow"]:
        return follow_logs(target, options, flags.chosen(given), wish)
    return run_diagnosis(target, options, flags.chosen(given), wish)


@app.command()
@click.argument("target", required=False)
@flags.watching
def watch(target: str | None, **given: Any) -> int:
    """Watch a running app, tell what changes, and catch a block in the act. Never starts the app.

    A request every --interval seconds, and a full diagnosis when one is late. Ctrl-C ends it with a summary; it exits
    with 0 when nothing was ever wrong, 1 when a cause was found, 3 when something was late and nobody saw why.
    """
    from gradio_doctor.probes.base import Options
    from gradio_doctor.probes.proxies.named import checked
    from gradio_doctor.probes.target import resolve_target
    from gradio_doctor.watch_command import watch_app

    wish = flags.wish(given)
    options = Options(
        given["log"], given["python"], given["proxy"], False, 0.0, given["timeout"], given["check_timeout"],
        given["invasive"], given["since"], given["until"], given["context"], nginx_conf=checked(given["nginx_conf"]),
        gpu_alert=given["gpu_alert"], probe_upload=given["probe_upload"], probe_stream=given["probe_stream"],
    )
    return watch_app(
        resolve_target(target), options, flags.chosen(given), wish, interval=given["interval"],
        history=given["history"],
    )


@app.command()
@click.argument("target", metavar="APP.PY")
@flags.gating
def gate(target: str, **given: Any) -> int:
    """The health gate for CI: read the files, start the app, wait until it serves, look at it, stop it.

    What the source and the deployment files foretell counts as what is found does. Never prompts, leaves nothing
    behind, and does not touch an instance that runs already.
    """
    from gradio_doctor.gate import run_gate
    from gradio_doctor.probes.base import Options
    from gradio_doctor.probes.proxies.named import checked
    from gradio_doctor.probes.target import resolve_target

    wish = flags.wish(given)
    options = Options(
        given["log"], given["python"], given["proxy"], not given["static_only"], given["startup_timeout"],
        given["timeout"], given["check_timeout"], given["invasive"], given["since"], given["until"], given["context"],
        nginx_conf=checked(given["nginx_conf"]), gpu_alert=given["gpu_alert"], probe_upload=given["probe_upload"],
        probe_stream=given["probe_stream"],
    )
    return run_gate(resolve_target(target), options, flags.chosen(given), wish)


@app.command()
@click.argument("id")
@flags.LANG
@flags.CHECKS
@flags.NO_PLUGINS
def explain(id: str, lang: str, checks: tuple[Path, ...], no_plugins: bool) -> int:  # noqa: A002
    """Say what a cause, a check or a log signature is, how it looks, and how it is mended."""
    from gradio_doctor.commands import explain_id, put

    put(explain_id(id, lang, flags.Chosen(checks=checks, plugins=not no_plugins)))
    return errors.OK


@app.command("list")
@click.argument("what", metavar="[causes|checks|signatures]", default="causes")
@flags.JSON
@flags.LANG
@flags.CHECKS
@flags.NO_PLUGINS
def list_(what: str, as_json: bool, lang: str, checks: tuple[Path, ...], no_plugins: bool) -> int:
    """List the causes, checks or log signatures that this version knows."""
    from gradio_doctor.commands import list_entries, put

    put(list_entries(what, lang, flags.Chosen(checks=checks, plugins=not no_plugins), as_json=as_json))
    return errors.OK


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the one error boundary. Returns the exit status (DESIGN §1)."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given  # anywhere on the line: who needs it has no time to look up where it goes
    try:
        return _run([a for a in given if a != "--debug"], debug)
    except (KeyboardInterrupt, click.Abort):
        print("interrupted", file=sys.stderr)
        return errors.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader went away; what is still buffered goes nowhere
        return errors.OK
    except Exception as error:
        return _defect(error, debug)


def _run(arguments: list[str], debug: bool) -> int:
    try:
        status = app.main(
            args=arguments, prog_name="gradio-doctor", standalone_mode=False, default_map=_default_map(arguments),
        )
        sys.stdout.flush()
        return int(status or 0)
    except click.exceptions.Exit as error:
        return int(error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return errors.USAGE
    except click.ClickException as error:
        return _usage(error.format_message(), error)
    except errors.UsageError as error:
        if debug:
            raise
        return _usage(str(error))


def _usage(text: str, error: click.ClickException | None = None) -> int:
    """One clear line on stderr."""
    from gradio_doctor.probes.redact import clean

    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f" (see: {context.command_path} --help)" if context else ""
    print(f"gradio-doctor: {clean(text, 2000)}{hint}", file=sys.stderr)
    return errors.USAGE


def _default_map(arguments: Sequence[str]) -> dict[str, dict[str, object]]:
    """Defaults for every command from the configuration file, by parameter name."""
    if not {"-h", "--help", "--version"}.isdisjoint(arguments):
        return {}  # help is there also where a configuration is broken
    from gradio_doctor import config

    options = {
        name: {flags.long_name(p.opts): p for p in command.params if isinstance(p, click.Option)}
        for name, command in app.commands.items()
    }
    values = config.defaults(Path.cwd(), {k: v for table in options.values() for k, v in table.items()})
    return {
        name: {str(p.name): values[key] for key, p in table.items() if key in values}
        for name, table in options.items()
    }


def _defect(error: Exception, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    from gradio_doctor.probes.redact import clean

    text = clean(f"{type(error).__name__}: {error}", 500)
    print(f"gradio-doctor: a defect of gradio-doctor itself: {text}\nrun it again with --debug", file=sys.stderr)
    return errors.DEFECT
