#!/bin/bash
# Checks deploy/kubernetes/*.yaml against the Prometheus operator's definitions, as its published models
# have them: the schema (what must be there, and of which type), and the types (which keys there are:
# a cluster drops those that it does not know). Needs node and npm; installs into the target directory.
#
#   bash ci/operator.sh
set -euo pipefail
cd "$(dirname "$0")/.."

command -v npm >/dev/null || {
    echo "ci/operator.sh: missing: npm (Debian package npm)" >&2
    exit 1
}
work=${CARGO_TARGET_DIR:-$PWD/target}/operator
mkdir -p "$work"
npm install --silent --loglevel=error --ignore-scripts --no-audit --no-fund --prefix "$work" \
    @kubernetes-models/prometheus-operator@6.0.0 js-yaml@4 typescript@5 >/dev/null

cat >"$work/check.mjs" <<'CHECK'
import { readFileSync, writeFileSync } from 'node:fs';
import yaml from 'js-yaml';
import * as models from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';

const [from, to] = process.argv.slice(2);
const object = yaml.load(readFileSync(from, 'utf8'));
new models[object.kind](object).validate();
const type = `I${object.kind}`;
const module = '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
writeFileSync(to, `import type { ${type} } from '${module}';
export const object: ${type} = ${JSON.stringify(object)};
`);
CHECK

fits() {
    (cd "$work" && node check.mjs "$1" "$2" && npx --no-install tsc --noEmit --strict --skipLibCheck \
        --module esnext --moduleResolution bundler --target es2022 "$2")
}

count=0
for file in deploy/kubernetes/*.yaml; do
    fits "$PWD/$file" "$(basename "$file" .yaml).ts"
    count=$((count + 1))
done
# What is missing, of a wrong type or unknown must be found, or the check means nothing.
for fault in 's/expr:/exprr:/' 's/for: .*/for: 12/' 's/groups:/group:/' 's/scrapeTimeout:/scrape_timeout:/' \
    's/honorLabels: true/honorLabels: "yes"/' 's/podMetricsEndpoints/podMetricEndpoints/'; do
    found=
    for file in deploy/kubernetes/*.yaml; do
        sed "$fault" "$file" >"$work/fault.yaml"
        cmp -s "$work/fault.yaml" "$file" && continue
        fits "$work/fault.yaml" fault.ts >/dev/null 2>&1 || found=yes
    done
    [ "$found" = yes ] || {
        echo "ci/operator.sh: $fault is not noticed" >&2
        exit 1
    }
done
rm -f "$work"/fault.*
echo "$count objects fit the operator's definitions"
