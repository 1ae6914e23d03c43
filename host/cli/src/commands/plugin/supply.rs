//! Where the plugins of a configuration come from.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use semver::VersionReq;
use url::Url;
use waystation_bundle::{ContentDigest, Limits, Package};
use waystation_egress::Roots;
use waystation_index::{Catalog, Clock, Fetch, Folder, Index, Limits as IndexLimits, Web};
use waystation_oci::{Client, Credentials, Options, Reference, Store};
use waystation_runtime::Carried;
use waystation_server::config::{Config, Plugin, Source};
use waystation_server::trust::Locked;

use super::registry;
use crate::config::environment;
use crate::exit::{Exit, Failure};

/// Fetches what a configuration names. Connections and indexes are opened when they are needed.
pub(super) struct Supply<'a> {
    config: &'a Config,
    store: Store,
    options: Options,
    client: Arc<Client>,
    catalogs: BTreeMap<String, (Index, Catalog)>,
}

/// A package, and where it came from in the words of a lock.
pub(super) struct Found {
    pub(super) package: Package,
    pub(super) source: String,
}

impl<'a> Supply<'a> {
    pub(super) fn new(config: &'a Config) -> Result<Self, Failure> {
        let store = Store::open(&config.plugin_store(), &Limits::DEFAULT).map_err(registry::refused)?;
        let options = options(config)?;
        let client = Arc::new(Client::new(options.clone()).map_err(registry::refused)?);
        Ok(Self { config, store, options, client, catalogs: BTreeMap::new() })
    }

    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    /// The package that a lock names, and no other: from the store, or from where it came.
    pub(super) async fn locked(
        &mut self,
        name: &str,
        plugin: &Plugin,
        locked: &Locked,
    ) -> Result<Package, Failure> {
        if let Ok(Some(package)) = self.store.package(locked.digest) {
            return Ok(package);
        }
        let package = match source(name, plugin)? {
            Source::File(file) => from_file(file)?,
            Source::Oci(reference) => {
                let found: Reference = reference.as_str().parse().map_err(registry::refused)?;
                let exact = format!("{}/{}@{}", found.registry(), found.repository(), locked.digest);
                let exact: Reference = exact.parse().map_err(registry::refused)?;
                self.client.pull(&exact, Some(&self.store)).await.map_err(registry::refused)?
            }
            Source::Index(_, _, index) => {
                let index = self.index(name, index.map(AsRef::as_ref))?;
                let store = self.store.clone();
                let (index, catalog) = self.catalog(&index).await?;
                let entry = catalog.by_digest(locked.digest).ok_or_else(|| {
                    let message = format!("the index has {} {} no more", locked.name, locked.digest);
                    Failure::new(Exit::NotFound, message).code("index-no-bundle")
                })?;
                index.fetch(entry, Some(&store)).await.map_err(|e| of_index(&e))?
            }
        };
        held(package, locked.digest, plugin)
    }

    /// What the configuration comes to now.
    pub(super) async fn newest(&mut self, name: &str, plugin: &Plugin) -> Result<Found, Failure> {
        match source(name, plugin)? {
            Source::File(file) => Ok(Found { package: from_file(file)?, source: "file".to_owned() }),
            Source::Oci(reference) => {
                let found: Reference = reference.as_str().parse().map_err(registry::refused)?;
                let package = self.client.pull(&found, Some(&self.store)).await.map_err(registry::refused)?;
                Ok(Found { package, source: from(plugin) })
            }
            Source::Index(id, range, index) => {
                let index = self.index(name, index.map(AsRef::as_ref))?;
                let range = range.map_or(Ok(VersionReq::STAR), |range| range.as_str().parse());
                let range = range.map_err(|e| Failure::new(Exit::Config, e.to_string()))?;
                let host = env!("CARGO_PKG_VERSION")
                    .parse()
                    .map_err(|_| Failure::new(Exit::Failed, "bad version"))?;
                let store = self.store.clone();
                let (index, catalog) = self.catalog(&index).await?;
                let entry = catalog.resolve(id.as_str(), &range, &host).map_err(|e| of_index(&e))?;
                let package = index.fetch(entry, Some(&store)).await.map_err(|e| of_index(&e))?;
                Ok(Found { package, source: from(plugin) })
            }
        }
    }

    /// The index that a plugin is in: the one that is named, or the only one.
    fn index(&self, plugin: &str, named: Option<&str>) -> Result<String, Failure> {
        let only = || self.config.indexes.keys().next().map(|name| name.as_str().to_owned());
        named.map(str::to_owned).or_else(only).ok_or_else(|| {
            Failure::new(Exit::Config, format!("there is no index that could have the plugin `{plugin}`"))
        })
    }

    async fn catalog(&mut self, name: &str) -> Result<&(Index, Catalog), Failure> {
        if !self.catalogs.contains_key(name) {
            let opened = self.open(name)?;
            let late = self.config.indexes.get(name).map(|index| index.late.duration()).unwrap_or_default();
            let late = SignedDuration::try_from(late).unwrap_or(SignedDuration::ZERO);
            let clock = Clock::at(Timestamp::now()).late_by(late);
            let catalog = opened.refresh(&clock).await.map_err(|e| of_index(&e))?;
            self.catalogs.insert(name.to_owned(), (opened, catalog));
        }
        self.catalogs
            .get(name)
            .ok_or_else(|| Failure::new(Exit::Config, format!("there is no index `{name}`")))
    }

    fn open(&self, name: &str) -> Result<Index, Failure> {
        let Some(index) = self.config.indexes.get(name) else {
            return Err(Failure::new(Exit::Config, format!("there is no index `{name}`")));
        };
        let root = std::fs::read(&index.root)
            .map_err(|e| Failure::new(Exit::Config, format!("{}: {e}", index.root.display())).code("io"))?;
        let source: Arc<dyn Fetch> = match (&index.path, &index.url) {
            (Some(path), _) => Arc::new(Folder(path.clone())),
            (None, Some(url)) => {
                let client = self.web(url.as_url(), index.ca_file.as_deref())?;
                Arc::new(Web::new(url.as_url().clone(), client))
            }
            (None, None) => {
                return Err(Failure::new(Exit::Config, format!("the index `{name}` has no place")));
            }
        };
        let state = self.config.server.data_dir.join("indexes").join(name);
        let opened = Index::open(vec![source], root, Some(&state), &IndexLimits::DEFAULT);
        Ok(opened.map_err(|e| of_index(&e))?.with_registries(Arc::clone(&self.client)))
    }

    fn web(&self, url: &Url, ca_file: Option<&Path>) -> Result<Arc<Client>, Failure> {
        let mut options = self.options.clone();
        if let Some(file) = ca_file {
            options.roots = roots(Some(file))?;
        }
        if url.scheme() == "http" {
            // The operator named it as such; what comes is signed.
            let host = url.host_str().unwrap_or_default();
            options
                .plain_http
                .insert(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")));
        }
        Ok(Arc::new(Client::new(options).map_err(registry::refused)?))
    }
}

/// What a plugin's place is called in a lock: what the configuration says, so that another place is another decision.
/// A file's path is not: it is where somebody put it.
pub(super) fn from(plugin: &Plugin) -> String {
    match plugin.source() {
        Some(Source::Oci(reference)) => format!("oci {reference}"),
        Some(Source::Index(id, _, Some(index))) => format!("index {index} {id}"),
        Some(Source::Index(id, _, None)) => format!("index {id}"),
        Some(Source::File(_)) | None => "file".to_owned(),
    }
}

/// Whether what is locked is still what the configuration asks for, as far as that can be told without looking.
pub(super) fn still_wanted(plugin: &Plugin, locked: &Locked) -> bool {
    let range = plugin.version.as_ref().and_then(|range| range.as_str().parse::<VersionReq>().ok());
    locked.source == from(plugin)
        && plugin.name.as_ref().is_none_or(|id| id.as_str() == locked.name)
        && range.is_none_or(|range| range.matches(&locked.version))
}

fn source<'p>(name: &str, plugin: &'p Plugin) -> Result<Source<'p>, Failure> {
    plugin.source().ok_or_else(|| Failure::new(Exit::Config, format!("`{name}` comes from nowhere")))
}

fn from_file(file: &Path) -> Result<Package, Failure> {
    let failed = |code: &'static str, why: String| Failure::new(Exit::Failed, why).code(code);
    match Carried::read(file).map_err(|e| failed(e.code(), format!("{}: {e}", file.display())))? {
        Carried::Package(package) => Ok(*package),
        Carried::Component(_) => {
            let why = format!("{} is a component alone, which nobody can have signed", file.display());
            Err(failed("unsigned", why).hint(
                "make it a .plugin.tar with `waystation plugin pack` and sign that, or list its folder in `trust.dev`",
            ))
        }
    }
}

/// That what was fetched is what was locked.
fn held(package: Package, wanted: ContentDigest, plugin: &Plugin) -> Result<Package, Failure> {
    if package.digest() == wanted {
        return Ok(package);
    }
    let message = format!("the lock has {wanted}, and {} gives {}", from(plugin), package.digest());
    Err(Failure::new(Exit::Failed, message)
        .code("lock-mismatch")
        .hint("see what changed: `waystation plugin sync`"))
}

fn options(config: &Config) -> Result<Options, Failure> {
    let mut files = config.registries.values().filter_map(|registry| registry.ca_file.as_deref());
    let file = files.next().or(config.egress.ca_file.as_deref());
    if files.any(|other| Some(other) != file) {
        let message =
            "registries with different `ca_file`s are not supported; put all authorities into one file";
        return Err(Failure::new(Exit::Config, message));
    }
    let mut options = Options::new(roots(file)?);
    for (host, registry) in &config.registries {
        let host = host.as_str().to_owned();
        if let Some(password) = &registry.password {
            let secret = password.resolve(&environment()).map_err(|problem| {
                Failure::new(Exit::Config, format!("registries.\"{host}\": {}", problem.message))
                    .code("secret-missing")
            })?;
            let secret: SecretString = secret.value;
            let credentials = match &registry.user {
                Some(user) => Credentials::Basic { user: user.clone(), password: secret },
                None => Credentials::Bearer(secret),
            };
            options.credentials.insert(host.clone(), credentials);
        }
        let mirrors: Vec<String> = registry.mirrors.iter().map(|mirror| mirror.as_str().to_owned()).collect();
        if registry.plain_http {
            options.plain_http.extend(mirrors.iter().cloned().chain([host.clone()]));
        }
        options.mirrors.insert(host, mirrors);
    }
    options.progress = registry::progress();
    Ok(options)
}

fn roots(file: Option<&Path>) -> Result<Roots, Failure> {
    Roots::load(file).map_err(|e| Failure::new(Exit::Failed, e.to_string()).code(e.code()))
}

fn of_index(e: &waystation_index::IndexError) -> Failure {
    Failure::new(Exit::Failed, e.to_string()).code(e.code())
}
