"""What lies on a shelf: its tables, its tars, and how they are read and written."""
