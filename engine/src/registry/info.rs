//! Infos: facts about the program, as labels of a series that is always 1.
//! Upstream: the program. Downstream: the family's map and list.

use super::labels::LabelTexts;
use super::{Family, InfoFamily, Key, Kind, LabelSet, Names, Registry, Request, names_of, values};
use crate::error::RegisterError;
use crate::record::Info;

/// The name that an info is exposed under.
pub(super) const SUFFIX: &str = "_info";

/// Adds the suffix, unless it is there.
pub(super) fn add_suffix(name: &mut String) {
    if !name.ends_with(SUFFIX) {
        name.push_str(SUFFIX);
    }
}

/// Names and values, of which a series needs the values.
struct Pairs<'a>(&'a [(&'a str, &'a str)]);

impl LabelTexts for Pairs<'_> {
    const COMBINATIONS: usize = 0;

    fn index(&self) -> usize {
        0
    }

    fn all(&self, each: &mut impl FnMut(&str) -> bool) -> bool {
        self.0.iter().all(|(_, value)| each(value))
    }
}

impl Registry {
    /// Exposes facts as labels: `info("build", "Build", &[("version", "1.2")])` gives
    /// `build_info{version="1.2"} 1`. A name that ends in `_info` already stays as it is.
    ///
    /// The same facts again are the same series; others under the same name come beside them. For
    /// facts that change, see [`Registry::info_family`].
    ///
    /// # Errors
    /// An invalid name, help or label, or a clash with another family: see [`RegisterError`].
    pub fn info(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
    ) -> Result<Info, RegisterError> {
        let names: Vec<_> = labels.iter().map(|&(name, _)| name).collect();
        let request = Request::of(Kind::Info, (name, help), &names, None);
        let family = self.family::<Info, Names<0>>(&request)?;
        Ok(Info::of(family.core.with(&Pairs(labels))))
    }

    /// Registers a family of infos, or finds it. Its name gets the suffix `_info`, unless it has it.
    ///
    /// ```
    /// let registry = tmc_engine::Registry::new();
    /// let leader = registry.info_family("leader", "Who leads the cluster", ["node"])?;
    /// leader.replace_all([["node-1"]]);
    /// leader.replace_all([["node-2"]]); // every scrape sees exactly one leader
    /// let snapshot = registry.snapshot();
    /// let family = snapshot.family("leader_info").ok_or("registered above")?;
    /// assert!(family.series().flat_map(|series| series.label_values()).eq(["node-2"]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// An invalid name, help or label, or a clash with another family: see [`RegisterError`].
    pub fn info_family<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&str; N],
    ) -> Result<InfoFamily<N>, RegisterError> {
        self.family(&Request::of(Kind::Info, (name, help), &labels, None))
    }

    /// Registers a family of infos with a derived set of labels, or finds it; as
    /// [`Registry::info_family`].
    ///
    /// # Errors
    /// An invalid name or help, or a clash with another family: see [`RegisterError`].
    pub fn info_family_of<S: LabelSet + 'static>(
        &self,
        name: &str,
        help: &str,
    ) -> Result<Family<Info, S>, RegisterError> {
        self.family(&Request::of(Kind::Info, (name, help), &names_of::<S>(), None))
    }
}

impl<K: Key> Family<Info, K> {
    /// Swaps the whole set of infos: a snapshot sees the old set or the new one. Beyond the family's
    /// limit, infos are refused and counted. Locks, allocates.
    pub fn replace_all<'a>(&self, set: impl IntoIterator<Item = K::Of<'a>>)
    where
        K: 'a,
    {
        let encoded = set.into_iter().map(|values| (values::encode(&values), ()));
        self.core.replace_all(encoded.collect(), |_, ()| ());
    }
}
