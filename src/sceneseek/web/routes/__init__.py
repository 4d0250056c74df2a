"""The addresses, by subject. Each route names the role it needs and the errors it answers with."""
