"""What answers are paid: verifiers, judges and reward models by skill and domain, and monitors that watch them."""
