"""The effects of the study: configuration, files, pipeline, tracking, report."""
