#!/bin/bash
# Checks the types of deploy/dashboards/*.json against those of Grafana 13: every key and value of the
# dashboard, of its panels' options and of their lines. Needs node and npm; installs into the target
# directory.
#
#   bash ci/dashboards.sh
set -euo pipefail
cd "$(dirname "$0")/.."

command -v npm >/dev/null || {
    echo "ci/dashboards.sh: missing: npm (Debian package npm)" >&2
    exit 1
}
work=${CARGO_TARGET_DIR:-$PWD/target}/dashboards
mkdir -p "$work"
npm install --silent --loglevel=error --ignore-scripts --no-audit --no-fund --prefix "$work" @grafana/schema@13.2 typescript@5

check() {
    local json=$1 out=$2
    # The published types name enums; JSON has their values. Loose takes the values, and no others.
    cat <<'TYPES' >"$out"
import { Dashboard, GraphFieldConfig, Panel } from '@grafana/schema';
import type { Options as BarGauge } from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type { Options as Stat } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { Options as Lines } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

type Loose<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Loose<T[K]> } : T;
type Typed<Type extends string, Options, Custom> = Omit<Loose<Panel>, 'type' | 'options' | 'fieldConfig'> & {
  type: Type;
  options: Loose<Options>;
  fieldConfig: Omit<Loose<NonNullable<Panel['fieldConfig']>>, 'defaults'> & {
    defaults: Omit<Loose<NonNullable<Panel['fieldConfig']>['defaults']>, 'custom'> & Custom;
  };
};
type Row = { type: 'row'; id: number; title: string; collapsed: boolean; gridPos: Loose<Panel['gridPos']>; panels: [] };
type Ours = Omit<Loose<Dashboard>, 'panels'> & {
  panels: Array<
    | Row
    | Typed<'timeseries', Lines, { custom: Loose<GraphFieldConfig> }>
    | Typed<'stat', Stat, { custom?: never }>
    | Typed<'bargauge', BarGauge, { custom?: never }>
  >;
};
TYPES
    { echo -n 'export const dashboard: Ours = '; cat "$json"; } >>"$out"
}

types_fit() {
    (cd "$work" && npx --no-install tsc --noEmit --strict --skipLibCheck --module esnext \
        --moduleResolution bundler --target es2022 "$@")
}

files=()
for json in deploy/dashboards/*.json; do
    file=$work/$(basename "$json" .json).ts
    check "$json" "$file"
    files+=("$file")
done
types_fit "${files[@]}"
# A wrong key and a wrong value must be found, or the types mean nothing.
for fault in 's/"displayMode": "table"/"displayMode": "tabel"/' 's/"graphMode"/"graphMood"/' \
    's/"schemaVersion": 42/"schemaVersion": "42"/' 's/"lineWidth"/"lineWith"/'; do
    sed "$fault" deploy/dashboards/overview.json >"$work/fault.json"
    ! cmp -s "$work/fault.json" deploy/dashboards/overview.json
    check "$work/fault.json" "$work/fault.ts"
    if types_fit fault.ts >/dev/null; then
        echo "ci/dashboards.sh: $fault is not noticed" >&2
        exit 1
    fi
done
rm "$work"/fault.*
echo "${#files[@]} dashboards fit the types of Grafana"
