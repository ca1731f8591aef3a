"""`export lake`: closed months, each once, as Parquet that many programs read."""

from pathlib import Path

import click

from billing.commands.display import progress_bars, say
from billing.commands.options import CLEAN, common_options, show_json
from billing.offline import opened_ledger
from billing.reports.lake.lake_export import BUCKETS, LakeMonth, export_lake
from billing.reports.lake.layout import MOST_BUCKETS


@click.command()
@click.argument(
    "folder",
    type=click.Path(path_type=Path),
    help="The lake: a folder of its own, made where there is none.",
)
@click.option(
    "--buckets",
    type=click.IntRange(1, MOST_BUCKETS),
    metavar="COUNT",
    help="Divide the customers of a new lake into so many files a month "
    f"[default: {BUCKETS}].",
)
@common_options
def lake(settings_file: Path, as_json: bool, folder: Path, buckets: int | None) -> int:
    """Write closed months as Parquet, for Spark, Trino or DuckDB.

    A month that is there already is not written again. What corrects a closed month
    is in the later month that it was billed in.
    """
    with opened_ledger(settings_file) as books, progress_bars() as watch:
        months = list(export_lake(books.ledger, folder, buckets, watch))
    if as_json:
        document = [_document(month) for month in months]
        show_json({"lake": str(folder), "months": document})
    else:
        for line in map(_line, months):
            say(line)
        if not months:
            say("No month is closed yet, so nothing was written.")
    return CLEAN


def _document(month: LakeMonth) -> dict[str, object]:
    manifest = month.manifest
    return {
        "period": manifest.period,
        "rows": manifest.rows,
        "files": len(manifest.files),
        "bytes": manifest.bytes,
        "close_digest": manifest.close_digest,
        "already": month.already,
    }


def _line(month: LakeMonth) -> str:
    manifest = month.manifest
    held = f"{manifest.rows:,} rows in {len(manifest.files)} files"
    said = "there already" if month.already else "written"
    return f"{manifest.period}: {said}, {held}, closed as {manifest.close_digest[:12]}…"
