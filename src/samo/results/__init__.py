"""From runs to tables: metrics, statistics, and which method is which."""
