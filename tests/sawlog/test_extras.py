"""A library that is not installed is asked for by the name of its extra."""

import pytest

from sawlog.extras import ExtraMissingError, library


def test_a_library_that_is_there_is_given():
    assert library("fsspec", "s3", "reading").open


def test_one_that_is_missing_is_named_by_its_extra():
    with pytest.raises(
        ExtraMissingError, match=r"^the kafka input needs the extra 'kafka': pip install 'sawlog\[kafka\]'$"
    ):
        library("no_such_library", "kafka", "the kafka input")
