//! The files of `deploy/` and `docs/metrics.md` are what the command generates, and every query in
//! them fits the families that are exposed.

mod command;
mod dashboards;
mod documentation;
mod families;
mod files;
mod labels;
mod rules;
