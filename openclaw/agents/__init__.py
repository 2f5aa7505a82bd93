"""Who answers: Main's persistent agent, and single-use containers for everything else."""
