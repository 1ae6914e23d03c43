//! `waystation registry mirror`, `export`, `import` and `index check`: copies of an index.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use semver::VersionReq;
use serde_json::json;
use waystation_index::{Place, Which};

use super::open::{self, LIMITS, clock};
use super::{read, refused, usage};
use crate::args::{Global, IndexAccess};
use crate::exit::{Exit, Failure, Outcome};
use crate::output;

/// Which plugins are meant.
pub(super) fn which(plugins: &[String], all: bool) -> Result<Which, Failure> {
    if plugins.is_empty() {
        return Ok(if all { Which::All } else { Which::Newest });
    }
    let parse = |text: &String| match text.split_once('@') {
        None => Ok((text.clone(), None)),
        Some((name, range)) => match range.parse::<VersionReq>() {
            Ok(range) => Ok((name.to_owned(), Some(range))),
            Err(e) => Err(usage(format!("`{range}` is no range of versions: {e}"))),
        },
    };
    plugins.iter().map(parse).collect::<Result<_, _>>().map(Which::Of)
}

pub(super) async fn mirror(global: &Global, plugins: &[String], to: &Path, from: &IndexAccess) -> Outcome {
    let which = which(plugins, true)?;
    let done = open::index(from)?.mirror(to, &which, &clock(from.late)).await.map_err(refused)?;
    if global.json {
        output::json(&done)?;
    } else {
        let (all, new) = (done.plugins, done.fetched);
        output::line(format!(
            "{all} plugins in {}, {new} of them new ({})",
            to.display(),
            output::bytes(done.bytes)
        ));
        for absent in &done.missing {
            output::line(format!("{} {} is missing: {}", absent.name, absent.version, absent.why));
        }
    }
    match done.missing.as_slice() {
        [] => Ok(()),
        missing => {
            let names: Vec<_> = missing.iter().map(|one| format!("{} {}", one.name, one.version)).collect();
            let message = format!("everything is mirrored but {}, which nobody has", names.join(", "));
            Err(Failure::new(Exit::Failed, message)
                .code("index-no-bundle")
                .hint("ask whoever keeps the index, or have it withdrawn; run this again when it is there"))
        }
    }
}

pub(super) async fn export(
    global: &Global,
    which: &Which,
    file: &Path,
    include: &[PathBuf],
    from: &IndexAccess,
) -> Outcome {
    let mut included = BTreeMap::new();
    for path in include {
        let name = path.file_name().and_then(|name| name.to_str());
        let name =
            name.ok_or_else(|| usage(format!("{} is no file that can be included", path.display())))?;
        if included.insert(name.to_owned(), read(path)?.into()).is_some() {
            return Err(usage(format!("two files to include are called {name}")));
        }
    }
    // Under its name only when it is whole.
    let mut partial = file.as_os_str().to_owned();
    partial.push(".part");
    let partial = PathBuf::from(partial);
    let unwritable =
        |e: std::io::Error| Failure::new(Exit::Failed, format!("{}: {e}", file.display())).code("io");
    let out = BufWriter::new(File::create(&partial).map_err(unwritable)?);
    let exported = open::index(from)?.export(out, which, &included, &clock(from.late)).await;
    let plugins = exported.map_err(|e| {
        let _ = std::fs::remove_file(&partial);
        refused(e)
    })?;
    std::fs::rename(&partial, file).map_err(unwritable)?;
    let size = std::fs::metadata(file).map_err(unwritable)?.len();
    if global.json {
        return Ok(output::json(&json!({ "file": file, "plugins": plugins, "size": size }))?);
    }
    output::line(format!("{plugins} plugins in {} ({})", file.display(), output::bytes(size)));
    Ok(())
}

pub(super) async fn import(global: &Global, file: &Path, to: &Path, root: &Path, late: u16) -> Outcome {
    let opened = File::open(file)
        .map_err(|e| Failure::new(Exit::Failed, format!("{}: {e}", file.display())).code("io"))?;
    let archive = BufReader::new(opened);
    let done = waystation_index::import(archive, to, &read(root)?, &clock(late), &LIMITS).await;
    let done = done.map_err(refused)?;
    if global.json {
        return Ok(output::json(&done)?);
    }
    output::line(format!("{} plugins verified, in {}", done.plugins, to.display()));
    for file in &done.included {
        output::line(format!("include/{} {}", file.name, file.digest));
    }
    if !done.included.is_empty() {
        output::note("nothing vouches for included files: compare their digests before you use one");
    }
    Ok(())
}

pub(super) async fn check(global: &Global, dir: &Path, root: Option<&Path>) -> Outcome {
    let first = dir.join("metadata/1.root.json");
    let root = read(root.unwrap_or(&first))?;
    let report = waystation_index::check(dir, &root, &clock(0), &LIMITS).await.map_err(refused)?;
    let place = |place: Place| match place {
        Place::Here => "here",
        Place::Registry => "in a registry",
        Place::Missing => "missing",
        Place::Damaged => "damaged",
    };
    if global.json {
        output::json(&report)?;
    } else {
        let signed = report.signed.iter();
        let signed = signed
            .map(|(role, signed)| [role.clone(), signed.version.to_string(), signed.expires.to_string()]);
        output::table(["SIGNED", "VERSION", "UNTIL"], signed);
        if !report.plugins.is_empty() {
            output::line("");
            let plugins = report.plugins.iter();
            let plugins = plugins
                .map(|found| [found.name.clone(), found.version.to_string(), place(found.place).to_owned()]);
            output::table(["PLUGIN", "VERSION", "PLACE"], plugins);
        }
        for (namespace, since) in &report.lapsed {
            output::note(format!(
                "{namespace}.json ended {since}: its keepers have to `registry index renew` it"
            ));
        }
        for found in &report.plugins {
            if let Some(why) = &found.why {
                output::note(format!("{} {}: {why}", found.name, found.version));
            }
        }
    }
    let bad = report.plugins.iter().filter(|found| found.place == Place::Damaged).count();
    match bad {
        0 => Ok(()),
        bad => {
            let message = format!("{bad} plugins are not what the index names; add them again");
            Err(Failure::new(Exit::Failed, message).code("index-other-bundle"))
        }
    }
}
