//! Pushing.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION};
use http::{Method, StatusCode};
use url::Url;
use waystation_bundle::oci::{self, Descriptor, Index, Manifest};
use waystation_bundle::{Blob, BundleError, ContentDigest, Package};

use crate::client::{Ask, Client, Transfer};
use crate::error::OciError;
use crate::pull::{digest_header, fallback_tag, honest};
use crate::reference::Reference;

impl Client {
    /// Pushes a plugin under the reference's tag, and what is attached to it. What the registry has is not sent again.
    /// Gives the content digest, which is that of the package.
    ///
    /// The manifest comes after all that it names, so that nobody pulls half a plugin; attachments come after it.
    ///
    /// # Errors
    /// See [`OciError`].
    pub async fn push(&self, package: &Package, reference: &Reference) -> Result<ContentDigest, OciError> {
        let named = |why| OciError::BadReference { text: reference.to_string(), why };
        let tag = reference.tag().ok_or_else(|| named("a push needs a tag"))?;
        if reference.digest().is_some_and(|digest| digest != package.digest()) {
            return Err(named("the package has another digest"));
        }
        // Half a plugin would be refused by whoever pulls it.
        package.complete()?;
        for blob in [&Blob::of(package.config().clone()), package.component().content()] {
            self.put_blob(reference, blob).await?;
        }
        self.put_manifest(reference, tag, oci::MANIFEST, package.manifest()).await?;
        for attachment in package.attachments() {
            self.put_blob(reference, &Blob::of(oci::EMPTY_CONTENT)).await?;
            self.put_blob(reference, &Blob::of(attachment.content().clone())).await?;
            let bytes = attachment.manifest();
            let answer =
                self.put_manifest(reference, &attachment.digest().to_string(), oci::MANIFEST, bytes).await?;
            // A registry that says whose attachment it is lists it by itself.
            if !answer.contains_key("oci-subject") {
                self.list(reference, package.digest(), bytes).await?;
            }
        }
        Ok(package.digest())
    }

    /// Adds an attachment to the list under the fallback tag.
    async fn list(
        &self,
        reference: &Reference,
        subject: ContentDigest,
        bytes: &Bytes,
    ) -> Result<(), OciError> {
        let manifest = Manifest::parse("an attachment", bytes, &self.options.limits)?;
        let mut one = Descriptor::of(oci::MANIFEST, bytes);
        one.artifact_type = manifest.artifact_type;
        let mut index = self.fallback(reference, subject).await?.unwrap_or_else(|| Index::new(Vec::new()));
        if index.manifests.iter().any(|listed| listed.digest == one.digest) {
            return Ok(());
        }
        if index.manifests.len() >= self.options.limits.entries {
            return Err(BundleError::TooMany { what: "referrers", limit: self.options.limits.entries }.into());
        }
        index.manifests.push(one);
        let bytes = oci::bytes("the referrers", &index)?;
        self.put_manifest(reference, &fallback_tag(subject), oci::INDEX, &bytes).await.map(drop)
    }

    async fn put_manifest(
        &self,
        reference: &Reference,
        name: &str,
        media_type: &str,
        bytes: &Bytes,
    ) -> Result<HeaderMap, OciError> {
        let path = format!("manifests/{name}");
        let ask = Ask {
            method: Method::PUT,
            headers: &[(CONTENT_TYPE, media_type)],
            body: Some(Blob::of(bytes.clone())),
            ..Ask::get(reference.registry(), reference.repository(), &path)
        };
        let response = self.expect(&ask, &[StatusCode::CREATED]).await?;
        honest(ask.registry, digest_header(response.headers()), ContentDigest::of(bytes))?;
        Ok(response.headers().clone())
    }

    async fn put_blob(&self, reference: &Reference, blob: &Blob) -> Result<(), OciError> {
        let digest = blob.digest();
        let (registry, repository) = (reference.registry(), reference.repository());
        let path = format!("blobs/{digest}");
        let there = self.ask(&Ask { method: Method::HEAD, ..Ask::get(registry, repository, &path) }).await?;
        let total = blob.size();
        if there.status() != StatusCode::OK {
            let begin = Ask {
                method: Method::POST,
                headers: &[(CONTENT_LENGTH, "0")],
                ..Ask::get(registry, repository, "blobs/uploads/")
            };
            let begun = self.expect(&begin, &[StatusCode::ACCEPTED]).await?;
            let place = begun.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let place = self.upload(registry, place.unwrap_or_default(), digest)?;
            let end = Ask {
                method: Method::PUT,
                headers: &[(CONTENT_TYPE, "application/octet-stream")],
                body: Some(blob.clone()),
                ..Ask::get(registry, repository, place.as_str())
            };
            let taken = self.expect(&end, &[StatusCode::CREATED]).await?;
            honest(registry, digest_header(taken.headers()), digest)?;
        }
        (self.options.progress)(Transfer { digest, done: total, total });
        Ok(())
    }

    /// Where an upload goes: an address of the registry's choice, over TLS as the registry itself.
    fn upload(&self, registry: &str, place: &str, digest: ContentDigest) -> Result<Url, OciError> {
        let scheme = if self.options.plain_http.contains(registry) { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{registry}/"));
        let url = base.ok().filter(|_| !place.is_empty()).and_then(|base| base.join(place).ok());
        let mut url = url.ok_or_else(|| self.redirect(registry, "an upload to nowhere"))?;
        self.safe(registry, &url)?;
        url.query_pairs_mut().append_pair("digest", &digest.to_string());
        Ok(url)
    }
}
