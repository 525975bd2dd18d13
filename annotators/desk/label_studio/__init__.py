"""Label Studio as the editor: what people see there, and how notes go in and come out; no verdict is kept here."""
