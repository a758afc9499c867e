//! The text encoder on types that are all labels: infos and state sets, and on callbacks.
//! Upstream: `Encoder`.

use tmc_engine::Registry;
use tmc_exposition::{Encoder, Format};

/// What the program's own families give, the engine's left out.
fn encode(encoder: &mut Encoder, registry: &Registry) -> String {
    let mut out = Vec::new();
    encoder.encode(&registry.snapshot(), &mut out);
    let text = String::from_utf8(out).unwrap();
    text.split_once("# HELP tmc_engine").map_or(text.as_str(), |(own, _)| own).to_owned()
}

#[test]
fn an_info_is_a_gauge_of_one() {
    let registry = Registry::builder().constant_label("zone", "e\"u").build().unwrap();
    registry.info("build", "Build", &[("version", "1\n2"), ("commit", "")]).unwrap();
    registry.info("empty_info", "", &[]).unwrap();
    let leader = registry.info_family("leader", "Who leads", ["node"]).unwrap();
    let mut encoder = Encoder::new(Format::Text);
    let expected = |node: &str| {
        format!(
            r#"# HELP build_info Build
# TYPE build_info gauge
build_info{{zone="e\"u",version="1\n2",commit=""}} 1
# HELP empty_info 
# TYPE empty_info gauge
empty_info{{zone="e\"u"}} 1
# HELP leader_info Who leads
# TYPE leader_info gauge
leader_info{{zone="e\"u",node="{node}"}} 1
"#
        )
    };
    for node in ["a", "b"] {
        leader.replace_all([[node]]);
        assert_eq!(encode(&mut encoder, &registry), expected(node));
    }
    let plain = Registry::new();
    plain.info("started", "Started", &[]).unwrap();
    let text = encode(&mut encoder, &plain);
    assert_eq!(text, "# HELP started_info Started\n# TYPE started_info gauge\nstarted_info 1\n");
}

#[test]
fn a_state_set_has_a_sample_for_each_state() {
    let registry = Registry::builder().prefix("t").build().unwrap();
    let phase = registry.state_set("phase", "Phase", &["start\"ing", "running"]).unwrap();
    let nodes = registry.state_set_family("node", "Nodes", ["name"], &["up", "full"]).unwrap();
    nodes.init([["a"], ["b\n"]]);
    nodes.with(["b\n"]).set("full", true);
    let mut encoder = Encoder::new(Format::Text);
    for (running, starting) in [(1, 0), (0, 1), (1, 0)] {
        phase.only(if running == 1 { "running" } else { "start\"ing" });
        let expected = format!(
            r#"# HELP t_node Nodes
# TYPE t_node gauge
t_node{{name="a",t_node="up"}} 0
t_node{{name="a",t_node="full"}} 0
t_node{{name="b\n",t_node="up"}} 0
t_node{{name="b\n",t_node="full"}} 1
# HELP t_phase Phase
# TYPE t_phase gauge
t_phase{{t_phase="start\"ing"}} {starting}
t_phase{{t_phase="running"}} {running}
"#
        );
        assert_eq!(encode(&mut encoder, &registry), expected);
    }
}

#[test]
fn callbacks_are_gauges_and_counters_like_others() {
    let registry = Registry::new();
    let _load = registry.gauge_callback("load", "Load", || 0.25).unwrap();
    let read = registry.counter_family("read_bytes_total", "Read", ["disk"]).unwrap();
    let callbacks = [("sda", 7), ("sdb", u64::MAX)].map(|(d, n)| read.callback([d], move || n));
    let expected = r#"# HELP load Load
# TYPE load gauge
load 0.25
# HELP read_bytes_total Read
# TYPE read_bytes_total counter
read_bytes_total{disk="sda"} 7
read_bytes_total{disk="sdb"} 18446744073709551615
"#;
    let mut encoder = Encoder::new(Format::Text);
    assert_eq!(encode(&mut encoder, &registry), expected);
    drop(callbacks);
    let (load, _) = expected.split_once("# HELP read").unwrap();
    assert_eq!(encode(&mut encoder, &registry), load);
}
