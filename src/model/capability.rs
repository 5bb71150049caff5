//! Owns what this version and metadata store can do, with the reason where it cannot.
//! Sources: RabbitMQ release notes 3.13, 4.0, 4.1, 4.3 and the clustering guide.

use super::Model;
use super::broker::{MetadataStore, Version};
use super::moment::Moment;
use super::observation::SourceKind;
use super::reading::Reading;

/// What the cluster as a whole is: its lowest version and its metadata store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capability {
    /// The lowest version among the members that answer.
    pub version: Option<Version>,
    /// Mnesia or Khepri.
    pub store: Option<MetadataStore>,
}

impl Capability {
    /// Derives the store where the version alone decides: Khepri exists from 3.13, Mnesia ended
    /// with 4.2.
    pub fn new(version: Option<Version>, khepri_enabled: Option<Option<bool>>) -> Self {
        let store = match version.as_ref().map(Version::series) {
            Some(series) if series < (3, 13) => Some(MetadataStore::Mnesia),
            Some(series) if series >= (4, 3) => Some(MetadataStore::Khepri),
            _ => khepri_enabled.map(|enabled| {
                if enabled == Some(true) {
                    MetadataStore::Khepri
                } else {
                    MetadataStore::Mnesia
                }
            }),
        };
        Self { version, store }
    }

    /// Whether stopping a member needs a majority of members to stay: Khepri is a Raft store.
    pub fn needs_majority(&self) -> Option<bool> {
        self.store.map(|store| store == MetadataStore::Khepri)
    }

    /// Whether classic queues can still be mirrored (removed in 4.0).
    pub fn has_mirroring(&self) -> Option<bool> {
        self.version
            .as_ref()
            .map(|version| version.series() < (4, 0))
    }

    /// Whether the management API tells which members are in maintenance mode (3.11.19, 3.12.1).
    pub fn reports_draining(&self) -> Option<bool> {
        self.version.as_ref().map(|version| match version.series() {
            series if series < (3, 11) => false,
            (3, 11) => version.numbers.2 >= 19,
            (3, 12) => version.numbers.2 >= 1,
            _ => true,
        })
    }

    /// Why there can be no RAM members, with what the cluster is; `None` where there can.
    pub fn lacks_ram(&self) -> Option<String> {
        let words = self.words();
        match (self.version.as_ref(), self.needs_majority()) {
            (Some(version), _) if version.series() >= (4, 3) => Some(format!(
                "RAM nodes were removed in RabbitMQ 4.3; this is {words}"
            )),
            (_, Some(true)) => Some(format!("Khepri knows no RAM nodes; this is {words}")),
            (None, _) | (_, None) => Some(format!(
                "whether RAM nodes exist here is not known; this is {words}"
            )),
            (Some(_), Some(false)) => None,
        }
    }

    /// In words, for a header: `RabbitMQ 3.10.8 · mnesia`.
    pub fn words(&self) -> String {
        let version = self
            .version
            .as_ref()
            .map_or_else(|| "–".to_owned(), ToString::to_string);
        match self.store {
            Some(store) => format!("RabbitMQ {version} · {store}"),
            None => format!("RabbitMQ {version}"),
        }
    }
}

impl Model {
    /// What the cluster can do, by the views that are current, else by the last known.
    pub fn capability(&self, now: Moment) -> Capability {
        let current = self
            .views(now)
            .filter_map(|(_, report)| report.version.as_ref())
            .min();
        let known = self
            .brokers
            .values()
            .filter_map(Reading::last)
            .filter_map(|report| report.version.as_ref())
            .min();
        Capability::new(
            current.or(known).cloned(),
            self.metadata_store
                .last()
                .map(|report| report.khepri_enabled),
        )
    }

    /// Whether the version and store rest on a current reading (preflight P2).
    pub fn capability_is_current(&self, now: Moment) -> bool {
        let limit = super::freshness_limit(SourceKind::MetadataStore);
        self.views(now).any(|(_, report)| report.version.is_some())
            && (self.metadata_store.current(now, limit).is_some()
                || self
                    .capability(now)
                    .version
                    .is_some_and(|v| v.series() < (3, 13) || v.series() >= (4, 3)))
    }
}

#[cfg(test)]
mod tests {
    use super::Capability;
    use crate::model::broker::{MetadataStore, Version};

    #[test]
    fn the_store_follows_version_and_flag() {
        let store =
            |version: &str, flag| Capability::new(Some(Version::parse(version)), flag).store;
        assert_eq!(store("3.10.8", None), Some(MetadataStore::Mnesia));
        assert_eq!(store("4.3.6", None), Some(MetadataStore::Khepri));
        assert_eq!(store("4.0.5", None), None);
        assert_eq!(
            store("4.0.5", Some(Some(false))),
            Some(MetadataStore::Mnesia)
        );
        assert_eq!(
            store("4.0.5", Some(Some(true))),
            Some(MetadataStore::Khepri)
        );
    }
}
