//! `kledger checkout`, and what it does to a directory in which there is more than kledger wrote.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Stdio,
};

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::Sandbox;

/// Where each file of the user's is, and what it is: a file that was copied and removed is another one.
fn users(model: &Path) -> BTreeMap<PathBuf, (u64, Vec<u8>)> {
    ["notes.txt", "results/eval.json", "read-only", "latest", ".model.1-0.new/thesis"]
        .map(|name| {
            let path = model.join(name);
            let at = fs::symlink_metadata(&path).unwrap().ino();
            (path.clone(), (at, fs::read(&path).unwrap()))
        })
        .into()
}

fn add_users(model: &Path) {
    fs::create_dir_all(model.join("results")).unwrap();
    fs::create_dir_all(model.join(".model.1-0.new")).unwrap();
    fs::write(model.join(".model.1-0.new/thesis"), "years of work").unwrap();
    fs::write(model.join("results/eval.json"), "{}").unwrap();
    fs::write(model.join("notes.txt"), "years of work").unwrap();
    fs::write(model.join("read-only"), "mine").unwrap();
    fs::set_permissions(model.join("read-only"), fs::Permissions::from_mode(0o400)).unwrap();
    symlink("results/eval.json", model.join("latest")).unwrap();
}

/// The version that the directory says it holds.
fn held(model: &Path) -> String {
    let manifest: Value =
        serde_json::from_slice(&fs::read(model.join("kledger.json")).unwrap()).unwrap();
    manifest["commit"].as_str().unwrap().to_owned()
}

fn head(sandbox: &Sandbox) -> String {
    let status: Value = serde_json::from_str(&sandbox.run(&["status", "--json"]).done()).unwrap();
    status["data"]["head"]["commit"].as_str().unwrap().to_owned()
}

/// All names in the directory.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_version_is_written() {
    let sandbox = Sandbox::with_words();
    assert_snapshot!(sandbox.run(&["checkout"]).done(), @"
    [main <id>] Words
      written to <dir>/repo/model, 0 tensors edited
    ");
}

#[test]
fn a_tag_detaches_head() {
    let sandbox = Sandbox::with_words();
    sandbox.run(&["tag", "v1", "HEAD~1"]).done();
    assert_snapshot!(sandbox.run(&["checkout", "v1", "--to", "out"]).done(), @"
    [detached <id>] base stand-in
      written to <dir>/repo/out, 0 tensors edited
    ");
}

#[test]
fn json_says_where_and_what() {
    let sandbox = Sandbox::with_history();
    let told = sandbox.data(&["checkout", "HEAD~1"]);
    assert!(told["dir"].as_str().unwrap().ends_with("/repo/model"), "{told}");
    assert_eq!((&told["head"]["branch"], &told["set_aside"]), (&Value::Null, &json!([])));
}

#[test]
fn a_branch_is_made_on_the_way() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["reset"]).done();
    let made = sandbox.run(&["checkout", "-b", "fix", "HEAD~1"]).done();
    assert_snapshot!(made, @r#"
    [fix <id>] first
      written to <dir>/repo/model, 2 tensors edited
    "#);
    // One command is one step back.
    sandbox.run(&["undo"]).done();
    assert_eq!(sandbox.data(&["branch"])["branches"].as_array().unwrap().len(), 2);
    assert_eq!(sandbox.data(&["status"])["head"]["branch"], "main");
}

#[test]
fn a_branch_that_cannot_be_made_moves_nothing() {
    let sandbox = Sandbox::with_history();
    let before = sandbox.state();
    assert_snapshot!(sandbox.run(&["checkout", "-b", "main"]).failed(1), @r#"
    error: main exists already, at <id>
    hint: choose another name, or delete that one first
    "#);
    sandbox.run(&["checkout", "-b", "other", "nosuch"]).failed(1);
    assert_eq!(sandbox.state(), before);
}

#[test]
fn a_dash_is_where_head_was_before() {
    let sandbox = Sandbox::with_history();
    sandbox.run(&["switch", "draft"]).done();
    // Another name of the same branch is no other place.
    sandbox.run(&["branch", "-m", "draft", "trial"]).done();
    assert_snapshot!(sandbox.run(&["checkout", "-"]).done(), @"
    [main <id>] second
      written to <dir>/repo/model, 2 tensors edited
      1 fact still staged
    ");
}

#[test]
fn a_directory_of_somebody_else_is_refused() {
    let sandbox = Sandbox::with_words();
    fs::create_dir(sandbox.root().join("mine")).unwrap();
    sandbox.write("mine/letter.txt", "Dear");
    sandbox.refused(&["checkout", "--to", "mine"], 1, &["mine has files in it", "hint: "]);
    assert_eq!(fs::read_to_string(sandbox.root().join("mine/letter.txt")).unwrap(), "Dear");
}

/// The whole directory used to be exchanged for another one, and what was in it was lost.
#[test]
fn the_users_files_stay() {
    let sandbox = Sandbox::with_history();
    let model = sandbox.root().join("model");
    fs::remove_dir_all(&model).unwrap();
    sandbox.run(&["checkout", "main"]).done();
    add_users(&model);
    let (before, at) = (users(&model), fs::metadata(&model).unwrap().ino());
    for words in [
        &["checkout", "draft"][..],
        &["checkout", "main"],
        &["checkout", "HEAD~1", "--to", "model"],
        &["checkout", "main~2"],
        &["checkout", "draft"],
        &["reset", "--hard", "HEAD~1"],
    ] {
        let was = held(&model);
        sandbox.run(words).done();
        assert_eq!(users(&model), before, "{words:?}");
        assert_eq!(fs::metadata(&model).unwrap().ino(), at, "{words:?}: it is the same directory");
        assert_ne!(held(&model), was, "{words:?}");
        assert_eq!(held(&model), head(&sandbox), "{words:?}");
        assert!(!names(&model).iter().any(|name| name.starts_with(".kledger")), "{words:?}");
    }
}

#[test]
fn the_users_files_stay_in_a_search_too() {
    let sandbox = Sandbox::with_history();
    let model = sandbox.root().join("model");
    fs::remove_dir_all(&model).unwrap();
    sandbox.run(&["checkout", "main"]).done();
    add_users(&model);
    let before = users(&model);
    sandbox.run(&["reset", "--hard", "HEAD~1"]).done();
    for words in [
        &["undo"][..],
        &["bisect", "start", "main", "main~2"],
        &["bisect", "good"],
        &["bisect", "reset"],
    ] {
        sandbox.run(words).done();
        assert_eq!(users(&model), before, "{words:?}");
        assert!(!names(&model).iter().any(|name| name.starts_with(".kledger")), "{words:?}");
    }
}

#[test]
fn what_one_version_has_and_another_has_not_goes_with_it() {
    let sandbox = Sandbox::with_history();
    let edited = sandbox.root().join("model/model-edited.safetensors");
    assert!(edited.exists());
    sandbox.run(&["checkout", "main~2"]).done();
    assert!(!edited.exists());
}

/// A checkout in which a file was changed, and another that is as long as it was.
fn changed() -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::with_history();
    let model = sandbox.root().join("model");
    fs::write(model.join("config.json"), "{\"model_type\": \"mine\"}").unwrap();
    let mut edited = fs::read(model.join("model-edited.safetensors")).unwrap();
    *edited.last_mut().unwrap() ^= 1;
    fs::write(model.join("model-edited.safetensors"), &edited).unwrap();
    (sandbox, model)
}

#[test]
fn what_the_user_changed_is_refused_by_name() {
    let (sandbox, model) = changed();
    let (state, there) = (sandbox.state(), names(&model));
    for words in [
        &["checkout", "draft"][..],
        &["reset", "--hard", "HEAD~1"],
        &["bisect", "start", "main", "main~2"],
    ] {
        let message = sandbox.run(words).failed(1);
        assert!(
            message.contains(
                "model would lose config.json, changed since kledger wrote it; model-edited"
            ),
            "{message}"
        );
        assert!(message.contains("hint: ") && message.contains("--force"), "{message}");
        assert_eq!((sandbox.state(), names(&model)), (state.clone(), there.clone()), "{words:?}");
    }
}

#[test]
fn what_the_user_changed_is_kept_under_another_name() {
    let (sandbox, model) = changed();
    let read = |name: &str| fs::read(model.join(name)).unwrap();
    let other = read("model-edited.safetensors");
    let told = sandbox.run(&["checkout", "draft", "--force"]).done();
    assert!(told.contains("config.json was in the way and is kept as config.json.orig"), "{told}");
    assert_eq!(read("config.json"), fs::read(sandbox.dir.path().join("base/config.json")).unwrap());
    assert_eq!(read("config.json.orig"), b"{\"model_type\": \"mine\"}");
    assert_eq!(read("model-edited.safetensors.orig"), other);
    // A second time it is another name.
    fs::write(model.join("config.json"), "{}").unwrap();
    let told = sandbox.data(&["reset", "--hard", "--force", "main"]);
    let kept = json!([{"name": "config.json", "to": "config.json.orig.2"}]);
    assert_eq!(told["set_aside"], kept);
}

/// Where kledger has something to write, and where a loader would take it for kledger's.
#[test]
fn what_is_in_the_way_is_refused_by_name() {
    let sandbox = Sandbox::with_history();
    let model = sandbox.root().join("model");
    sandbox.run(&["checkout", "main~2"]).done();
    for (name, needed) in [("model-edited.safetensors", "main"), ("model.safetensors", "main~2")] {
        fs::create_dir(model.join(name)).unwrap();
        fs::write(model.join(name).join("inside"), "mine").unwrap();
        let (state, there) = (sandbox.state(), names(&model));
        let message = sandbox.run(&["checkout", needed]).failed(1);
        let said = format!("model would lose {name}, which kledger did not write");
        assert!(message.contains(&said), "{message}");
        assert_eq!((sandbox.state(), names(&model)), (state, there));
        sandbox.run(&["checkout", needed, "--force"]).done();
        let kept = model.join(format!("{name}.orig/inside"));
        assert_eq!(fs::read_to_string(kept).unwrap(), "mine");
        sandbox.run(&["checkout", "main~2"]).done();
    }
}

/// What the base has none of is not written either.
#[test]
fn files_that_the_base_lacks_are_not_written() {
    let model = Sandbox::with_history().root().join("model");
    for name in ["generation_config.json", "vocab.json"] {
        assert!(!model.join(name).exists(), "{name}");
    }
}

#[test]
fn of_many_files_in_the_way_some_are_named() {
    let sandbox = Sandbox::with_history();
    let model = sandbox.root().join("model");
    for name in names(&model).into_iter().filter(|name| name != "kledger.json") {
        if model.join(&name).is_file() && !name.starts_with("notes") {
            fs::remove_file(model.join(&name)).unwrap();
            fs::write(model.join(&name), "changed").unwrap();
        }
    }
    let message = sandbox.run(&["checkout", "main"]).failed(1);
    let named = message.matches("changed since kledger wrote it").count();
    assert!((1..=10).contains(&named), "{message}");
}

/// Takes the list of files out of a manifest: manifests used to have none.
fn forget_files(model: &Path) {
    let path = model.join("kledger.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest.as_object_mut().unwrap().remove("files").unwrap();
    fs::write(&path, manifest.to_string()).unwrap();
}

#[test]
fn a_directory_that_an_earlier_kledger_wrote_is_written_again() {
    let sandbox = Sandbox::with_history();
    let model = sandbox.root().join("model");
    forget_files(&model);
    let told = sandbox.run(&["status", "--json"]).done();
    assert!(told.contains(r#""current":true,"files":null"#), "{told}");
    sandbox.run(&["checkout", "main~2"]).done();
    assert!(!model.join("model-edited.safetensors").exists());
    assert!(model.join("notes.txt").exists());
}

#[test]
fn what_the_user_changed_in_a_directory_of_an_earlier_kledger_is_refused() {
    let sandbox = Sandbox::with_history();
    let model = sandbox.root().join("model");
    forget_files(&model);
    fs::write(model.join("config.json"), "{}").unwrap();
    let message = sandbox.run(&["checkout", "main~2"]).failed(1);
    assert!(message.contains("model would lose config.json, changed since"), "{message}");
    assert_eq!(fs::read_to_string(model.join("config.json")).unwrap(), "{}");
    sandbox.run(&["checkout", "main~2", "--force"]).done();
    assert_eq!(fs::read_to_string(model.join("config.json.orig")).unwrap(), "{}");
}

/// A link used to be replaced by a directory.
#[test]
fn links_to_directories_are_followed_and_stay() {
    let sandbox = Sandbox::with_words();
    let root = sandbox.root();
    let model = root.join("model");
    fs::create_dir_all(sandbox.dir.path().join("disk/models")).unwrap();
    symlink("../disk/models", &model).unwrap();
    for revision in ["main", "HEAD~1", "main"] {
        sandbox.run(&["checkout", revision]).done();
        assert!(fs::symlink_metadata(&model).unwrap().is_symlink());
        assert_eq!(held(&sandbox.dir.path().join("disk/models")), head(&sandbox));
    }
    symlink("../disk/export", root.join("out")).unwrap();
    fs::create_dir(sandbox.dir.path().join("disk/export")).unwrap();
    sandbox.run(&["export", "HEAD", "out"]).done();
    assert!(fs::symlink_metadata(root.join("out")).unwrap().is_symlink());
    assert!(sandbox.dir.path().join("disk/export/model.safetensors").exists());
}

#[test]
fn links_that_lead_nowhere_are_refused() {
    let sandbox = Sandbox::with_words();
    let root = sandbox.root();
    let (state, there) = (sandbox.state(), names(&root));
    for (target, said) in [
        (Some("nowhere"), "is a link to nowhere, which is not there"),
        (Some("other"), "is a link to other: "),
        (None, "is no directory"),
    ] {
        match target {
            Some(target) => symlink(target, root.join("other")).unwrap(),
            None => sandbox.write("other", "mine"),
        }
        for words in [&["checkout", "main", "--to", "other"][..], &["export", "main", "other"]] {
            let message = sandbox.run(words).failed(1);
            assert!(message.contains(said) && message.contains("hint: "), "{message}");
        }
        assert!(fs::symlink_metadata(root.join("other")).is_ok(), "{said}");
        fs::remove_file(root.join("other")).unwrap();
        assert_eq!((sandbox.state(), names(&root)), (state.clone(), there.clone()), "{said}");
    }
}

/// What is copied, and not the base's own file, used to be acknowledged before it was on disk.
#[test]
fn shards_that_are_copied_are_synced() {
    let sandbox = Sandbox::with_history();
    let elsewhere = Path::new("/dev/shm");
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    // Where there is no second file system, files of one's own are never written as copies.
    let Some(_) = device(elsewhere).filter(|other| Some(*other) != device(&sandbox.root())) else {
        return;
    };
    let to = tempfile::tempdir_in(elsewhere).unwrap();
    let log = sandbox.dir.path().join("faults");
    let mut command =
        sandbox.command(&["checkout", "main~2", "--to", to.path().join("a").to_str().unwrap()]);
    command.env("KLEDGER_FAULT_LOG", &log);
    sandbox.finish(command, "").done();
    let passed = fs::read_to_string(&log).unwrap();
    let count = |what: &str| passed.lines().filter(|line| line.starts_with(what)).count();
    let shards = names(&to.path().join("a")).into_iter();
    let shards = shards.filter(|name| name.ends_with(".safetensors")).count();
    assert!(shards > 0);
    assert_eq!(count("checkout: before a shard is linked"), shards);
    assert_eq!(count("checkout: before a shard is synced"), shards);
}

/// Several at once, and another place to stand in: what is left is one version, and it is HEAD's.
#[test]
fn checkouts_at_the_same_time() {
    let sandbox = Sandbox::with_history();
    let model = sandbox.root().join("model");
    let notes = fs::metadata(model.join("notes.txt")).unwrap().ino();
    for _ in 0..3 {
        let at_work: Vec<_> = ["main", "draft", "main~2", "main", "draft"]
            .iter()
            .map(|revision| {
                let mut command = sandbox.command(&["checkout", revision]);
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for child in at_work {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() || said.contains("is in use"), "{said}");
        }
        assert_eq!(held(&model), head(&sandbox));
        let told = sandbox.run(&["status", "--json"]).done();
        assert!(told.contains(r#""changed":[],"deleted":[]"#), "{told}");
        assert_eq!(fs::metadata(model.join("notes.txt")).unwrap().ino(), notes);
        assert!(!names(&model).iter().any(|name| name.starts_with(".kledger")));
    }
}
