#!/usr/bin/env python3
"""Writes files as C arrays: embed.py OUTPUT FILE..."""
import pathlib
import sys


def array(path):
    name = "page_" + path.name.replace(".", "_")
    data = path.read_bytes()
    rows = (", ".join(map(str, data[i:i + 32])) for i in range(0, len(data), 32))
    return f"const unsigned char {name}[] = {{\n" + ",\n".join(rows) + f"}};\nconst unsigned long {name}_size = {len(data)};\n"


output, *inputs = sys.argv[1:]
header = '#include "kms/onboard_page.h"\n\n'
pathlib.Path(output).write_text(header + "\n".join(array(pathlib.Path(path)) for path in inputs))
