"""`make dist`: what a machine installs from, in the folder dist/."""
