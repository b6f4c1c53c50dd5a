"""What deadlines of the scripts in Python are multiplied with."""
import os


def pace():
    """How many times slower than idle this machine is: by its load, as paced() in lib.sh says for those of bash."""
    return max(1, os.getloadavg()[0] / os.cpu_count())
