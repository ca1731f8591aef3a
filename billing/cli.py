"""The command line: finds the command, and turns what went wrong into an exit code.

| exit code | meaning |
|---|---|
| 0 | done, and clean |
| 1 | work failed, or breaks were found |
| 2 | the command line, the settings or the ledger must be fixed first |
| 3 | `reconcile`: nothing is wrong, but Stripe's summaries are not settled yet |
| 130 | interrupted |
"""

import gc
import json
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from billing.domain.foreign_text import visible
from billing.errors import BillingError
from billing.output import leaving, leaving_document, new_losses, unfailing_output
from billing.settings_sources import environment_secrets

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130
# Where each command is, and what it does; it is imported when it is called.
COMMANDS = {
    "demo": ("demo.demo:demo", "See the whole path work, on a sandbox, in seconds."),
    "sandbox": ("sandbox:sandbox", "Run a Pamela API and a Stripe on this machine."),
    "init": ("init:init", "Write billing.toml and make the ledger."),
    "doctor": ("doctor:doctor", "Check keys, meter, customers, ledger and clock."),
    "adopt": ("adopt.adopt:adopt", "Take over a meter that another program has fed."),
    "run": ("run:run", "Pull, sync and reconcile: one whole cycle, as for cron."),
    "daemon": ("daemon:daemon", "Run a cycle at the start of every hour."),
    "pull": ("pull.pull:pull", "Read a month of calls into the ledger."),
    "sync": ("sync:sync", "Bring the Stripe meter level with the ledger."),
    "reconcile": (
        "reconcile.reconcile:reconcile",
        "Compare Pamela, the ledger and Stripe.",
    ),
    "breaks": (
        "reconcile.breaks:breaks",
        "List what differs, since when; acknowledge it.",
    ),
    "quarantine": (
        "pull.quarantine:quarantine",
        "List calls that nobody can read; decide on them.",
    ),
    "status": ("queries.status:status", "Show what is pending, synced and failed."),
    "close": ("close:close", "Freeze a month, or say what stands in the way."),
    "explain": (
        "queries.explain:explain",
        "Show the life of one call, and its verdict.",
    ),
    "report": ("queries.report:report", "Usage of a month, or a customer's statement."),
    "export": ("queries.export:export", "Write out what the ledger holds of a month."),
    "verify": (
        "audit.verify_bundle:verify",
        "Verify an audit bundle; needs no ledger, no keys.",
    ),
    "audit": ("audit.trail:audit", "The audit trail: who did what; its key and heads."),
    "db": (
        "integrity.db:db",
        "Upgrade the ledger's schema, check or verify the ledger.",
    ),
}


class Program(click.Group):
    """A group whose commands are imported only when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands, the likely ones first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        with _no_collections():
            imported = import_module(f"billing.commands.{module}")
        command: click.Command = getattr(imported, name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; refuse an unknown one, and an option that is given twice."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.NoSuchCommand(args[0], possibilities=COMMANDS, ctx=ctx)
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            _refuse_repeated(command, rest, ctx)
        return name, command, rest

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """List the commands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command and leave with its exit code; every failure is one sentence."""
        words = list(sys.argv[1:] if args is None else args)
        with unfailing_output(environment_secrets()):
            try:
                code = super().main(
                    words, prog_name, complete_var, standalone_mode=False, **extra
                )
            except (click.ClickException, click.Abort, BillingError, OSError) as fault:
                code = _refuse(fault, as_json="--json" in words)
            except Exception as fault:  # noqa: BLE001 # the boundary: never past the gate
                code = _refuse(fault, as_json="--json" in words)
                if sys.flags.dev_mode:
                    trace = "".join(traceback.format_exception(fault))
                    click.echo(leaving(trace), err=True)
            code = code if isinstance(code, int) else 0
            for loss in new_losses():
                click.echo(
                    f"pamela-billing: {loss}; what was done stays done", err=True
                )
                code = code or FAILED
        sys.exit(code)


@contextmanager
def _no_collections() -> Iterator[None]:
    """Let nobody look for garbage while modules are imported, nor among them later.

    They make objects by the hundred thousand, all of which stay.
    """
    gc.disable()
    try:
        yield
    finally:
        # Once: what is garbage at a later time would stay for ever.
        if not gc.get_freeze_count():
            gc.freeze()
        gc.enable()


def _refuse_repeated(
    command: click.Command, args: list[str], parent: click.Context
) -> None:
    """Refuse an option that takes one value and is given twice."""
    # Click would take the last value and say nothing of the others.
    ctx = click.Context(command, parent, info_name=command.name, resilient_parsing=True)
    _, rest, order = command.make_parser(ctx).parse_args(list(args))
    for param in set(order):
        single = isinstance(param, click.Option) and not (
            param.multiple or param.is_flag or param.count
        )
        if single and order.count(param) > 1:
            message = f"{param.opts[0]} takes one value, and is given twice"
            raise click.UsageError(message, ctx)
    inner = None
    if isinstance(command, click.Group) and rest:
        inner = command.get_command(ctx, rest[0])
    if inner is not None:
        _refuse_repeated(inner, rest[1:], ctx)


def _refuse(fault: Exception, *, as_json: bool) -> int:
    """Say what went wrong in one sentence or one document; return the exit code."""
    kind, message, code = _explained(fault)
    if as_json:
        error = leaving_document({"error": {"kind": kind, "message": message}})
        click.echo(json.dumps(error))
        for loss in new_losses():
            click.echo(f"pamela-billing: {message} ({loss})", err=True)
    elif isinstance(fault, click.UsageError):
        click.UsageError(message, fault.ctx).show()
    elif isinstance(fault, click.ClickException):
        click.ClickException(message).show()
    else:
        click.echo(f"pamela-billing: {message}", err=True)
    return code


def _explained(fault: Exception) -> tuple[str, str, int]:
    match fault:
        case click.ClickException():
            # Only Click's own sentences have several lines.
            return "BadInput", leaving(fault.format_message()), WRONG_USE
        case click.Abort():
            return "Interrupted", "interrupted", INTERRUPTED
        case BillingError():
            return fault.kind, visible(leaving(str(fault))), fault.exit_code
        case OSError():
            return "SystemFault", visible(leaving(str(fault))), FAILED
        case _:
            # The words of a fault that nobody thought of might hold anything.
            last = traceback.extract_tb(fault.__traceback__)[-1]
            where = f"{Path(last.filename).name}:{last.lineno}"
            message = (
                f"a fault of this program, {type(fault).__name__} at {where}; please "
                "report it (PYTHONDEVMODE=1 shows the way to it)"
            )
            return "ProgramFault", message, FAILED


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pamela-billing")
def main() -> None:
    """Bill phone-call minutes exactly, and prove it.

    Every command takes --json, and those that need settings take --settings FILE.
    Start with `pamela-billing demo`, or with `pamela-billing init` when you have keys.

    \b
    Exit codes:
      0    done, and clean
      1    work failed, or breaks were found; what was done stays done
      2    the command line, the settings or the ledger must be fixed first
      3    reconcile only: not settled yet, so there is no verdict
      130  interrupted
    """  # noqa: D301 # click leaves lines below this mark as they are
