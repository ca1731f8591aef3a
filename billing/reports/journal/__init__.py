"""Journal entries, in the forms that accounting programs take."""
