"""The pipeline's stages side by side, not one by one as in DVC: each worker has a clone over one shared DVC cache."""
