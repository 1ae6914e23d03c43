use proptest::prelude::*;

use super::*;

pub(crate) const SIMPLE: &str = r#"{
  "meta": {"api-version": "1.4", "_last-serial": 37059094}, "name": "demo-tool",
  "project-status": {"status": "archived", "reason": "moved"},
  "versions": ["1.0", "1.1.post1", "2.0rc1", "0.9"],
  "files": [
    {"filename": "demo_tool-1.0-py3-none-any.whl", "url": "../../packages/demo_tool-1.0-py3-none-any.whl", "size": 300,
     "hashes": {"sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
     "requires-python": ">=3.8", "upload-time": "2023-01-02T03:04:05.678901Z", "yanked": false,
     "core-metadata": {"sha256": "x"}, "provenance": "https://pypi.example.org/integrity/demo/provenance"},
    {"filename": "demo-tool-1.0.tar.gz", "url": "https://files.example/demo-tool-1.0.tar.gz", "hashes": {},
     "requires-python": null, "upload-time": "2023-01-02T03:00:00Z", "yanked": "broken metadata"},
    {"filename": "demo_tool-1.1.post1.tar.gz", "url": "https://files.example/demo_tool-1.1.post1.tar.gz",
     "hashes": {"sha256": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}, "yanked": "lost a module"},
    {"filename": "demo_tool-2.0rc1.tar.gz", "url": "https://files.example/demo_tool-2.0rc1.tar.gz", "hashes": {}, "yanked": true},
    {"filename": "demo_tool-2.0.dev3.tar.gz", "url": "https://files.example/demo_tool-2.0.dev3.tar.gz", "hashes": {}},
    {"filename": "demo-tool-1.0.win32.exe", "url": "https://files.example/demo-tool-1.0.win32.exe", "hashes": {}},
    {"filename": "demo_tool-3.0.tar.gz", "url": "file:///etc/passwd", "hashes": {}}
  ]
}"#;

pub(crate) const PROJECT: &str = r##"{
  "info": {"name": "Demo.Tool", "version": "1.1", "description": "# Demo\n\u00e9", "requires_python": ">=3.9",
    "classifiers": ["x"], "downloads": {"last_day": -1}, "yanked": false},
  "last_serial": 1, "vulnerabilities": [],
  "releases": {
    "1.1": [{"comment_text": "", "digests": {"blake2b_256": "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
        "md5": "18d0e51cd5e84c7d8b6dcbdd51551984", "sha256": "d8be941a08cf36e4f424ac76073eb911e5e646a33fcb3402e1642c426bf34682"},
      "filename": "demo_tool-1.1.tar.gz", "md5_digest": "18d0e51cd5e84c7d8b6dcbdd51551984", "packagetype": "sdist",
      "python_version": "source", "requires_python": ">=3.9", "size": 474018, "upload_time": "2016-04-29T21:57:10",
      "upload_time_iso_8601": "2016-04-29T21:57:10.487144Z", "url": "https://files.example/demo_tool-1.1.tar.gz",
      "yanked": false, "yanked_reason": null}],
    "1.0": [{"digests": {}, "filename": "demo_tool-1.0.tar.gz", "size": 1, "upload_time_iso_8601": "2015-01-01T00:00:00Z",
      "url": "../../files/demo_tool-1.0.tar.gz", "yanked": true, "yanked_reason": "leaks"}],
    "0.1": []
  },
  "urls": []
}"##;

fn simple(text: &str) -> file::Project {
    serde_json::from_reader::<_, Simple>(text.as_bytes())
        .unwrap()
        .project("https://a.example/simple/demo-tool/")
        .unwrap()
}

#[test]
fn the_simple_document_is_read() {
    let project = simple(SIMPLE);
    assert_eq!(project.status.as_deref(), Some("archived"));
    assert_eq!(project.versions, ["1.0", "1.1.post1", "2.0rc1", "0.9"]);
    // The last one's address may not be fetched; what else is said of it still counts.
    assert_eq!(project.files.iter().filter(|file| file.url.is_some()).count(), 6);
    assert_eq!(project.files[6].url, None);
    let wheel = &project.files[0];
    assert_eq!(wheel.url.as_deref(), Some("https://a.example/packages/demo_tool-1.0-py3-none-any.whl"));
    assert_eq!((wheel.size, wheel.uploaded_at, &wheel.yanked), (Some(300), Some(1_672_628_645), &None));
    assert_eq!(wheel.requires_python.as_deref(), Some(">=3.8"));
    assert_eq!(wheel.provenance.as_deref(), Some("https://pypi.example.org/integrity/demo/provenance"));
    assert_eq!(wheel.digests[0].algorithm, "sha256");
    let yanked: Vec<_> = project.files.iter().map(|file| file.yanked.as_deref()).collect();
    assert_eq!(yanked, [None, Some("broken metadata"), Some("lost a module"), Some(""), None, None, None]);
}

#[test]
fn the_project_document_is_read() {
    let project = serde_json::from_str::<Project>(PROJECT)
        .unwrap()
        .project("https://a.example/pypi/demo-tool/json")
        .unwrap();
    assert_eq!(project.versions, ["0.1", "1.0", "1.1"]);
    assert!(!project.more);
    let file = project.files.iter().find(|file| file.version.as_deref() == Some("1.1")).unwrap();
    assert_eq!((file.size, file.uploaded_at), (Some(474_018), Some(1_461_967_030)));
    assert_eq!(
        file.digests.iter().map(|d| d.algorithm.as_str()).collect::<Vec<_>>(),
        ["sha256", "blake2b-256", "md5"]
    );
    let file = project.files.iter().find(|file| file.version.as_deref() == Some("1.0")).unwrap();
    assert_eq!(file.yanked.as_deref(), Some("leaks"));
    assert_eq!(file.url.as_deref(), Some("https://a.example/files/demo_tool-1.0.tar.gz"));
}

#[test]
fn an_index_without_other_releases_still_has_the_newest() {
    let text = r#"{"info":{"version":"1.1"},"urls":[{"filename":"a-1.1.zip","url":"https://files.example/a-1.1.zip"}]}"#;
    let project = serde_json::from_str::<Project>(text)
        .unwrap()
        .project("https://a.example/pypi/demo-tool/json")
        .unwrap();
    assert_eq!((project.versions, project.files.len(), project.more), (vec!["1.1".to_owned()], 1, true));
}

#[test]
fn other_documents_are_refused() {
    for text in [
        "",
        "<html>",
        "{}",
        r#"{"message":"Not Found"}"#,
        r#"{"meta":{"api-version":"1.0"}}"#,
        r#"{"meta":{"api-version":"1.0"},"files":[{"filename":"x"}]}"#,
    ] {
        assert!(serde_json::from_str::<Simple>(text).is_err(), "{text}");
        assert!(serde_json::from_str::<Project>(text).is_err(), "{text}");
    }
    let next: Simple = serde_json::from_str(r#"{"meta":{"api-version":"2.0"},"files":[]}"#).unwrap();
    assert_eq!(next.project("https://a.example/").unwrap_err().code, "unsupported");
}

proptest! {
    #[test]
    fn damaged_documents_are_survived(cut in 0..PROJECT.len(), flip in any::<u8>(), bytes in any::<Vec<u8>>()) {
        for text in [SIMPLE, PROJECT] {
            let mut damaged = text.as_bytes().to_vec();
            if let Some(byte) = damaged.get_mut(cut) {
                *byte ^= flip;
            }
            for input in [&damaged, &bytes] {
                if let Ok(document) = serde_json::from_reader::<_, Simple>(input.as_slice()) {
                    let _ = document.project("https://a.example/simple/x/");
                }
                if let Ok(document) = serde_json::from_reader::<_, Project>(input.as_slice()) {
                    let _ = document.project("https://a.example/pypi/x/json");
                }
            }
        }
    }
}
