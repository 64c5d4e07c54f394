"""The filters of a pipeline, one file each; `base` holds what they share."""
