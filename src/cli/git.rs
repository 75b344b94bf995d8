//! What does here what git's verbs and options do there.

/// Verbs of git that kledger has not, and what does it here.
const VERBS: &[(&str, &str)] = &[
    ("am", IMPORT),
    ("amend", AMEND),
    ("annotate", "kledger blame shows which commit set each fact"),
    ("apply", "kledger import applies a delta, kledger stash apply a stash"),
    ("archive", "kledger export --format merged REV DIR writes a version whole"),
    ("bundle", EXPORT),
    ("cat-file", "kledger show REV shows a commit in full, with --json for programs"),
    ("cherry", "kledger log A..B lists what B has and A does not"),
    ("clean", "kledger gc removes what nothing needs; kledger reset empties the stage"),
    ("clone", "kledger backup DIR makes a copy that is a repository"),
    ("count-objects", "kledger gc --dry-run counts what is kept and what is not needed"),
    ("describe", "kledger log -1 --oneline shows a version with its branches and tags"),
    ("difftool", "kledger diff compares facts, weights and answers"),
    ("fetch", EXCHANGE),
    ("filter-branch", FORGET),
    ("filter-repo", FORGET),
    ("for-each-ref", REFS),
    ("format-patch", EXPORT),
    ("grep", "kledger blame lists facts, kledger log --subject the commits that changed one's"),
    ("lfs", "nothing is needed for large files: the store is made for tensors"),
    ("ls-files", "kledger blame lists the facts of a version, kledger status what is staged"),
    ("ls-tree", "kledger blame --at REV lists the facts of a version"),
    ("maintenance", GC),
    ("merge-base", "kledger diff A...B compares with where both diverged"),
    ("mergetool", "kledger resolve settles conflicts"),
    ("mv", "a fact has no file: kledger rm takes one back, kledger add stages another"),
    ("name-rev", REFS),
    ("prune", GC),
    ("pull", EXCHANGE),
    ("push", EXCHANGE),
    ("range-diff", "kledger diff compares any two versions"),
    ("reflog", "kledger op log lists what every command moved; main@{1} is where main was before"),
    ("remote", EXCHANGE),
    ("repack", GC),
    ("restore", "kledger reset empties the stage, kledger checkout writes a version's files"),
    ("rev-list", "kledger log --json lists commits, of A..B too"),
    ("rev-parse", "kledger show REV --json has the whole id"),
    ("shortlog", "kledger log --oneline is short"),
    ("show-branch", REFS),
    ("show-ref", REFS),
    ("symbolic-ref", "kledger switch moves HEAD"),
    ("uncommit", "kledger reset HEAD~1 moves the branch back, kledger undo the last command"),
    ("unstage", UNSTAGE),
    ("update-ref", "kledger branch makes branches, kledger reset moves them"),
    ("verify-commit", FSCK),
    ("verify-pack", FSCK),
    ("version", "kledger --version says which this is"),
    ("whatchanged", "kledger log lists commits, kledger show --stat counts what one changed"),
    ("worktree", "kledger checkout REV --to DIR writes a version to another directory"),
];

/// Options of git's verbs that kledger's have not, and what does it here.
const OPTIONS: &[(&str, &str, &str)] = &[
    ("add", "-A", NAMED),
    ("add", "--all", NAMED),
    ("add", "-u", NAMED),
    ("branch", "-a", "all branches are here: kledger branch lists them"),
    ("branch", "--all", "all branches are here: kledger branch lists them"),
    ("branch", "--list", "kledger branch lists them"),
    ("commit", "-a", "a commit takes all that is staged: kledger add stages facts"),
    ("commit", "--all", "a commit takes all that is staged: kledger add stages facts"),
    ("commit", "--allow-empty", "a name for a version needs no commit: kledger tag NAME"),
    ("diff", "--cached", "kledger status lists what is staged"),
    ("diff", "--staged", "kledger status lists what is staged"),
    ("log", "-p", "kledger show REV shows what a commit changed"),
    ("log", "--stat", "kledger show --stat REV counts what a commit changed"),
    (
        "merge",
        "--squash",
        "kledger merge keeps both histories; kledger consolidate makes one delta",
    ),
    ("reset", "--soft", "kledger reset REV leaves what is staged as it is"),
    ("reset", "--mixed", "kledger reset REV moves the branch, kledger reset empties the stage"),
    ("rm", "--cached", UNSTAGE),
    ("show", "--name-only", "kledger show --stat counts what it changed"),
    ("status", "-s", "kledger status --json is for programs"),
    ("status", "--short", "kledger status --json is for programs"),
    ("status", "--porcelain", "kledger status --json is for programs"),
    ("switch", "--detach", "kledger checkout REV goes to any version"),
    ("tag", "-a", "a tag is a name; what it names has the message: kledger tag NAME REV"),
    ("tag", "-m", "a tag is a name; what it names has the message: kledger tag NAME REV"),
];

const AMEND: &str = "kledger commit --amend replaces the last commit";
const EXCHANGE: &str = "there are no remotes: kledger export --format delta REV DIR writes a version \
                        for another repository, kledger import --from-delta DIR takes it in there";
const EXPORT: &str =
    "kledger export --format delta REV DIR writes a version for another repository";
const FORGET: &str = "kledger forget SUBJECT takes a subject out of all history";
const FSCK: &str = "kledger fsck reads and checks all there is";
const GC: &str = "kledger gc removes what nothing needs any more";
const IMPORT: &str = "kledger import --from-delta DIR takes in what kledger export wrote";
const NAMED: &str = "name the files: kledger add FILE...";
const REFS: &str = "kledger branch and kledger tag list names, kledger log --graph --all --oneline \
                    shows where they are";
const UNSTAGE: &str = "kledger rm FILE takes facts off the stage, kledger reset empties it";

/// What does here what git's `verb` does.
pub(super) fn instead_of_verb(verb: &str) -> Option<&'static str> {
    VERBS.iter().find(|(name, _)| *name == verb).map(|(_, tip)| *tip)
}

/// What does here what git's `verb` does with `option`.
pub(super) fn instead_of_option(verb: &str, option: &str) -> Option<&'static str> {
    OPTIONS.iter().find(|(name, with, _)| (*name, *with) == (verb, option)).map(|(.., tip)| *tip)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, verbs::is_verb};

    #[test]
    fn tips_name_verbs_that_there_are() {
        for (verb, tip) in VERBS {
            assert!(!is_verb(verb), "{verb} is one");
            for named in tip.split("kledger ").skip(1) {
                let named = named.split([' ', ',', ';']).next().unwrap();
                assert!(named.starts_with('-') || is_verb(named), "{verb}: {named}");
            }
        }
    }

    #[test]
    fn options_with_a_tip_are_none_of_kledgers() {
        for (verb, option, tip) in OPTIONS {
            let error = Cli::try_parse_from(["kledger", verb, option, "x"]).unwrap_err();
            assert_eq!(error.kind(), clap::error::ErrorKind::UnknownArgument, "{verb} {option}");
            assert!(tip.contains("kledger "), "{tip}");
        }
    }
}
