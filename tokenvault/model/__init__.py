"""What specs, kinds and flavors are made of: the spec as data, constraints, desired objects, ownership marks."""
