use super::*;
use crate::store::Head;

/// Five commits in a row, 1 being the second parent of 4; `main` went 0 1 2 4, where HEAD is;
/// `v1` is a tag at 1. HEAD came there from 2, from a branch that is gone, and from `main`.
struct Five;

fn commit(n: u8) -> Id<Commit> {
    let mut bytes = [n; 32];
    bytes[..2].copy_from_slice(&[0xab, 0xcd]);
    Id::from_bytes(bytes)
}

impl History for Five {
    type Error = RevisionError;
    fn head(&self) -> Result<Id<Commit>, RevisionError> {
        Ok(commit(4))
    }
    fn named(&self, name: &str) -> Result<Option<Id<Commit>>, RevisionError> {
        Ok(match name {
            "main" => Some(commit(4)),
            "v1" | "beef" => Some(commit(1)),
            _ => None,
        })
    }
    fn names(&self) -> Result<Vec<String>, RevisionError> {
        Ok(["main", "v1", "beef"].map(str::to_owned).to_vec())
    }
    fn with_prefix(&self, prefix: &str) -> Result<Vec<Id<Commit>>, RevisionError> {
        Ok((0..5).map(commit).filter(|id| id.to_string().starts_with(prefix)).collect())
    }
    fn moves(&self, name: Option<&str>) -> Result<Vec<Id<Commit>>, RevisionError> {
        Ok(match name {
            Some("main") | None => [4, 2, 1, 0].map(commit).to_vec(),
            Some("v1") => [1, 9].map(commit).to_vec(),
            _ => Vec::new(),
        })
    }
    fn left(&self, count: usize) -> Result<Vec<Head>, RevisionError> {
        let branch = |name: &str| Head::Branch(name.to_owned());
        let left = [Head::Detached(commit(2)), branch("gone"), branch("main")];
        Ok(left.into_iter().take(count).collect())
    }
    fn is_kept(&self, commit: Id<Commit>) -> Result<bool, RevisionError> {
        Ok((0..5).any(|n| self::commit(n) == commit))
    }
    fn parents(&self, child: Id<Commit>) -> Result<Vec<Id<Commit>>, RevisionError> {
        let first = (1..5).find(|&n| commit(n) == child).map(|n| commit(n - 1));
        Ok(first.into_iter().chain((child == commit(4)).then(|| commit(1))).collect())
    }
    fn with_message(
        &self,
        from: Option<Id<Commit>>,
        text: &str,
    ) -> Result<Option<Id<Commit>>, RevisionError> {
        let messages = ["base", "words", "more words", "facts", "merge"];
        let newest = (0..5).find(|&n| from == Some(commit(n))).unwrap_or(4);
        let found = (0..=newest).rev().find(|&n| messages[usize::from(n)].contains(text));
        Ok(found.map(commit))
    }
    fn summary(&self, _: Id<Commit>) -> Result<String, RevisionError> {
        Ok("message".to_owned())
    }
}

fn resolve(text: &str) -> Result<Id<Commit>, RevisionError> {
    Revision::parse(text)?.resolve(&Five)
}

#[test]
fn every_spelling_finds_its_commit() {
    for (text, expected) in [
        ("HEAD", 4),
        ("@", 4),
        ("main", 4),
        ("v1", 1),
        ("beef", 1),
        ("abcd03", 3),
        ("HEAD~", 3),
        ("HEAD~3", 1),
        ("HEAD^", 3),
        ("HEAD^^", 2),
        ("HEAD^~2^", 0),
        ("main~~", 2),
        ("main@{0}", 4),
        ("main@{2}", 1),
        ("@{1}", 2),
        ("HEAD@{3}", 0),
        ("main@{1}^", 1),
        ("-", 2),
        ("-~1", 1),
        ("@{-1}", 2),
        ("@{-3}", 4),
        ("@{-3}^2", 1),
        ("abcd03~3", 0),
        ("main^2", 1),
        ("main^0", 4),
        ("HEAD^1^1", 2),
        ("main^2~1", 0),
        (":/words", 2),
        ("v1^{/words}", 1),
        ("HEAD~1^{/words}~1", 1),
    ] {
        assert_eq!(resolve(text), Ok(commit(expected)), "{text}");
    }
}

#[test]
fn what_names_nothing_says_what_is_near() {
    assert!(
        matches!(resolve("abcd"), Err(RevisionError::Ambiguous { candidates, .. }) if candidates.len() == 5)
    );
    let near = |text| match resolve(text) {
        Err(RevisionError::Unknown { near, .. }) => near,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(near("mian"), ["main"]);
    assert_eq!(near("maim"), ["main"]);
    assert_eq!(near("v2"), ["v1"]);
    assert_eq!(near("abc"), Vec::<String>::new());
    assert!(matches!(resolve("HEAD~5"), Err(RevisionError::TooFar { length: 4, .. })));
    assert!(matches!(resolve("main@{4}"), Err(RevisionError::NotMoved { moves: 3, .. })));
    assert!(matches!(resolve("@{-2}"), Err(RevisionError::Unknown { .. })));
    assert!(matches!(resolve("@{-4}"), Err(RevisionError::NotSwitched { switches: 3, .. })));
    assert!(matches!(resolve("v1@{1}~2"), Err(RevisionError::Collected { .. })));
    assert!(matches!(resolve("main^3"), Err(RevisionError::NoParent { parents: 2, .. })));
    assert!(matches!(resolve(":/nosuch"), Err(RevisionError::NoMessage { .. })));
    assert!(matches!(resolve("v1..main"), Err(RevisionError::Range { .. })));
    for text in [
        "",
        "~1",
        ":/",
        "main^{/",
        "main~x",
        "main@{",
        "main@{x}",
        "@{-0}",
        "@{-x}",
        "main~99999999999999999999999",
    ] {
        assert!(matches!(resolve(text), Err(RevisionError::Syntax { .. })), "{text}");
    }
}
