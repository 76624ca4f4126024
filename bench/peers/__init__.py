"""What the intake is measured beside: receivers as people usually write or install them."""
