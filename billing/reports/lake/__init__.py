"""The lake: closed months as Parquet files that many programs read as they are."""
