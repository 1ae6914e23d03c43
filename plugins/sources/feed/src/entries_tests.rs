use super::*;

const RSS2: &str = r#"<?xml version="1.0"?>
<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/" xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel><title>Releases</title><link>https://a.example/</link>
 <item><media:title>wrong</media:title><title>  Tool &amp; co
   v1.2.3 &#x2013; out</title><link>https://a.example/1.2.3</link><guid isPermaLink="false">id-1</guid>
  <pubDate>Sat, 31 Jan 2026 00:00:00 GMT</pubDate><dc:date>2020-01-01</dc:date>
  <description><![CDATA[<title>not this</title>]]></description>
  <enclosure url="https://a.example/x.tar.gz?a=1&amp;b=2" length="12" type="application/gzip"/></item>
 <item><title><![CDATA[1.2.2 <b>old</b>]]></title></item>
</channel></rss>"#;

const ATOM_FEED: &str = r#"<feed xmlns="http://www.w3.org/2005/Atom" xmlns:x="urn:x"><title>t</title><updated>2026-01-31T00:00:00Z</updated>
 <entry><id>tag:1</id><title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">v<b>2.0</b></div></title>
  <link rel="self" href="https://a.example/self"/><link href="/2.0"/><link rel="alternate" href="/second"/>
  <link rel="enclosure" href="/f.zip" length="7"/>
  <updated>2026-01-31T01:00:00Z</updated><published>2026-01-31T00:00:00Z</published>
  <source><title>other feed</title></source><x:title>wrong</x:title></entry></feed>"#;

const RSS1: &str = r#"<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">
 <channel rdf:about="https://a.example/"><title>t</title><items><rdf:Seq/></items></channel>
 <item rdf:about="https://a.example/3"><title>3.0</title><link>https://a.example/3</link><dc:date>2026-01-31T00:00Z</dc:date></item>
</rdf:RDF>"#;

#[test]
fn rss_2() {
    let entries = parse(RSS2).unwrap();
    assert_eq!(entries.len(), 2);
    let expected = Entry {
        title: "Tool & co v1.2.3 – out".into(),
        link: "https://a.example/1.2.3".into(),
        id: "id-1".into(),
        published: "Sat, 31 Jan 2026 00:00:00 GMT".into(),
        updated: String::new(),
        enclosures: vec![Enclosure {
            url: "https://a.example/x.tar.gz?a=1&b=2".into(),
            length: "12".into(),
            media_type: "application/gzip".into(),
        }],
    };
    assert_eq!(entries[0], expected);
    assert_eq!(entries[1].title, "1.2.2 <b>old</b>");
}

#[test]
fn atom() {
    let entries = parse(ATOM_FEED).unwrap();
    let entry = &entries[0];
    assert_eq!(
        (entries.len(), entry.title.as_str(), entry.link.as_str(), entry.id.as_str()),
        (1, "v2.0", "/2.0", "tag:1")
    );
    assert_eq!(
        (entry.published.as_str(), entry.updated.as_str()),
        ("2026-01-31T00:00:00Z", "2026-01-31T01:00:00Z")
    );
    assert_eq!(entry.enclosures[0].url, "/f.zip");
    let prefixed = ATOM_FEED
        .replace("<feed xmlns=", "<a:feed xmlns:a=")
        .replace("</feed", "</a:feed")
        .replace("<title>", "<a:title>")
        .replace("</title>", "</a:title>")
        .replace("<entry>", "<a:entry>")
        .replace("</entry>", "</a:entry>")
        .replace("<title type", "<a:title type");
    assert_eq!(parse(&prefixed).unwrap()[0].title, "v2.0");
}

#[test]
fn rss_1() {
    let entries = parse(RSS1).unwrap();
    assert_eq!(
        (entries.len(), entries[0].title.as_str(), entries[0].id.as_str()),
        (1, "3.0", "https://a.example/3")
    );
    assert_eq!(entries[0].published, "2026-01-31T00:00Z");
}

#[test]
fn entities_do_not_explode() {
    let bomb = r#"<!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
        <rss><channel><item><title>&b;</title></item></channel></rss>"#;
    assert_eq!(parse(bomb).unwrap_err(), Problem::HasDtd);
    let outside = r#"<!DOCTYPE rss SYSTEM "file:///etc/passwd"><rss/>"#;
    assert_eq!(parse(outside).unwrap_err(), Problem::HasDtd);
    let unknown =
        parse("<rss><channel><item><title>1.0&xxe;</title><enclosure url='&xxe;'/></item></channel></rss>")
            .unwrap();
    assert_eq!((unknown[0].title.as_str(), unknown[0].enclosures[0].url.as_str()), ("1.0&xxe;", ""));
}

#[test]
fn what_is_no_feed_says_what_it_is() {
    let cases = [
        ("", "no element"),
        ("just text", "no element"),
        ("<html><body>hi</body></html>", "`html`"),
        (r#"<feed xmlns="urn:other"/>"#, "`feed`"),
        ("<rss><channel>", "too early"),
        ("<rss><channel></rss>", "well-formed"),
        ("<rss/><rss/>", "root element"),
        ("<rss><channel><item><title>&#xFFFFFFFF;</title></item></channel></rss>", "well-formed"),
    ];
    for (text, part) in cases {
        let problem = parse(text).unwrap_err();
        assert_eq!(problem.code(), "bad-response", "{text}");
        assert!(problem.to_string().contains(part), "{text}: {problem}");
    }
    assert!(parse("<rss/>").unwrap().is_empty());
}

#[test]
fn size_is_bounded_everywhere() {
    let deep = format!("<rss>{}", "<a>".repeat(100_000));
    assert_eq!(parse(&deep).unwrap_err().code(), "too-large");
    let long = format!("<rss><channel><item><title>{}</title></item></channel></rss>", "ä".repeat(100_000));
    assert_eq!(parse(&long).unwrap()[0].title.len(), MAX_TEXT);
    let many = format!("<rss><channel>{}</channel></rss>", "<item/>".repeat(5000));
    assert_eq!(parse(&many).unwrap().len(), MAX_ENTRIES);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,200}", xml in "(<rss>|</rss>|<item a='b'>|</item>|<title>|</title>|<link href='x'/>|&#65;|&x;|<!\\[CDATA\\[|\\]\\]>|<!--|-->|a| ){0,30}") {
        let _ = parse(&text);
        let _ = parse(&xml);
        let _ = parse(&format!("<rss><channel><item>{xml}</item></channel></rss>"));
    }

    #[test]
    fn no_change_of_a_feed_makes_it_panic(at in 0_usize..900, with in "[<>&;/\"'a]") {
        for feed in [RSS2, ATOM_FEED, RSS1] {
            let at = feed.floor_char_boundary(at % feed.len());
            let end = feed.ceil_char_boundary(at + 1);
            let _ = parse(&format!("{}{with}{}", &feed[..at], &feed[end..]));
            let _ = parse(&feed[..at]);
        }
    }
}
