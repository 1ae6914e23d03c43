//! The `Link` header field (RFC 8288), as far as paging needs it.

/// The target of the first link whose relations include `relation`, as it was written.
///
/// Links about another resource (`anchor`) are passed over; of several `rel` parameters the first
/// counts. Broken values end the search and never fail.
#[must_use]
pub fn target<'a>(values: impl IntoIterator<Item = &'a str>, relation: &str) -> Option<String> {
    values.into_iter().find_map(|value| in_value(value, relation))
}

fn in_value(value: &str, relation: &str) -> Option<String> {
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (uri, after) = rest.strip_prefix('<')?.split_once('>')?;
        let (matches, next) = parameters(after, relation);
        if matches {
            return Some(uri.trim().to_owned());
        }
        rest = next;
    }
}

/// Whether the parameters that `text` starts with name `relation`, and what follows them.
fn parameters<'a>(text: &'a str, relation: &str) -> (bool, &'a str) {
    let mut rest = text;
    let (mut rel, mut anchored) = (None, false);
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        let Some(after) = rest.strip_prefix(';') else { break };
        let after = after.trim_start_matches([' ', '\t']);
        let end = after.find(['=', ';', ',']).unwrap_or(after.len());
        let (name, tail) = after.split_at(end);
        let (value, next) = match tail.strip_prefix('=') {
            Some(tail) => parameter_value(tail.trim_start_matches([' ', '\t'])),
            None => (String::new(), tail),
        };
        match name.trim() {
            name if name.eq_ignore_ascii_case("rel") && rel.is_none() => rel = Some(value),
            name if name.eq_ignore_ascii_case("anchor") => anchored = true,
            _ => {}
        }
        rest = next;
    }
    let named =
        rel.is_some_and(|rel| rel.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case(relation)));
    (named && !anchored, rest)
}

fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.trim().to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_next_page_is_found() {
        for (values, expected) in [
            (
                &[r#"<https://a.example/?page=2>; rel="next", <https://a.example/?page=9>; rel="last""#][..],
                Some("https://a.example/?page=2"),
            ),
            (&[r#"<p1>; rel="prev", <p3>; rel="next""#], Some("p3")),
            (&[r#"<p1>; rel=prev"#, r#"</v2/_tags?last=b>; rel=next"#], Some("/v2/_tags?last=b")),
            (&[r#"<x>; title="a, b; rel=\"next\""; rel="last""#], None),
            (&[r#"<x>; REL="last NEXT""#], Some("x")),
            (&[r#"<x>; rel="next"; rel="prev""#], Some("x")),
            (&[r#"<x>; rel="prev"; rel="next""#], None),
            (&[r##"<x>; rel="next"; anchor="#part", <y>;rel=next"##], Some("y")),
            (&["<a,b>; rel=next"], Some("a,b")),
            (&["<x>"], None),
            (&["x; rel=next"], None),
            (&["<x; rel=next"], None),
            (&["<x>; rel=\"next"], Some("x")),
            (&[""], None),
            (&[], None),
        ] {
            assert_eq!(target(values.iter().copied(), "next").as_deref(), expected, "{values:?}");
        }
    }

    proptest! {
        #[test]
        fn any_value_comes_to_an_end(value in any::<String>(), close in "[<>;,=\" a-z\\\\]{0,40}") {
            let _ = target([value.as_str(), close.as_str()], "next");
        }
    }
}
