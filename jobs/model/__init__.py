"""What manager, store and workers share: tasks, claims, outcomes, states, and the interfaces between them."""
