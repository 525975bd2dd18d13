"""The verbs of the trainer's side; they import what they need when they are called, so that help stays light."""
