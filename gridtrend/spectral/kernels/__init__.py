"""What is compiled of the spectra."""
