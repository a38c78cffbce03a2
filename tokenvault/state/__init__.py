"""What is desired, what a tenant holds, and which object is which."""
