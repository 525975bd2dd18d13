"""The two doors, the shelf, recipes, engines, answers and the command line."""
