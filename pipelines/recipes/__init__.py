"""What is asked: steps in their order, as values that travel as data."""
