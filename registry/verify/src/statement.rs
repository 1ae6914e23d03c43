//! In-toto statements: what an attestation says, and whether that is about our bytes.
//!
//! The certificate decides who signed where. A predicate is written by the workflow itself, so it can only narrow
//! what is admitted, never widen it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::{Code, Refusal};
use crate::json::{self, Document, Value};
use crate::pattern::{self, Patterns};
use crate::subject::Subject;

/// The payload type of in-toto statements.
pub(crate) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The most subjects.
const MAX_SUBJECTS: usize = 1_024;
const TYPES: [&str; 2] = ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];
const SLSA: &str = "https://slsa.dev/provenance/v1";

const PAYLOAD: Document = Document {
    name: "the statement",
    // Provenance can hold the event that triggered a build.
    depth: 64,
    malformed: Code::StatementMalformed,
    duplicate: Code::StatementMalformed,
    unknown: Code::StatementMalformed,
    deep: Code::StatementMalformed,
};

/// What may be signed.
#[derive(Debug, Clone, Default)]
pub struct Admits {
    /// Plain signatures over the bytes.
    pub message: bool,
    /// Attestations of these predicate types; of any, where nothing is said.
    pub predicates: Predicates,
    /// What SLSA provenance v1 must say.
    pub slsa: Slsa,
}

/// Predicate types.
#[derive(Debug, Clone, Default)]
pub enum Predicates {
    /// No attestation.
    #[default]
    None,
    /// These.
    Of(Vec<String>),
    /// Whichever. Only for reports on what is there: an attestation can say that a test failed.
    Any,
}

/// What SLSA provenance v1 must say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Slsa {
    /// `runDetails.builder.id` is one of these.
    builder: Option<Patterns>,
    /// `buildDefinition.buildType` is one of these.
    build_type: Option<Patterns>,
}

/// What a statement says, as far as it is needed.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) predicate_type: String,
    predicate: Value,
}

impl Statement {
    /// Reads a statement and finds our subject in it.
    pub(crate) fn parse(payload_type: &str, payload: &[u8], subject: &Subject) -> Result<Self, Refusal> {
        if payload_type != PAYLOAD_TYPE {
            return Err(Code::PayloadType.because(format!("the payload is of the type {payload_type:?}")));
        }
        let value = json::read(payload, PAYLOAD)?;
        let malformed = |what: &str| Code::StatementMalformed.because(format!("the statement {what}"));
        let of_type =
            value.get("_type").and_then(Value::as_text).ok_or_else(|| malformed("has no `_type`"))?;
        if !TYPES.contains(&of_type) {
            return Err(
                Code::StatementType.because(format!("statements of the type {of_type:?} are not known"))
            );
        }
        let subjects =
            value.get("subject").and_then(Value::as_list).ok_or_else(|| malformed("has no subjects"))?;
        if subjects.is_empty() || subjects.len() > MAX_SUBJECTS {
            let detail =
                format!("the statement has {} subjects; there must be 1 to {MAX_SUBJECTS}", subjects.len());
            return Err(Code::StatementSubjects.because(detail));
        }
        if !subjects.iter().any(|named| is_about(named, subject)) {
            let detail = format!("no subject of the statement is {}", subject.digest());
            return Err(Code::DigestMismatch.because(detail));
        }
        // Without one it is of no type that a rule can name.
        let predicate_type = value.get("predicateType").and_then(Value::as_text).unwrap_or_default();
        Ok(Self {
            predicate_type: predicate_type.to_owned(),
            predicate: value.get("predicate").cloned().unwrap_or(Value::Null),
        })
    }

    /// Whether the rule admits it, and its provenance says what the certificate does.
    pub(crate) fn admitted(
        &self,
        admits: &Admits,
        claims: &BTreeMap<&'static str, String>,
    ) -> Result<(), Refusal> {
        match &admits.predicates {
            Predicates::None => {
                let detail =
                    "the bundle is an attestation; name the predicate types to admit in `predicate_types`";
                return Err(Code::StatementNotAdmitted.because(detail));
            }
            Predicates::Of(types) if !types.contains(&self.predicate_type) => {
                let detail = format!(
                    "the predicate is of the type {}; the rule names {}",
                    self.predicate_type,
                    types.join(", ")
                );
                return Err(Code::PredicateType.because(detail));
            }
            // A report says what is there and judges none of it.
            Predicates::Any => return Ok(()),
            Predicates::Of(_) => {}
        }
        if self.predicate_type == SLSA { self.provenance(&admits.slsa, claims) } else { Ok(()) }
    }

    fn provenance(&self, slsa: &Slsa, claims: &BTreeMap<&'static str, String>) -> Result<(), Refusal> {
        let text = |path: &[&str]| self.predicate.path(path).and_then(Value::as_text);
        let claim = |name| claims.get(name).map(String::as_str);
        let contradicts = |what: &str, said: &str, is: &str| {
            Code::ProvenanceMismatch.because(format!("the provenance's {what} is {said}; it must be {is}"))
        };
        let builder = text(&["runDetails", "builder", "id"]);
        let build_type = text(&["buildDefinition", "buildType"]);
        for (what, said, patterns) in
            [("builder", builder, &slsa.builder), ("build type", build_type, &slsa.build_type)]
        {
            if let Some(Patterns(patterns)) = patterns
                && !said.is_some_and(|said| pattern::any(patterns, said))
            {
                return Err(contradicts(what, said.unwrap_or("not there"), "one that the rule names"));
            }
        }
        // A builder that is a workflow is the one that got the certificate.
        let builder = builder.filter(|id| id.contains("/.github/workflows/"));
        let workflow = |name| text(&["buildDefinition", "externalParameters", "workflow", name]);
        let (repository, reference) = (workflow("repository"), workflow("ref"));
        for (what, said, name) in [
            ("builder", builder, "build_signer_uri"),
            ("repository", repository, "source_repository_uri"),
            ("ref", reference, "source_repository_ref"),
        ] {
            match (said, claim(name)) {
                (Some(said), Some(is)) if said != is => return Err(contradicts(what, said, is)),
                _ => {}
            }
        }
        if let (Some(path), Some(repository), Some(is)) =
            (workflow("path"), repository, claim("build_config_uri"))
            && !is.starts_with(&format!("{repository}/{path}@"))
        {
            return Err(contradicts("workflow", path, is));
        }
        let (Some(repository), Some(commit)) =
            (claim("source_repository_uri"), claim("source_repository_digest"))
        else {
            return Ok(());
        };
        let sources =
            self.predicate.path(&["buildDefinition", "resolvedDependencies"]).and_then(Value::as_list);
        for source in sources.unwrap_or_default() {
            let uri = source.get("uri").and_then(Value::as_text).unwrap_or_default();
            let said = source.path(&["digest", "gitCommit"]).and_then(Value::as_text);
            let own = uri.strip_prefix("git+").is_some_and(|uri| uri.split('@').next() == Some(repository));
            match said {
                Some(said) if own && said != commit => return Err(contradicts("commit", said, commit)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether a subject is ours: it has a digest that we know, and none that is another.
fn is_about(named: &Value, subject: &Subject) -> bool {
    let Some(digests) = named.get("digest") else { return false };
    let is = |name: &str, ours: Option<String>| {
        let said = digests.get(name)?.as_text();
        ours.map(|ours| said == Some(ours.as_str()))
    };
    let sha256 = is("sha256", subject.sha256().map(hex::encode));
    let sha512 = is("sha512", subject.sha512().map(hex::encode));
    matches!((sha256, sha512), (Some(true), None | Some(true)) | (None, Some(true)))
}
