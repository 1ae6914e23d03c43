//! An index as it is named on the command line.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use url::Url;
use waystation_egress::Roots;
use waystation_index::{Catalog, Clock, Fetch, Folder, Index, Limits, Web};
use waystation_oci::{Client, Options};

use super::{read, refused, usage};
use crate::args::IndexAccess;
use crate::commands::plugin::registry;
use crate::exit::{Exit, Failure};

pub(crate) const LIMITS: Limits = Limits::DEFAULT;

/// Opens it. Nothing is asked yet.
pub(crate) fn index(access: &IndexAccess) -> Result<Index, Failure> {
    let root = read(&access.root)?;
    let roots = Roots::load(access.ca_file.as_deref());
    let roots = roots.map_err(|e| Failure::new(Exit::Failed, e.to_string()).code(e.code()))?;
    let mut options = Options::new(roots);
    options.plain_http.extend(access.plain_http.iter().cloned());
    options.progress = registry::progress();
    let mut places = Vec::new();
    for text in &access.index {
        let place = place(text)?;
        if let Place::Web(url) = &place {
            let host = url.host_str().unwrap_or_default();
            let server = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
            if url.scheme() == "http" {
                // Named as such by who asks; what comes is signed.
                options.plain_http.insert(server.clone());
            }
            if let Some(file) = &access.password_file {
                options.credentials.insert(server, registry::credentials(file, access.user.as_deref())?);
            }
        }
        places.push(place);
    }
    let client = Arc::new(Client::new(options).map_err(registry::refused)?);
    let state = match &access.state {
        Some(folder) => folder.clone(),
        None => memory(places.first())?,
    };
    let sources = places.into_iter().map(|place| match place {
        Place::Web(url) => Arc::new(Web::new(url, Arc::clone(&client))) as Arc<dyn Fetch>,
        Place::Folder(folder) => Arc::new(Folder(folder)),
    });
    let index = Index::open(sources.collect(), root, Some(&state), &LIMITS).map_err(refused)?;
    Ok(index.with_registries(client))
}

/// What it offers now, or offered when it was read last.
pub(crate) async fn catalog(access: &IndexAccess) -> Result<Catalog, Failure> {
    let index = index(access)?;
    let clock = clock(access.late);
    match access.offline {
        true => index.catalog(&clock).map_err(refused),
        false => index.refresh(&clock).await.map_err(refused),
    }
}

/// Now, with so many days of lateness.
pub(crate) fn clock(late: u16) -> Clock {
    Clock::at(Timestamp::now()).late_by(SignedDuration::from_hours(24 * i64::from(late)))
}

enum Place {
    Web(Url),
    Folder(PathBuf),
}

fn place(text: &str) -> Result<Place, Failure> {
    if !text.contains("://") {
        return Ok(Place::Folder(text.into()));
    }
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.host_str().is_some() => {
            Ok(Place::Web(url))
        }
        _ => Err(usage(format!("`{text}` is neither a folder nor an address of http or https"))),
    }
}

/// Where what was seen of an index is kept, unless somebody says otherwise: by where the index is, so that another
/// root for the same place is noticed.
fn memory(place: Option<&Place>) -> Result<PathBuf, Failure> {
    let name = match place {
        Some(Place::Web(url)) => url.to_string(),
        Some(Place::Folder(folder)) => absolute(folder)?.display().to_string(),
        None => String::new(),
    };
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = variable("XDG_STATE_HOME").or_else(|| Some(variable("HOME")?.join(".local/state")));
    let base =
        base.ok_or_else(|| usage("there is no home folder to keep what was seen; name one with --state"))?;
    let short = hex::encode(Sha256::digest(name.as_bytes()));
    Ok(base.join("waystation/indexes").join(short.get(..32).unwrap_or_default()))
}

fn absolute(folder: &Path) -> Result<PathBuf, Failure> {
    std::fs::canonicalize(folder)
        .map_err(|e| Failure::new(Exit::Failed, format!("{}: {e}", folder.display())).code("io"))
}
