"""Rooms drawn by ray casting: what is where (`furnish`), what a ray meets (`solids`), what a camera sees (`camera`)."""
