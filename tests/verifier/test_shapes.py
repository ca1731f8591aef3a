"""The verifier's own table shapes are those of the schema."""

from billing.verifier.shapes import SHAPES
from tests.verifier.write_shapes import FILE, schema_shapes, with_shapes


def test_the_verifier_knows_every_table_of_the_trail() -> None:
    assert schema_shapes() == SHAPES


def test_the_shapes_are_as_they_would_be_written() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert with_shapes(text) == text
