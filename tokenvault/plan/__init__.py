"""From desired and live state to a plan: differences, order, ownership, and the plan as a document."""
