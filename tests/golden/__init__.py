"""Golden output: what one checkout answers, kept, and compared with another's.

A refactoring must not change what the service answers. So both checkouts live through
the same worlds, by the command line and by HTTP to the sandbox alone, and all that
they say is kept: answers in JSON, cells, rows, pages, entries, bundles, digests, heads.

    python -m tests.golden write before --checkout PATH
    python -m tests.golden write after
    python -m tests.golden compare before after --accept tests/golden/accept.toml

The text of PDF files is read by `pdftotext` (poppler-utils), where that is there.

Time stands still (see `stillness`), work is done in one thread, and the key is always
the same, so digests and signatures are equal to the byte. What is left is normalised:

- the address of the sandbox is `http://sandbox`, a port that is named is PORT;
- the folder of the world is FOLDER, the checkout CHECKOUT, the database DATABASE;
- how long a demonstration took is `some` seconds;
- the source of `verify.py` in a bundle is not kept, only its digest.

What is on the screen, at two widths, is kept under `screen`, and is compared for
information when `--screen` is given.
"""
