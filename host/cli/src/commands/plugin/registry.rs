//! `waystation plugin push` and `waystation plugin pull`

use std::fs::File;
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use secrecy::SecretString;
use waystation_bundle::{Limits, Package};
use waystation_egress::Roots;
use waystation_oci::{Client, Credentials, OciError, Options, Reference, Store, Transfer};

use super::pack;
use crate::args::{Global, RegistryAccess};
use crate::exit::{Exit, Failure, Outcome};

const LIMITS: Limits = Limits::DEFAULT;

/// Where what was pulled goes.
pub(super) struct To<'a> {
    pub(super) file: Option<&'a Path>,
    pub(super) store: Option<&'a Path>,
    pub(super) mirrors: &'a [String],
}

pub(super) async fn push(global: &Global, file: &Path, reference: &str, access: &RegistryAccess) -> Outcome {
    let reference: Reference = reference.parse().map_err(refused)?;
    let opened = File::open(file)
        .map_err(|e| Failure::new(Exit::Failed, format!("{}: {e}", file.display())).code("io"))?;
    let package = Package::open(opened, &LIMITS).map_err(pack::refused)?;
    let reference = reference.or_tag(&package.head().tag());
    let client = client(&reference, access, &[])?;
    let pushed = client.push(&package, &reference).await;
    pushed.map_err(refused)?;
    let size = package.write_tar(&mut std::io::sink(), &LIMITS).map_err(pack::refused)?;
    pack::tell(global, &package, ("reference", reference.to_string()), size)
}

pub(super) async fn pull(global: &Global, reference: &str, to: &To<'_>, access: &RegistryAccess) -> Outcome {
    let reference: Reference = reference.parse().map_err(refused)?;
    let store = to.store.map(|folder| Store::open(folder, &LIMITS)).transpose().map_err(refused)?;
    let client = client(&reference, access, to.mirrors)?;
    let package = client.pull(&reference, store.as_ref()).await.map_err(refused)?;
    pack::save(global, &package, to.file)
}

/// A client for the registry of a reference.
pub(crate) fn client(
    reference: &Reference,
    access: &RegistryAccess,
    mirrors: &[String],
) -> Result<Client, Failure> {
    let roots = Roots::load(access.ca_file.as_deref());
    let roots = roots.map_err(|e| Failure::new(Exit::Failed, e.to_string()).code(e.code()))?;
    let mut options = Options::new(roots);
    let registry = reference.registry().to_owned();
    if let Some(file) = &access.password_file {
        options.credentials.insert(registry.clone(), credentials(file, access.user.as_deref())?);
    }
    if access.plain_http {
        options.plain_http.extend([registry.clone()].into_iter().chain(mirrors.iter().cloned()));
    }
    options.mirrors.insert(registry, mirrors.to_vec());
    options.progress = progress();
    Client::new(options).map_err(refused)
}

/// A user and the password in a file, or the token in it.
pub(crate) fn credentials(file: &Path, user: Option<&str>) -> Result<Credentials, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| Failure::new(Exit::Failed, format!("{}: {e}", file.display())).code("io"))?;
    let secret = SecretString::from(text.trim_end());
    Ok(match user {
        Some(user) => Credentials::Basic { user: user.to_owned(), password: secret },
        None => Credentials::Bearer(secret),
    })
}

/// One bar for what is under way, where somebody looks; what is small never shows.
pub(crate) fn progress() -> Arc<dyn Fn(Transfer) + Send + Sync> {
    if !std::io::stderr().is_terminal() {
        return Arc::new(|_| ());
    }
    let style = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes}");
    let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    Arc::new(move |Transfer { digest, done, total }| {
        bar.set_length(total);
        bar.set_message(digest.hex().get(..12).unwrap_or_default().to_owned());
        bar.set_position(done);
        if done == total {
            bar.finish_and_clear();
        }
    })
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn refused(e: OciError) -> Failure {
    let exit = match &e {
        OciError::BadReference { .. } => Exit::Usage,
        OciError::NotFound { .. } => Exit::NotFound,
        _ => Exit::Failed,
    };
    let failure = Failure::new(exit, e.to_string()).code(e.code());
    match e {
        OciError::Unauthorized { .. } => {
            failure.hint("give --user and --password-file, or a token by --password-file alone")
        }
        _ => failure,
    }
}
