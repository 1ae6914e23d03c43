//! Validators that hold only for what was asked.
//!
//! A remote's `ETag` says that *its* document is the same. The listing made from it also depends on the
//! item's options and on `prereleases` and `limit`; when those change, `unchanged` would be a wrong
//! answer. So seal a validator with everything the answer depended on, and open it with the same.

use crate::{Context, Item};

/// The validator to give to the host.
#[must_use]
pub fn seal(validator: Option<String>, item: &Item, context: &Context) -> Option<String> {
    validator.map(|validator| format!("{:016x} {validator}", fingerprint(item, context)))
}

/// The remote's validator again, if it was sealed for the same question.
#[must_use]
pub fn open<'a>(item: &Item, context: &'a Context) -> Option<&'a str> {
    let (asked, validator) = context.validator.as_deref()?.split_once(' ')?;
    (asked == format!("{:016x}", fingerprint(item, context))).then_some(validator)
}

/// FNV-1a: stable across builds, and nothing here is secret.
fn fingerprint(item: &Item, context: &Context) -> u64 {
    let limit = context.limit.to_string();
    let parts = [
        env!("CARGO_PKG_VERSION"),
        &item.locator,
        &item.options,
        &limit,
        if context.prereleases { "p" } else { "" },
    ];
    parts
        .iter()
        .flat_map(|part| part.bytes().chain([0]))
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(locator: &str, options: &str, limit: u32, prereleases: bool) -> (Item, Context) {
        (
            Item { locator: locator.into(), options: options.into(), extra: vec![] },
            Context { validator: None, prereleases, limit, extra: vec![] },
        )
    }

    #[test]
    fn a_validator_opens_for_the_same_question_alone() {
        let (item, mut context) = asked("serde", "{}", 10, false);
        let sealed = seal(Some("etag:\"a b\"".into()), &item, &context);
        context.validator.clone_from(&sealed);
        assert_eq!(open(&item, &context), Some("etag:\"a b\""));
        for (other, mut context) in [
            asked("serd", "e{}", 10, false),
            asked("serde", "{\"x\":1}", 10, false),
            asked("serde", "{}", 11, false),
            asked("serde", "{}", 10, true),
        ] {
            context.validator.clone_from(&sealed);
            assert_eq!(open(&other, &context), None, "{other:?} {context:?}");
        }
        assert_eq!(seal(None, &item, &context), None);
        context.validator = Some("foreign".into());
        assert_eq!(open(&item, &context), None);
    }
}
