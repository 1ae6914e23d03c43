//! How those that serve came to be admitted, and whether they still may.

use jiff::Timestamp;
use waystation_runtime::LoadError;

use super::{AnyPlugin, Plugins};
use crate::history::Served;
use crate::trust::Standing;

impl Plugins {
    /// How a plugin that serves came to be admitted.
    pub fn standing(&self, name: &str) -> Option<Standing> {
        self.standings.read().get(name).cloned()
    }

    /// What serves as a plugin, for the record.
    pub(crate) fn served(&self, name: &str) -> Option<Served> {
        let (serving, standing) = (self.get(name)?.serving()?, self.standing(name)?);
        let grants = serving
            .grants
            .iter()
            .flat_map(|row| row.granted.iter().map(move |granted| format!("{} {granted}", row.capability)));
        Some(Served {
            name: serving.manifest.name.to_string(),
            version: serving.manifest.version.to_string(),
            digest: serving.digest.clone(),
            trust: standing.trusted.as_str().to_owned(),
            signers: standing.signers(),
            grants: grants.collect(),
        })
    }

    /// Takes those out of service that may not run any more, and gives them with the reason.
    pub(crate) fn judge_again(&self, now: Timestamp) -> Vec<(String, LoadError)> {
        let names: Vec<String> = self.standings.read().keys().cloned().collect();
        names.into_iter().filter_map(|name| self.judge_one(&name, now).err().map(|e| (name, e))).collect()
    }

    /// Takes a plugin out of service that may not run any more.
    ///
    /// # Errors
    /// Why it may not.
    pub(super) fn judge_one(&self, name: &str, now: Timestamp) -> Result<(), LoadError> {
        let Some(evidence) = self.standing(name).and_then(|standing| standing.evidence) else {
            return Ok(());
        };
        let Err(error) = self.admission.judge_again(&evidence, now) else { return Ok(()) };
        let Some(plugin) = self.get(name) else { return Ok(()) };
        // By now another version may serve, which was judged when it came.
        if plugin.serving().is_none_or(|serving| serving.digest != evidence.digest().to_string()) {
            return Ok(());
        }
        match plugin {
            AnyPlugin::Source(plugin) => plugin.withdraw(&error),
            AnyPlugin::Notifier(plugin) => plugin.withdraw(&error),
            AnyPlugin::Hook(plugin) => plugin.withdraw(&error),
            AnyPlugin::Unknown(_) => {}
        }
        self.standings.write().remove(name);
        self.withdrawn.write().insert(name.to_owned());
        Err(error)
    }

    /// Whether any plugin runs, or ran, because the trust policy admits it.
    pub(crate) fn needs_trust(&self) -> bool {
        let verified = |standing: &Standing| standing.evidence.is_some();
        self.standings.read().values().any(verified) || !self.withdrawn.read().is_empty()
    }

    /// Those that were taken out of service by [`Plugins::judge_again`] and did not come back.
    pub(crate) fn withdrawn(&self) -> Vec<String> {
        self.withdrawn.read().iter().cloned().collect()
    }
}
