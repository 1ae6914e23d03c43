//! `waystation plugin search` and `waystation plugin versions`

use crate::args::{Global, IndexAccess};
use crate::commands::registry::{open, refused};
use crate::exit::Outcome;
use crate::output;

pub(super) async fn search(global: &Global, words: &[String], from: &IndexAccess) -> Outcome {
    let catalog = open::catalog(from).await?;
    let found = catalog.search(&words.join(" "));
    if global.json {
        return Ok(output::json(&found)?);
    }
    let rows = found.iter().map(|entry| {
        let about = &entry.about;
        [entry.name.clone(), entry.version.to_string(), about.kind.clone(), output::short(&about.summary, 80)]
    });
    output::table(["PLUGIN", "VERSION", "KIND", "SUMMARY"], rows);
    for (namespace, since) in catalog.lapsed() {
        output::note(format!("plugins of {namespace} are not offered: their list ended {since}"));
    }
    Ok(())
}

pub(super) async fn versions(global: &Global, name: &str, from: &IndexAccess) -> Outcome {
    let catalog = open::catalog(from).await?;
    let versions = catalog.versions(name).map_err(refused)?;
    if global.json {
        return Ok(output::json(&versions)?);
    }
    let rows = versions.iter().map(|entry| {
        let about = &entry.about;
        let withdrawn = about.yanked.as_ref().map(|why| format!("withdrawn: {}", output::short(why, 60)));
        [
            entry.version.to_string(),
            about.kind.clone(),
            about.host.to_string(),
            output::bytes(about.size),
            entry.digest.to_string(),
            withdrawn.unwrap_or_default(),
        ]
    });
    output::table(["VERSION", "KIND", "HOSTS", "SIZE", "DIGEST", ""], rows);
    Ok(())
}
