"""A lake's layout: buckets by a hash that other programs compute too."""

import pytest

from billing.reports.lake.layout import bucket_of


@pytest.mark.parametrize(
    ("customer", "buckets", "bucket"),
    [
        # SHA-256 of the empty text begins with e3b0c442, of `abc` with ba7816bf.
        ("", 16, 0xE3B0C442 % 16),
        ("abc", 16, 0xBA7816BF % 16),
        ("abc", 256, 0xBF),
        ("abc", 10, 0xBA7816BF % 10),
        ("abc", 1, 0),
    ],
)
def test_a_bucket_is_32_bits_of_a_hash_modulo_buckets(
    customer: str, buckets: int, bucket: int
) -> None:
    assert bucket_of(customer, buckets) == bucket
