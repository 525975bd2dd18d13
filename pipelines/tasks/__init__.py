"""Tasks: what models answered to them is graded, and a difficulty comes out of it."""
