"""The second reference run, made in pieces: what is planned, what is there, and what runs next."""
