"""A language of our own for the filter `ruby`: the part of Ruby that pipelines use, without a Ruby engine."""
