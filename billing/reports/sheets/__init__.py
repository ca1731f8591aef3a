"""Sheets: tables as CSV, JSON, Parquet and XLSX."""
