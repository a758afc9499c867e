"""Reads an exposition from standard input with the official parser of the format that is named, text
or openmetrics, and writes what it understood as lines of JSON: {"name", "type", "help", "unit"} of
each family, each followed by {"name", "labels", "value", "exemplar"} of its samples. Labels with an
empty value are left out, as Prometheus does."""

import json
import sys

try:
    from prometheus_client.openmetrics import parser as openmetrics
    from prometheus_client import parser as text
except ImportError:
    sys.exit("missing: the PyPI package prometheus-client (bash ci/test.sh installs it)")


def present(labels):
    return {name: value for name, value in labels.items() if value}


def exemplar_of(sample):
    exemplar = sample.exemplar
    if exemplar is None:
        return None
    labels, value, at = exemplar
    return {"labels": labels, "value": repr(float(value)), "timestamp": repr(float(at))}


exposition = sys.stdin.buffer.read().decode("utf-8")
parser = {"text": text, "openmetrics": openmetrics}[sys.argv[1]]
for family in parser.text_string_to_metric_families(exposition):
    # The parser of text drops a counter's suffix from the family's name, and puts it back on its samples.
    about = {"name": family.name, "type": family.type, "help": family.documentation, "unit": family.unit}
    print(json.dumps(about))
    for sample in family.samples:
        if sample.timestamp is not None:
            sys.exit(f"{sample.name} has a timestamp")
        about = {"name": sample.name, "labels": present(sample.labels), "value": repr(float(sample.value))}
        print(json.dumps(about | {"exemplar": exemplar_of(sample)}))
