"""The page: what its notebook shows piece by piece, and the HTML that is made of it."""
