"""`tokenvault init`: questions, their answers, and the files that these make."""
