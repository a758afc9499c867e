"""Reads text format 0.0.4 from standard input with the official parser and writes what it
understood as lines of JSON: {"name", "type"} of each family, {"name", "labels", "value"} of each
sample. Labels with an empty value are left out, as Prometheus does."""

import json
import sys

try:
    from prometheus_client.parser import text_string_to_metric_families
except ImportError:
    sys.exit("missing: the PyPI package prometheus-client (bash ci/test.sh installs it)")

text = sys.stdin.buffer.read().decode("utf-8")
for family in text_string_to_metric_families(text):
    # The parser drops a counter's suffix from the family's name, and puts it back on its samples.
    print(json.dumps({"name": family.name, "type": family.type}))
    for sample in family.samples:
        labels = {name: value for name, value in sample.labels.items() if value}
        print(json.dumps({"name": sample.name, "labels": labels, "value": repr(sample.value)}))
