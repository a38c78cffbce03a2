"""`tokenvault init`: asks questions, takes the answers (typed, or as flags), and writes the files that they lead to."""
