"""A library that is not installed is asked for by the name of its extra."""

import pytest

from sawlog.extras import ExtraMissingError, library
from sawlog.installation import bringing


def test_a_library_that_is_there_is_given():
    assert library("fsspec", "s3", "reading").open


def test_one_that_is_missing_is_named_by_its_extra():
    with pytest.raises(ExtraMissingError) as failure:
        library("no_such_library", "kafka", "the kafka input")
    assert str(failure.value) == f"the kafka input needs the extra 'kafka': {bringing(['kafka'])}"
