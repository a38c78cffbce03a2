"""Drawing. Everything here turns data into strings and prints nothing."""
