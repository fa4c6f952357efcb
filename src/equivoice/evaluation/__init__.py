"""From runs to estimates."""
