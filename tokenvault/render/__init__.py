"""Renderers: each takes data (mostly the public JSON of a plan or report) and returns a string. None prints."""
