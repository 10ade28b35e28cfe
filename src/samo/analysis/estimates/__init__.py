"""What stands in for a task's gradient, compared at fixed points of a training; `samo estimates` makes the table."""
