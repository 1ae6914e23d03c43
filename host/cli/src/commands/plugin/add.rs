//! `waystation plugin add` and `waystation plugin remove`: a plugin's section of waystation.toml.

mod document;
mod section;

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;
use waystation_server::config::{Config, MAX_CONFIG, Name, Plugin};
use waystation_server::plan;
use waystation_server::trust::Lock;

use self::section::Section;
use super::sync::{self, Seen};
use crate::args::{Global, PluginAdd};
use crate::exit::{Exit, Failure, Outcome};
use crate::{config, files, output};

/// The configuration that is to be edited: what lies there and what it means.
struct Open {
    path: PathBuf,
    text: String,
    config: Config,
}

impl Open {
    fn read(global: &Global) -> Result<Self, Failure> {
        let Some(file) = config::file(global) else {
            return Err(Failure::new(Exit::Config, "there is no waystation.toml here")
                .code("no-config")
                .hint("go to the folder of one, or name one with --config; an empty file will do"));
        };
        // A link stays one: what it leads to is edited.
        let path = file.canonicalize().map_err(|e| files::io(&file, &e))?;
        let text = files::text(&path, usize::try_from(MAX_CONFIG).unwrap_or(usize::MAX))?;
        let config = config::read(Some(&path)).map_err(|e| config::invalid(&e))?;
        Ok(Self { path, text, config })
    }

    /// What another text of this file would mean; paths as they are written.
    fn meaning(&self, text: &str) -> Result<Config, Failure> {
        let name = self.path.display().to_string();
        Config::parse(Some((&name, text.as_bytes())), &config::environment()).map_err(|e| config::invalid(&e))
    }

    /// Puts another text there, if nobody else wrote in the meantime.
    fn replace(&self, text: &str) -> Outcome {
        let now = files::text(&self.path, usize::try_from(MAX_CONFIG).unwrap_or(usize::MAX))?;
        if now != self.text {
            let message = format!("{} was changed by somebody else meanwhile", self.path.display());
            return Err(Failure::new(Exit::Failed, message).code("changed-meanwhile").hint("try again"));
        }
        files::replace(&self.path, text.as_bytes())
    }
}

pub(super) async fn add(global: &Global, args: &PluginAdd) -> Outcome {
    let open = Open::read(global)?;
    let place = place(args, &open)?;
    let plugin = plugin(&place)?;
    if let Some(key) = &args.key {
        free(&open.config, key)?;
    }
    let called = args.key.clone().or_else(|| args.name.clone()).unwrap_or_else(|| "it".to_owned());
    let seen = sync::look(&open.config, &called, &plugin).await?;
    let manifest = seen.bundle.manifest();
    let key = args.key.clone().unwrap_or_else(|| manifest.name.short().to_owned());
    free(&open.config, &key)?;
    let settings = match plan::required(&open.config, &key, &plugin, seen.bundle.clone()).await {
        Ok(settings) => settings,
        Err(e) => {
            output::note(format!("it was not asked which settings it needs: {e}"));
            Vec::new()
        }
    };
    let section = Section { key: &key, place: &place, manifest, settings: &settings };
    let added = section.text();
    let text = document::appended(&open.text, &added);
    let after = changed(&open, &text, &key, true)?;

    if !global.json {
        tell(&key, &seen, &added);
    }
    if args.dry_run {
        return match global.json {
            true => Ok(output::json(&answer(&key, &seen, &added, false))?),
            false => Ok(()),
        };
    }
    agreed(args, &open.path)?;
    // What is decided on is what was shown, and everything that could go wrong does so before anything is written.
    let approved = BTreeMap::from([(key.clone(), seen.bundle.content_digest())]);
    let mut done = sync::one(&after, &key, approved).await?;
    if done.digest(&key).is_some_and(|digest| digest != seen.bundle.content_digest()) {
        let message = "the place gave another plugin the second time that it was asked";
        return Err(Failure::new(Exit::Failed, message).code("changed-meanwhile").hint("try again"));
    }
    done.stuck()?;
    open.replace(&text)?;
    done.write(&after)?;
    if global.json {
        return Ok(output::json(&answer(&key, &seen, &added, true))?);
    }
    output::note(format!("wrote [plugins.{key}] into {} and decided on this version", open.path.display()));
    next(&key, &section);
    Ok(())
}

pub(super) fn remove(global: &Global, key: &str) -> Outcome {
    let open = Open::read(global)?;
    if !open.config.plugins.contains_key(key) {
        return Err(Failure::new(Exit::NotFound, format!("no plugin `{key}` is configured")));
    }
    let text = document::without(&open.text, key)?;
    let after = changed(&open, &text, key, false).map_err(|failure| match failure.exit {
        Exit::Config => Failure {
            message: format!("without it the configuration is not whole, so it stays:\n{}", failure.message),
            ..failure
        }
        .code("plugin-in-use")
        .hint("first take out the items and channels that use it"),
        _ => failure,
    })?;
    open.replace(&text)?;
    let unusable =
        |e: waystation_server::trust::LockError| Failure::new(Exit::Failed, e.to_string()).code(e.code());
    let mut lock = Lock::read(&after.trust.lock).map_err(unusable)?;
    let was = lock.plugins.remove(key);
    if was.is_some() {
        lock.write(&after.trust.lock).map_err(unusable)?;
    }
    if global.json {
        return Ok(output::json(&json!({ "plugin": key, "removed": true, "was": was }))?);
    }
    output::note(format!("took [plugins.{key}] out of {}", open.path.display()));
    output::note("a running host goes on with it until it is started again");
    Ok(())
}

/// Where it comes from, as it is written.
fn place(args: &PluginAdd, open: &Open) -> Result<Vec<(&'static str, String)>, Failure> {
    if let Some(reference) = &args.oci {
        return Ok(vec![("oci", reference.clone())]);
    }
    if let Some(file) = &args.file {
        let here = std::env::current_dir().and_then(|here| here.canonicalize()).ok();
        let beside = open.path.parent().is_some_and(|folder| here.as_deref() == Some(folder));
        // What a configuration says starts from its own folder.
        let file = match beside || file.is_absolute() {
            true => file.clone(),
            false => std::path::absolute(file).map_err(|e| files::io(file, &e))?,
        };
        let text = file.to_str().ok_or_else(|| Failure::new(Exit::Usage, "the file's name is not UTF-8"))?;
        return Ok(vec![("file", text.to_owned())]);
    }
    let name = args.name.clone().unwrap_or_default();
    let known: Vec<&str> = open.config.indexes.keys().map(Name::as_str).collect();
    let failed = |code: &str, message: String| Failure::new(Exit::Config, message).code(code);
    match (&args.index, known.as_slice()) {
        (_, []) => {
            return Err(failed("no-index", format!("there is no index in which {name} could be"))
                .hint("add [indexes.NAME] to waystation.toml, or take it from a registry (--oci) or a file (--file)"));
        }
        (Some(index), known) if !known.contains(&index.as_str()) => {
            return Err(failed("no-index", format!("there is no index `{index}`"))
                .hint(format!("there are: {}", known.join(", "))));
        }
        (None, [_, _, ..]) => {
            return Err(failed("no-index", "there are several indexes".to_owned())
                .hint(format!("say which with --index: {}", known.join(", "))));
        }
        _ => {}
    }
    let more = [("version", &args.version), ("index", &args.index)];
    let more = more.into_iter().filter_map(|(key, value)| Some((key, value.clone()?)));
    Ok([("name", name)].into_iter().chain(more).collect())
}

/// What those lines mean, without anything granted.
fn plugin(place: &[(&'static str, String)]) -> Result<Plugin, Failure> {
    let table: toml::Table =
        place.iter().map(|(key, value)| ((*key).to_owned(), value.clone().into())).collect();
    table.try_into().map_err(|e: toml::de::Error| Failure::new(Exit::Usage, e.message().to_owned()))
}

fn free(config: &Config, key: &str) -> Outcome {
    match config.plugins.contains_key(key) {
        false => Ok(()),
        true => Err(Failure::new(Exit::Failed, format!("there is a plugin `{key}` already"))
            .code("name-taken")
            .hint("give this one another name with --as, or update that one: `waystation plugin update`")),
    }
}

/// What the configuration means with another text: the same but for this one plugin, or it is not written.
fn changed(open: &Open, text: &str, key: &str, added: bool) -> Result<Config, Failure> {
    let uneditable = || {
        let message = format!("{} is written in a way that is not edited here", open.path.display());
        Failure::new(Exit::Failed, message).code("config-uneditable").hint("edit it by hand")
    };
    let (mut less, mut more) = (open.meaning(&open.text)?, open.meaning(text)?);
    let mut after = open.config.clone();
    match added {
        true => {
            let (name, mut plugin) = more.plugins.remove_entry(key).ok_or_else(uneditable)?;
            let folder = open.path.parent().unwrap_or(Path::new(""));
            plugin.file = plugin.file.map(|file| folder.join(file));
            after.plugins.insert(name, plugin);
        }
        false => {
            less.plugins.remove(key);
            after.plugins.remove(key);
        }
    }
    if less == more { Ok(after) } else { Err(uneditable()) }
}

fn tell(key: &str, seen: &Seen, section: &str) {
    let manifest = seen.bundle.manifest();
    output::line(format!("{key}: {} {} ({})", manifest.name, manifest.version, manifest.kind));
    output::line(format!("    {}", output::short(&manifest.summary, 100)));
    output::line(format!("    {}", seen.bundle.content_digest()));
    seen.signers.iter().for_each(|signer| output::line(format!("    signed by {signer}")));
    if seen.signers.is_empty() {
        output::line(format!("    {}", seen.message));
    }
    for request in &manifest.requests {
        let optional = if request.optional { ", optionally" } else { "" };
        let wanted = request.capability.wanted().join(", ");
        output::line(format!("    asks for {}{optional}: {wanted}", request.capability.word()));
        output::line(format!("        {}", output::short(&request.why, 100)));
    }
    output::line(format!("\n{}", section.trim()));
}

fn answer(key: &str, seen: &Seen, section: &str, written: bool) -> serde_json::Value {
    let manifest = seen.bundle.manifest();
    let requests = manifest.requests.iter().map(|request| {
        json!({
            "capability": request.capability.word(), "wanted": request.capability.wanted(),
            "why": request.why, "optional": request.optional,
        })
    });
    json!({
        "plugin": key, "name": manifest.name.as_str(), "version": manifest.version.to_string(),
        "kind": manifest.kind.to_string(), "digest": seen.bundle.content_digest(), "signers": seen.signers,
        "dev": seen.dev, "requests": requests.collect::<Vec<_>>(), "section": section.trim(), "written": written,
    })
}

/// Whether whoever runs this wants it written.
fn agreed(args: &PluginAdd, path: &Path) -> Outcome {
    if args.yes {
        return Ok(());
    }
    let refused = |message: &str| Failure::new(Exit::Failed, message).code("not-confirmed");
    if !std::io::stdin().is_terminal() {
        return Err(refused("nothing was written: there is nobody to ask whether it may have these grants")
            .hint("look at them with --dry-run, and give --yes"));
    }
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "\nWrite this into {}? [y/N] ", path.display());
    let _ = stderr.flush();
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    match read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes") {
        true => Ok(()),
        false => Err(refused("nothing was written")),
    }
}

fn next(key: &str, section: &Section<'_>) {
    output::note("\nNext:");
    if section.is_open() {
        output::note(format!("  fill in the lines of [plugins.{key}] that are written as comments"));
    }
    output::note("  waystation config plan      whether it loads, and with which rights");
    output::note("  start the host again; it takes new plugins into service as it starts");
}
