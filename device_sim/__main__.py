"""Lets ``python -m device_sim`` do what the command ``device-sim`` does."""

from device_sim.cli import main

if __name__ == "__main__":
    main()
