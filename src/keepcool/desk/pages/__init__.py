"""What people see: templates, words in two languages, drawings."""
