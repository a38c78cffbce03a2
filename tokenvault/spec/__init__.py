"""The spec: files in, frozen validated data out."""
