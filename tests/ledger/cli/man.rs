//! `kledger man`.

use std::fs;

use super::Sandbox;

#[test]
fn a_page_is_written_for_each_verb_and_step() {
    let sandbox = Sandbox::bare();
    let written = sandbox.run(&["man", "man1"]).done();
    assert!(written.starts_with("Wrote "), "{written}");
    let page = fs::read_to_string(sandbox.root().join("man1/kledger-bisect-run.1")).unwrap();
    assert!(page.contains(".TH kledger-bisect-run 1"), "{page}");
    assert!(page.contains("\\-\\-expect"), "{page}");
}

#[test]
fn json_lists_the_pages() {
    let sandbox = Sandbox::bare();
    let told = sandbox.data(&["man", "pages"]);
    let pages = told["pages"].as_array().unwrap();
    assert_eq!(pages.len(), fs::read_dir(sandbox.root().join("pages")).unwrap().count());
    assert!(pages.contains(&"kledger-bisect-run.1".into()), "{told}");
}

#[test]
fn a_directory_is_wanted() {
    let sandbox = Sandbox::bare();
    sandbox.misused(&[&["man"]]);
    sandbox.write("file", "mine");
    let message = sandbox.run(&["man", "file"]).failed(1);
    assert!(message.contains("error: <dir>/repo/file is not a directory\nhint: name"), "{message}");
}
