#!/bin/sh
# Write the golden files anew, with Debian's python3-torch (PyTorch 1.13).
set -eu
cd "$(dirname "$0")/.."
/usr/bin/python3 -c 'import torch' 2>/dev/null || scripts/install.sh python3-torch
mkdir -p hooks/testdata internal/torch/testdata
/usr/bin/python3 scripts/golden.py hooks/testdata/golden.json
/usr/bin/python3 scripts/golden_curvature.py internal/torch/testdata/curvature.json
