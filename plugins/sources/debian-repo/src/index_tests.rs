use super::*;

/// Gives its bytes in pieces of a fixed size.
struct Pieces<'b>(&'b [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.1.min(self.0.len()).min(buffer.len());
        let (now, later) = self.0.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.0 = later;
        Ok(count)
    }
}

fn scan<'n>(
    text: &[u8],
    names: &[&'n str],
    piece: usize,
) -> Result<(usize, Wanted<'n, &'static str>), Problem> {
    let mut wanted = Wanted::new(names.iter().copied());
    let count = wanted.scan(Pieces(text, piece), "main")?;
    Ok((count, wanted))
}

const INDEX: &[u8] = b"Package: a\nVersion: 1\n\nVersion: 2\npackage:  b \n\n\nPackage: a\nVersion: 3\nX: \n Package: c\n\n# nothing\n\nPackage: aa\nVersion: 4";

#[test]
fn wanted_paragraphs_are_kept_wherever_the_pieces_end() {
    for piece in [1, 2, 3, 5, 7, 11, 64, 1000] {
        let (count, wanted) = scan(INDEX, &["a", "b", "c", "aa"], piece).unwrap();
        assert_eq!(count, 4, "{piece}");
        let texts =
            |name: &str| wanted.found(name).iter().map(|found| found.text.clone()).collect::<Vec<_>>();
        assert_eq!(texts("a"), ["Package: a\nVersion: 1\n", "Package: a\nVersion: 3\nX: \n Package: c\n"]);
        assert_eq!(texts("b"), ["Version: 2\npackage:  b \n"]);
        assert_eq!(texts("aa"), ["Package: aa\nVersion: 4"]);
        assert!(texts("c").is_empty() && texts("zz").is_empty());
        assert_eq!(wanted.found("a")[0].place, "main");
    }
}

#[test]
fn indexes_add_up() {
    let mut wanted = Wanted::new(["a"]);
    wanted.scan(INDEX, "main").unwrap();
    wanted.scan(&b"Package: a\nVersion: 9\n"[..], "contrib").unwrap();
    let components: Vec<_> = wanted.found("a").iter().map(|found| found.place).collect();
    assert_eq!(components, ["main", "main", "contrib"]);
}

#[test]
fn a_paragraph_without_end_is_refused() {
    let endless = [&b"Package: a\n"[..], &b"x".repeat(3 * MAX_PARAGRAPH)].concat();
    assert_eq!(scan(&endless, &["a"], 70_000).unwrap_err().code(), "too-large");
    // Long ones that end are read.
    let long = [&b"Package: a\nX: "[..], &b"x".repeat(MAX_PARAGRAPH / 2), b"\n\nPackage: b\n"].concat();
    assert_eq!(scan(&long, &["b"], 70_000).unwrap().1.found("b").len(), 1);
}

#[test]
fn versions_of_one_package_are_bounded() {
    let many = b"Package: a\n\n".repeat(MAX_VERSIONS + 5);
    let (count, wanted) = scan(&many, &["a"], 9999).unwrap();
    assert_eq!((count, wanted.found("a").len()), (MAX_VERSIONS + 5, MAX_VERSIONS));
}

#[test]
fn errors_of_the_reader_keep_their_meaning() {
    struct Broken(ErrorKind);
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }
    }
    for (kind, code) in [(ErrorKind::FileTooLarge, "too-large"), (ErrorKind::InvalidData, "bad-response")] {
        assert_eq!(Wanted::new(["a"]).scan(Broken(kind), "main").unwrap_err().code(), code);
    }
}

proptest::proptest! {
    #[test]
    fn pieces_do_not_matter(text in "[a\n]{0,9}(Package: [ab]\n|V: 1\n|\n|x){0,30}", piece in 1_usize..40) {
        let (count, pieces) = scan(text.as_bytes(), &["a", "b"], piece).unwrap();
        let (whole_count, whole) = scan(text.as_bytes(), &["a", "b"], usize::MAX).unwrap();
        proptest::prop_assert_eq!(count, whole_count);
        for name in ["a", "b"] {
            proptest::prop_assert_eq!(pieces.found(name), whole.found(name));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let _ = scan(&bytes, &["a"], 7);
    }
}
