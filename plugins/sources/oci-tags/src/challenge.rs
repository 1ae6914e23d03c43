//! `WWW-Authenticate`: what a registry wants to see (RFC 9110, sections 5.6 and 11).

/// One challenge: a scheme with its parameters, or with the one value that older schemes have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// Lower case: `bearer`, `basic`.
    pub(crate) scheme: String,
    /// Names in lower case, values unquoted, each name once.
    params: Vec<(String, String)>,
}

impl Challenge {
    /// The value of a parameter.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The longest field value that is looked at.
const LONGEST: usize = 8 * 1024;

/// Reads one field value, which may hold several challenges. Nothing if it is malformed anywhere: a value
/// that two parsers could read differently is not guessed at.
pub(crate) fn parse(field: &str) -> Option<Vec<Challenge>> {
    if field.len() > LONGEST {
        return None;
    }
    let mut rest = Cursor(field);
    let mut challenges: Vec<Challenge> = Vec::new();
    // Whether a parameter may follow here without a comma, with one, or not at all.
    let mut first_param = false;
    let mut open = false;
    let mut separated = true;
    loop {
        separated |= rest.skip_commas();
        if rest.0.is_empty() {
            return Some(challenges);
        }
        let word = rest.token()?;
        let spaces = rest.skip_spaces();
        if rest.eat('=') {
            let challenge = challenges.last_mut().filter(|_| open && (first_param || separated))?;
            rest.skip_spaces();
            let value = rest.value()?;
            let name = word.to_ascii_lowercase();
            if challenge.param(&name).is_some() {
                return None;
            }
            challenge.params.push((name, value));
            first_param = false;
        } else {
            if !separated || !(spaces || rest.at_end_of_element()) {
                return None;
            }
            challenges.push(Challenge { scheme: word.to_ascii_lowercase(), params: Vec::new() });
            open = spaces && !rest.eat_token68();
            first_param = open;
        }
        separated = false;
    }
}

/// What is left to read.
struct Cursor<'f>(&'f str);

impl<'f> Cursor<'f> {
    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'f str {
        let end = self.0.find(|c| !wanted(c)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at_checked(end).unwrap_or((self.0, ""));
        self.0 = rest;
        taken
    }

    fn skip_spaces(&mut self) -> bool {
        !self.take_while(|c| matches!(c, ' ' | '\t')).is_empty()
    }

    /// Skips white space and commas (empty list elements are allowed); whether there was a comma.
    fn skip_commas(&mut self) -> bool {
        self.take_while(|c| matches!(c, ' ' | '\t' | ',')).contains(',')
    }

    fn eat(&mut self, c: char) -> bool {
        match self.0.strip_prefix(c) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn at_end_of_element(&self) -> bool {
        self.0.is_empty() || self.0.starts_with(',')
    }

    fn token(&mut self) -> Option<&'f str> {
        Some(self.take_while(is_tchar)).filter(|token| !token.is_empty())
    }

    /// Takes a `token68` if it is the whole rest of the list element.
    fn eat_token68(&mut self) -> bool {
        let start = self.0;
        let body =
            self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '+' | '/'));
        self.take_while(|c| c == '=');
        self.skip_spaces();
        let whole = !body.is_empty() && self.at_end_of_element();
        if !whole {
            self.0 = start;
        }
        whole
    }

    /// A token or a quoted string.
    fn value(&mut self) -> Option<String> {
        if !self.eat('"') {
            return self.token().map(str::to_owned);
        }
        let mut value = String::new();
        let mut chars = self.0.chars();
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => value.push(chars.next().filter(|c| !c.is_control())?),
                c if c.is_control() && c != '\t' => return None,
                c => value.push(c),
            }
        }
        self.0 = chars.as_str();
        Some(value)
    }
}

/// RFC 9110, section 5.6.2.
fn is_tchar(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(scheme: &str, params: &[(&str, &str)]) -> Challenge {
        let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Challenge { scheme: scheme.to_owned(), params }
    }

    #[test]
    fn the_usual_one() {
        let field = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull,push""#;
        assert_eq!(
            parse(field).unwrap(),
            [challenge(
                "bearer",
                &[
                    ("realm", "https://auth.docker.io/token"),
                    ("service", "registry.docker.io"),
                    ("scope", "repository:library/nginx:pull,push"),
                ]
            )]
        );
    }

    #[test]
    fn several_and_odd_ones() {
        let cases: [(&str, Vec<Challenge>); 9] = [
            ("", vec![]),
            (" , ,", vec![]),
            ("Negotiate", vec![challenge("negotiate", &[])]),
            (
                "Negotiate, Basic realm=\"x\"",
                vec![challenge("negotiate", &[]), challenge("basic", &[("realm", "x")])],
            ),
            (
                "Negotiate YWJj==, Bearer a=b , , C = \"d\"",
                vec![challenge("negotiate", &[]), challenge("bearer", &[("a", "b"), ("c", "d")])],
            ),
            // RFC 9110, section 11.6.1, with its comma inside a quoted string.
            (
                "Basic realm=\"simple\", Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps, all\\\"\"",
                vec![
                    challenge("basic", &[("realm", "simple")]),
                    challenge(
                        "newauth",
                        &[("realm", "apps"), ("type", "1"), ("title", "Login to \"apps, all\"")],
                    ),
                ],
            ),
            ("Bearer realm=\"\"", vec![challenge("bearer", &[("realm", "")])]),
            ("BEARER\trealm=x", vec![challenge("bearer", &[("realm", "x")])]),
            ("Bearer realm=\"ä\"", vec![challenge("bearer", &[("realm", "ä")])]),
        ];
        for (field, expected) in cases {
            assert_eq!(parse(field).as_deref(), Some(expected.as_slice()), "{field}");
        }
    }

    #[test]
    fn malformed_ones_are_not_guessed_at() {
        for field in [
            "Bearer realm=\"open",
            "Bearer realm=\"x\\",
            "Bearer realm=\"a\", realm=\"b\"",
            "Bearer realm=\"a\" service=\"b\"",
            "realm=\"a\"",
            "Bearer, realm=\"a\"",
            "Negotiate YWJj, realm=\"a\"",
            "Bearer realm=\"a\";x",
            "Basic Bearer realm=\"a\"",
            "Bearer realm=\"a\u{7}\"",
            "\"Bearer\"",
        ] {
            assert_eq!(parse(field), None, "{field}");
        }
        assert_eq!(parse(&format!("Bearer realm=\"{}\"", "a".repeat(LONGEST))), None);
    }

    proptest::proptest! {
        #[test]
        fn no_field_makes_it_panic(any in ".*", near in "((Bearer|Basic) ?|[a-z]{1,3}=|\"[^\"]{0,3}\"|[ ,=\"\\\\])*") {
            let _ = (parse(&any), parse(&near));
        }

        #[test]
        fn a_quoted_value_comes_back(value in "[ -~äöü]{0,40}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let read = parse(&format!("Bearer realm=\"{quoted}\", Basic realm=x")).unwrap();
            proptest::prop_assert_eq!(read[0].param("realm"), Some(value.as_str()));
            proptest::prop_assert_eq!(read.len(), 2);
        }
    }
}
