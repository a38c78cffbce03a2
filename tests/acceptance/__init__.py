"""The acceptance kit: what a real tenant does where nobody has seen one. `python -m tests.acceptance --help`.

names        what the objects of a run are called, so that they are told from everybody else's
journal      the file that says what a run creates, written before each create
redaction    takes secrets, and the tenant's name, out of whatever is written or printed
traffic      records the run's requests in the form in which recordings are played
api          raw requests to the tenant, and the objects that a probe makes and takes away again
probes/      one probe for each unknown; a table that each file of the folder adds to
lives        one life of each flavor, through tokenvault itself
cleaning     takes away what a run left, by the journal and by name
report       what was found, as Markdown and JSON
"""
