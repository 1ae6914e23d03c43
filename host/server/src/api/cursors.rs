//! What fuzzing asks of pages: see [`crate::fuzz`].

use axum::extract::Query;
use axum::http::Uri;
use serde::de::DeserializeOwned;
use waystation_core::agent::AgentName;
use waystation_core::id::{ApiTokenId, EnrolmentId};
use waystation_core::name::{ItemName, UserName};

use crate::api::body::parsed;
use crate::api::page::{Paging, next};
use crate::api::problem::Problem;
use crate::api::{agents, audit, deliveries, events, plugins, tickets, tokens};

/// One place, read by the parser of one list: it is refused with a sentence, or is what that list writes as `next`.
fn place<T: PartialEq + std::fmt::Debug>(
    text: &str,
    read: impl Fn(&str) -> Result<T, Problem>,
    write: impl Fn(&T) -> String,
) {
    match read(text) {
        Ok(place) => {
            let Some(written) = next(std::slice::from_ref(&place), 1, &write) else { return };
            assert_eq!(read(&written).ok().as_ref(), Some(&place), "{written}");
        }
        Err(problem) => assert!(problem.is_refusal(), "{text}"),
    }
}

/// A whole query string.
fn query<T: DeserializeOwned>(uri: &Uri) -> Option<T> {
    Query::<T>::try_from_uri(uri).ok().map(|Query(query)| query)
}

/// Reads this as the place and as the query of every list.
pub(crate) fn hold(text: &str) {
    place(text, agents::named, AgentName::label);
    place(text, parsed::<UserName>, UserName::to_string);
    place(text, parsed::<ItemName>, ItemName::to_string);
    place(text, parsed::<EnrolmentId>, EnrolmentId::to_string);
    place(text, parsed::<ApiTokenId>, ApiTokenId::to_string);
    tickets::cursors(text);
    let Ok(uri) = format!("/?{text}").parse::<Uri>() else { return };
    if let Ok((_, limit)) = Paging::read(Query::try_from_uri(&uri), agents::named) {
        assert!((1..=1_000).contains(&limit), "{limit}");
    }
    query::<events::EventQuery>(&uri);
    query::<audit::Wanted>(&uri);
    query::<deliveries::DeliveryQuery>(&uri);
    query::<plugins::LogQuery>(&uri);
    query::<tokens::Paging>(&uri);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_place_is_what_a_list_writes_or_is_refused(
            text in prop_oneof![
                r"[0-9+-]{0,20}\.[0-9a-fA-F]{0,66}",
                r"[0-9a-f]{32}\.[a-z0-9:-]{0,40}",
                r"[a-z0-9-]{1,9}:[a-z0-9-]{1,9}:[0-9a-f]{30,33}",
                r"(after|limit|wait|role|state|all)=[0-9a-zA-Z%+.-]{0,24}(&(after|limit|wait)=[0-9a-z%.-]{0,9})?",
                ".{0,60}",
            ]
        ) {
            super::hold(&text);
        }
    }
}
