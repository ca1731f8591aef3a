"""The schema: tables, column types, triggers, and the SQL that all parts share."""
