"""One file per figure: `draw` takes a tidy frame and gives a matplotlib figure, `describe` its text for
those who cannot see it. Neither touches a file."""
