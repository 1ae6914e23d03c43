//! Pulling.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_RANGE, HeaderMap, LINK, RANGE};
use http::{Method, StatusCode};
use waystation_bundle::oci::{self, Descriptor, Index, Manifest};
use waystation_bundle::{Blob, BundleError, ContentDigest, Kind, Layout, Package};

use crate::arriving::Arriving;
use crate::client::{Ask, Client, Transfer, refused};
use crate::error::OciError;
use crate::http::Body;
use crate::reference::Reference;
use crate::store::Store;

/// How often a download that broke off is taken up again, of one registry.
const ATTEMPTS: usize = 5;
/// How many pages of referrers are read.
const PAGES: usize = 16;

/// Everything that was pulled, and how much it is.
struct Pulled {
    blobs: BTreeMap<ContentDigest, Blob>,
    size: u64,
}

impl Client {
    /// Pulls a plugin and what is attached to it. What the store has is not asked for; what was pulled goes into it.
    /// Content goes to the disk as it comes, so that memory does not grow with a plugin: to the store, or without one to
    /// a file that has no name and goes with the package.
    ///
    /// Of attachments, those count that a package has: documents that the plugin's manifest names, signatures, trusted
    /// root and lock. Others may attach what they like, and it is left there.
    ///
    /// # Errors
    /// See [`OciError`]. A document that is named and not given is [`BundleError::MissingDocument`].
    pub async fn pull(&self, reference: &Reference, store: Option<&Store>) -> Result<Package, OciError> {
        let limits = &self.options.limits;
        let hosts = self.hosts(reference);
        let bytes = match (reference.digest(), reference.tag()) {
            (Some(digest), _) => self.manifest(&hosts, reference.repository(), digest).await?,
            // What a tag means, only the registry itself says.
            (None, Some(tag)) => self.tagged(reference, tag).await?,
            (None, None) => {
                let why = "it has neither a tag nor a digest";
                return Err(OciError::BadReference { text: reference.to_string(), why });
            }
        };
        let plugin = Descriptor::of(oci::MANIFEST, &bytes);
        let manifest = Manifest::parse("the manifest", &bytes, limits)?;
        let mut pulled = Pulled { blobs: BTreeMap::new(), size: 0 };
        self.collect(&mut pulled, &hosts, reference.repository(), &manifest, store).await?;
        let mut listed = vec![plugin.clone()];
        for referrer in self.referrers(reference, plugin.digest).await? {
            let bytes = self.manifest(&hosts, reference.repository(), referrer.digest).await?;
            let attached = Manifest::parse("an attachment", &bytes, limits)?;
            // A registry may tell a type in its list, and another one is in the manifest.
            let Some(kind) = Kind::of(attached.kind()) else { continue };
            let named = kind.annotation().map(|key| manifest.annotation(key));
            let content = attached.layers.first().map(|layer| layer.digest.to_string());
            if named.is_some_and(|named| named != content.as_deref()) {
                continue;
            }
            self.collect(&mut pulled, &hosts, reference.repository(), &attached, store).await?;
            listed.push(Descriptor::of(oci::MANIFEST, &bytes));
            pulled.blobs.insert(referrer.digest, Blob::of(bytes));
        }
        pulled.blobs.insert(plugin.digest, Blob::of(bytes));
        let layout = Layout::of(Index::new(listed), pulled.blobs.into_values(), limits)?;
        let package = Package::from_layout(&layout, limits)?;
        package.complete()?;
        if let Some(store) = store {
            store.add(&package)?;
        }
        Ok(package)
    }

    /// Mirrors first.
    fn hosts(&self, reference: &Reference) -> Vec<String> {
        let mirrors = self.options.mirrors.get(reference.registry());
        mirrors.into_iter().flatten().cloned().chain([reference.registry().to_owned()]).collect()
    }

    async fn tagged(&self, reference: &Reference, tag: &str) -> Result<Bytes, OciError> {
        let path = format!("manifests/{tag}");
        let ask = Ask {
            headers: &[(ACCEPT, oci::MANIFEST)],
            ..Ask::get(reference.registry(), reference.repository(), &path)
        };
        let response = self.expect(&ask, &[StatusCode::OK]).await?;
        let told = digest_header(response.headers());
        let bytes = Body::of(ask.registry, response).all("the manifest", self.options.limits.json).await?;
        honest(ask.registry, told, ContentDigest::of(&bytes))?;
        Ok(bytes)
    }

    /// A manifest by its digest, from the first that has it.
    async fn manifest(
        &self,
        hosts: &[String],
        repository: &str,
        digest: ContentDigest,
    ) -> Result<Bytes, OciError> {
        let path = format!("manifests/{digest}");
        let mut last = None;
        for registry in hosts {
            let ask = Ask { headers: &[(ACCEPT, oci::MANIFEST)], ..Ask::get(registry, repository, &path) };
            match self.one(&ask).await {
                Ok(bytes) if ContentDigest::of(&bytes) == digest => return Ok(bytes),
                Ok(bytes) => {
                    let actual = ContentDigest::of(&bytes);
                    last = Some(BundleError::DigestMismatch { named: digest, actual }.into());
                }
                Err(e) => last = Some(e),
            }
        }
        Err(last.unwrap_or(BundleError::MissingBlob(digest).into()))
    }

    async fn one(&self, ask: &Ask<'_>) -> Result<Bytes, OciError> {
        let response = self.expect(ask, &[StatusCode::OK]).await?;
        Body::of(ask.registry, response).all("a manifest", self.options.limits.json).await
    }

    /// What a manifest refers to.
    async fn collect(
        &self,
        pulled: &mut Pulled,
        hosts: &[String],
        repository: &str,
        manifest: &Manifest,
        store: Option<&Store>,
    ) -> Result<(), OciError> {
        for wanted in [&manifest.config].into_iter().chain(&manifest.layers) {
            if pulled.blobs.contains_key(&wanted.digest) {
                continue;
            }
            let limit = self.options.limits.archive;
            pulled.size = pulled.size.saturating_add(wanted.size);
            if pulled.size > limit {
                return Err(BundleError::TooLarge { what: "the plugin".into(), limit }.into());
            }
            let kept = store.and_then(|store| store.blob(wanted.digest));
            let blob = match kept {
                Some(blob) => blob,
                None => self.blob(hosts, repository, wanted, store).await?,
            };
            pulled.blobs.insert(wanted.digest, blob);
        }
        Ok(())
    }

    /// One blob, from the first that has it. What broke off is taken up again where it broke off, now or at the next
    /// pull.
    async fn blob(
        &self,
        hosts: &[String],
        repository: &str,
        wanted: &Descriptor,
        store: Option<&Store>,
    ) -> Result<Blob, OciError> {
        let mut last = None;
        let mut arriving = Arriving::new(store, wanted)?;
        for registry in hosts {
            for _ in 0..ATTEMPTS {
                if arriving.size() == wanted.size {
                    break;
                }
                match self.fetch(registry, repository, wanted, &mut arriving).await {
                    Ok(()) => {}
                    Err(e @ OciError::Store { .. }) => return Err(e),
                    Err(e) => {
                        let again = matches!(e, OciError::Unreachable { .. });
                        last = Some(e);
                        if !again {
                            break;
                        }
                    }
                }
            }
            if arriving.size() == wanted.size {
                match arriving.finish(wanted) {
                    Ok(blob) => return Ok(blob),
                    Err(e @ OciError::Store { .. }) => return Err(e),
                    Err(e) => last = Some(e),
                }
            }
        }
        let got = arriving.size();
        if got > 0 {
            let registry = hosts.last().cloned().unwrap_or_default();
            return Err(OciError::Truncated { registry, digest: wanted.digest, got, size: wanted.size });
        }
        Err(last.unwrap_or(BundleError::MissingBlob(wanted.digest).into()))
    }

    /// Adds to `arriving` what it does not have yet, as far as it comes.
    async fn fetch(
        &self,
        registry: &str,
        repository: &str,
        wanted: &Descriptor,
        arriving: &mut Arriving,
    ) -> Result<(), OciError> {
        let path = format!("blobs/{}", wanted.digest);
        let range = format!("bytes={}-", arriving.size());
        let headers = [(RANGE, range.as_str())];
        let headers: &[_] = if arriving.size() == 0 { &[] } else { &headers };
        let ask = Ask { headers, ..Ask::get(registry, repository, &path) };
        let response = self.ask(&ask).await?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT if begins(response.headers(), arriving.size()) => {}
            StatusCode::OK => arriving.clear()?,
            StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::PARTIAL_CONTENT => return arriving.clear(),
            status => return Err(refused(&ask, status)),
        }
        let mut body = Body::of(registry, response);
        loop {
            // What came so far is kept: the rest is asked for.
            let Ok(Some(piece)) = body.next().await else { return Ok(()) };
            let (done, total) = (arriving.size() + piece.len() as u64, wanted.size);
            if done > total {
                arriving.clear()?;
                return Err(
                    BundleError::SizeMismatch { digest: wanted.digest, told: total, actual: done }.into()
                );
            }
            arriving.push(&piece)?;
            (self.options.progress)(Transfer { digest: wanted.digest, done, total });
        }
    }

    /// What is attached, of the kinds that a package has: by the referrers API, else by the fallback tag.
    pub(crate) async fn referrers(
        &self,
        reference: &Reference,
        subject: ContentDigest,
    ) -> Result<Vec<Descriptor>, OciError> {
        let (registry, repository) = (reference.registry(), reference.repository());
        let mut path = format!("referrers/{subject}");
        let mut found = Vec::new();
        for _ in 0..PAGES {
            let ask = Ask { headers: &[(ACCEPT, oci::INDEX)], ..Ask::get(registry, repository, &path) };
            let response = self.ask(&ask).await?;
            match response.status() {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND if found.is_empty() => {
                    let index = self.fallback(reference, subject).await?;
                    found = index.map(|index| index.manifests).unwrap_or_default();
                    break;
                }
                status => return Err(refused(&ask, status)),
            }
            let next = next_page(response.headers());
            let bytes = Body::of(registry, response).all("the referrers", self.options.limits.json).await?;
            found.extend(Index::parse(&bytes, &self.options.limits)?.manifests);
            if found.len() > self.options.limits.entries {
                return Err(
                    BundleError::TooMany { what: "referrers", limit: self.options.limits.entries }.into()
                );
            }
            // Only to the same list.
            let Some(next) =
                next.filter(|next| next.starts_with(&format!("/v2/{repository}/referrers/{subject}")))
            else {
                break;
            };
            path = next;
        }
        found.retain(|one| one.artifact_type.as_deref().is_none_or(|kind| Kind::of(kind).is_some()));
        Ok(found)
    }

    /// What the fallback tag lists. Source: distribution-spec 1.1, "Referrers Tag Schema".
    pub(crate) async fn fallback(
        &self,
        reference: &Reference,
        subject: ContentDigest,
    ) -> Result<Option<Index>, OciError> {
        let path = format!("manifests/{}", fallback_tag(subject));
        let ask = Ask {
            headers: &[(ACCEPT, oci::INDEX)],
            method: Method::GET,
            ..Ask::get(reference.registry(), reference.repository(), &path)
        };
        let response = self.ask(&ask).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            status => return Err(refused(&ask, status)),
        }
        let bytes = Body::of(ask.registry, response).all("the referrers", self.options.limits.json).await?;
        Ok(Some(Index::parse(&bytes, &self.options.limits)?))
    }
}

pub(crate) fn fallback_tag(subject: ContentDigest) -> String {
    format!("sha256-{}", subject.hex())
}

/// What the registry says that it sent or took.
pub(crate) fn digest_header(headers: &HeaderMap) -> Option<String> {
    Some(headers.get("docker-content-digest")?.to_str().ok()?.to_owned())
}

/// A registry that says another digest of what it sent or took is not believed in anything.
pub(crate) fn honest(registry: &str, told: Option<String>, actual: ContentDigest) -> Result<(), OciError> {
    match told {
        Some(told) if told != actual.to_string() => {
            Err(OciError::Lies { registry: registry.to_owned(), told, actual })
        }
        _ => Ok(()),
    }
}

/// Whether a part begins where it was asked for. Source: RFC 9110, section 14.4.
fn begins(headers: &HeaderMap, at: u64) -> bool {
    let range = headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let first = range.and_then(|range| range.strip_prefix("bytes ")?.split_once('-')).map(|(first, _)| first);
    first.is_some_and(|first| first.parse() == Ok(at))
}

/// Source: RFC 8288.
fn next_page(headers: &HeaderMap) -> Option<String> {
    let link = headers.get(LINK)?.to_str().ok()?;
    let (target, rest) = link.strip_prefix('<')?.split_once('>')?;
    let next = rest.split(';').any(|part| matches!(part.trim(), "rel=next" | "rel=\"next\""));
    next.then(|| target.to_owned())
}
