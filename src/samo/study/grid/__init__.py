"""The pipeline's stages side by side, which DVC itself runs one at a time.

Each worker has a clone of the project over one shared DVC cache.
"""
