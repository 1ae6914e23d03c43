//! Lists come in pages.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::problem::Problem;

/// Rows of a page, unless asked otherwise, and at most.
const PAGE: u32 = 200;
const MAX_PAGE: u32 = 1_000;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Paging {
    /// The `next` of the page before.
    after: Option<String>,
    /// 1 to 1000; 200 when left out.
    limit: Option<u32>,
}

impl Paging {
    /// After what, and how many.
    ///
    /// # Errors
    /// When the query is something else, or `parse` does not take what it begins after.
    pub(crate) fn read<T>(
        query: Result<Query<Self>, QueryRejection>,
        parse: impl FnOnce(&str) -> Result<T, Problem>,
    ) -> Result<(Option<T>, u32), Problem> {
        let Query(paging) = query.map_err(|e| Problem::bad("bad-query", e.body_text()))?;
        Ok((paging.after.as_deref().map(parse).transpose()?, limit(paging.limit)))
    }
}

/// How many rows, where so many are asked for.
pub(crate) fn limit(asked: Option<u32>) -> u32 {
    asked.unwrap_or(PAGE).clamp(1, MAX_PAGE)
}

/// What the next page begins after; nothing where this is the last.
pub(crate) fn next<T>(found: &[T], limit: u32, name: impl FnOnce(&T) -> String) -> Option<String> {
    let full = found.len() as u64 == u64::from(limit);
    found.last().filter(|_| full).map(name)
}
