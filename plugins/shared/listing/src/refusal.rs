//! What a registry's refusal means to an operator.

use waystation_update_source::plugin::Error;

/// The error in words that help: `unknown` is the sentence for what the registry does not have, `credential`
/// the name of the one that it may want.
#[must_use]
pub fn registry_error(mut error: Error, credential: &str, unknown: impl FnOnce() -> String) -> Error {
    match error.code.as_str() {
        "not-found" => error.message = unknown(),
        "unauthorized" => {
            let advice = format!("; bind a credential named `{credential}` to the registry's origin");
            error.message.push_str(&advice);
        }
        _ => {}
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_to_do() {
        let say = |error: Error| registry_error(error, "npm-token", || "no package `a`".to_owned());
        assert_eq!(say(Error::not_found("404")).message, "no package `a`");
        assert!(say(Error::unauthorized("401")).message.contains("`npm-token`"));
        assert_eq!(say(Error::remote("500")).message, "500");
    }
}
