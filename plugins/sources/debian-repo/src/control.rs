//! Debian control data (deb822, Debian Policy chapter 5): paragraphs of `Name: value` fields.

/// One field. `value` holds its continuation lines too, as they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field<'t> {
    /// The field's name, as written; names are compared without case (Policy 5.1).
    pub name: &'t str,
    /// All of the value, without white space around it.
    pub value: &'t str,
}

impl<'t> Field<'t> {
    /// The value's first line: for a description, its synopsis.
    pub(crate) fn first_line(&self) -> &'t str {
        self.value.lines().next().unwrap_or_default().trim()
    }

    /// The words of a folded value.
    pub(crate) fn words(&self) -> impl Iterator<Item = &'t str> {
        self.value.split_ascii_whitespace()
    }
}

/// The fields of one paragraph, in order. Lines that are no field are skipped, comments among them: what a
/// reader needs and does not find, it misses by name.
pub(crate) fn fields(paragraph: &str) -> Fields<'_> {
    Fields { rest: paragraph }
}

/// See [`fields`].
#[derive(Clone, Debug)]
pub(crate) struct Fields<'t> {
    rest: &'t str,
}

impl<'t> Iterator for Fields<'t> {
    type Item = Field<'t>;

    fn next(&mut self) -> Option<Field<'t>> {
        while !self.rest.is_empty() {
            let (field, rest) = self.rest.split_at(end_of_field(self.rest));
            self.rest = rest;
            if field.starts_with(['#', ' ', '\t']) {
                continue;
            }
            if let Some((name, value)) = field.split_once(':')
                && !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_graphic())
            {
                return Some(Field { name, value: value.trim() });
            }
        }
        None
    }
}

/// Where the field ends that `text` starts with: before the first line that does not continue it.
fn end_of_field(text: &str) -> usize {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'\n', bytes)
        .map(|at| at + 1)
        .find(|next| !matches!(bytes.get(*next), Some(b' ' | b'\t')))
        .unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_fold() {
        let text = "Package: a\n# note\nDepends: b,\n c (>= 1),\n\td\nnonsense\nDescription: short: one\n long\n .\n x\n";
        let all: Vec<_> = fields(text).collect();
        assert_eq!(
            all.iter().map(|field| field.name).collect::<Vec<_>>(),
            ["Package", "Depends", "Description"]
        );
        assert_eq!(all[1].words().collect::<Vec<_>>(), ["b,", "c", "(>=", "1),", "d"]);
        assert_eq!(all[2].first_line(), "short: one");
        assert_eq!(all[2].value, "short: one\n long\n .\n x");
    }

    #[test]
    fn odd_shapes() {
        assert_eq!(fields("").count(), 0);
        assert_eq!(fields(" continuation of nothing\n").count(), 0);
        assert_eq!(fields(": x\n").count(), 0);
        assert_eq!(fields("two words: x\n").count(), 0);
        assert_eq!(fields("A:").collect::<Vec<_>>(), [Field { name: "A", value: "" }]);
        assert_eq!(fields("A: 1\r\nB: 2\r\n").map(|f| f.value).collect::<Vec<_>>(), ["1", "2"]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[A-Z:# \n\tä]{0,80}") {
            for field in fields(&text) {
                let _ = (field.first_line(), field.words().count());
            }
        }
    }
}
