"""What people see: one screen a module. Nothing is imported here; the app imports a screen when it is first gone to."""
