//! Builds the Go peer from Debian's packages, without a network.
//! Upstream: `go/main.go`. Downstream: scrape, which goes on without it and says so.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Debian's packages put the sources of Go libraries.
const LIBRARIES: &str = "/usr/share/gocode";
const INSTALL: &str = "apt-get install --no-install-recommends golang-go \
    golang-github-prometheus-client-golang-dev golang-github-prometheus-common-dev";

/// Builds into the directory `into`, where a second build finds what the first one compiled.
///
/// # Errors
/// Says what is missing and which packages bring it.
pub fn build(into: &Path) -> Result<PathBuf, String> {
    let library = Path::new(LIBRARIES).join("src/github.com/prometheus/client_golang");
    if !library.is_dir() {
        return Err(format!("client_golang is not installed: {INSTALL}"));
    }
    let program = into.join("client_golang");
    let output = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/go/main.go"))
        .env("GO111MODULE", "off")
        .env("GOPATH", LIBRARIES)
        .env("GOCACHE", into.join("go-cache"))
        .env("GOFLAGS", "")
        .output()
        .map_err(|error| format!("go does not start ({error}): {INSTALL}"))?;
    if output.status.success() {
        Ok(program)
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("the Go peer does not build: {}; {INSTALL}", said.trim_end()))
    }
}
